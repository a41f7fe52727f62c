"""What goes wrong on purpose: at random with a seed, or the n-th call of an operation.

    {"seed": 7,
     "rates": [{"service": "ebs", "operation": "PutSnapshotBlock", "region": "*", "kind": "throttle", "rate": 0.08}],
     "script": [{"service": "ebs", "operation": "CompleteSnapshot", "region": "eu-central-1", "nth": 3,
                 "kind": "error", "code": "AccessDeniedException", "status": 403, "message": "no"}]}

Kinds: throttle, internal, error (`code`, `status`, `message`, `members`), cut (the connection is reset in the middle
of the request's body), drop_before (it is reset after that, and nothing was done), drop_after (done, but no answer),
hang and hang_after (no answer for `seconds`), slow (an answer spread over `seconds`), truncate (done; half an answer).
A script entry holds for `times` calls from the `nth` on. What happens to a call depends on the seed, its operation and
its number among the calls of that operation in that region, not on the order in which calls of different operations
come. A cut is decided before the operation of an EC2 or STS request is known, so there it cannot name one.
"""

import dataclasses
import hashlib
import threading

from endpoint.errors import ServiceError
from endpoint.http import Delivery

KINDS = ('throttle', 'internal', 'error', 'cut', 'drop_before', 'drop_after', 'hang', 'hang_after', 'slow', 'truncate')
EBS_THROTTLES = (('RequestThrottledException', 'ACCOUNT_THROTTLED'),
                 ('RequestThrottledException', 'DEPENDENCY_REQUEST_THROTTLED'),
                 ('RequestThrottledException', 'RESOURCE_LEVEL_THROTTLE'), ('ThrottlingException', None))


@dataclasses.dataclass
class Rule:
    kind: str
    service: str = '*'
    operation: str = '*'
    region: str = '*'
    rate: float = 0.0
    nth: int = 0
    times: int = 1
    seconds: float = 30.0
    code: str = 'AccessDeniedException'
    status: int = 403
    message: str = 'by a fault of the test'
    members: dict = dataclasses.field(default_factory=dict)
    seen: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f'there is no fault {self.kind}')

    def covers(self, service, operation, region):
        return (self.service in ('*', service) and self.operation in ('*', operation)
                and self.region in ('*', region))


@dataclasses.dataclass
class Fault:
    """`error` is answered instead of doing anything; else `delivery` says how the answer leaves; `is_after` that the
    operation is done first."""

    kind: str
    error: ServiceError | None
    delivery: Delivery
    is_after: bool


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        with self._lock:
            self._seed, self._rates, self._script, self._counts = 0, [], [], {}

    def set(self, text):
        if unknown := set(text) - {'seed', 'rates', 'script'}:
            raise ValueError(f'unknown in faults: {", ".join(unknown)}')
        rates = [Rule(**rule) for rule in text.get('rates', [])]
        script = [Rule(**rule) for rule in text.get('script', [])]
        if any(rule.nth < 1 for rule in script):
            raise ValueError('a script entry needs nth, from 1')
        with self._lock:
            self._seed, self._rates, self._script, self._counts = text.get('seed', 0), rates, script, {}

    def next(self, service, operation, region):
        """The fault of this call; None for most."""
        with self._lock:
            rule, number = self._rule(service, operation, region, is_cut=False)
            return _fault_of(rule, service, number) if rule else None

    def is_cut(self, service, operation, region):
        with self._lock:
            return self._rule(service, operation, region, is_cut=True)[0] is not None

    def _rule(self, service, operation, region, is_cut):
        key = (service, operation, region)
        number = self._counts[key, is_cut] = self._counts.get((key, is_cut), 0) + 1
        return self._scripted(*key, is_cut) or self._random(*key, number, is_cut), number

    def _scripted(self, service, operation, region, is_cut):
        hit = None
        for rule in self._script:
            if (rule.kind == 'cut') == is_cut and rule.covers(service, operation, region):
                rule.seen += 1
                if rule.nth <= rule.seen < rule.nth + rule.times:
                    hit = hit or rule
        return hit

    def _random(self, service, operation, region, number, is_cut):
        for position, rule in enumerate(self._rates):
            if (rule.kind == 'cut') == is_cut and rule.covers(service, operation, region):
                text = f'{self._seed} {position} {service} {operation} {region} {number}'
                draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big') / 2 ** 64
                if draw < rule.rate:
                    return rule
        return None


def _fault_of(rule, service, number):
    if rule.kind == 'throttle':
        return Fault(rule.kind, throttle(service, number), Delivery(), False)
    if rule.kind == 'internal':
        return Fault(rule.kind, internal(service, number), Delivery(), False)
    if rule.kind == 'error':
        return Fault(rule.kind, ServiceError(rule.code, rule.message, rule.status, rule.members), Delivery(), False)
    kind, _, when = rule.kind.partition('_')
    is_after = when == 'after' or kind in ('slow', 'truncate')
    return Fault(rule.kind, None, Delivery(kind, rule.seconds), is_after)


def throttle(service, number=0):
    if service == 'ebs':
        code, reason = EBS_THROTTLES[number % len(EBS_THROTTLES)]
        return ServiceError(code, 'Rate exceeded', 400, {'Reason': reason} if reason else {}, by_gateway=not reason)
    code, status = {'ec2': ('RequestLimitExceeded', 503), 's3': ('SlowDown', 503), 'sts': ('Throttling', 400)}.get(
        service, ('ThrottlingException', 400))
    message = 'Please reduce your request rate.' if service == 's3' else 'Request limit exceeded.'
    return ServiceError(code, message, status, by_gateway=True)


def internal(service, number=0):
    code, status = {
        'ebs': ('InternalServerException', 500), 'ec2': (('InternalError', 500), ('Unavailable', 503))[number % 2],
        'ssm': ('InternalServerError', 500), 's3': ('InternalError', 500), 'sts': ('InternalFailure', 500)}[service]
    return ServiceError(code, 'An internal error has occurred', status)
