"""The way of one request: who, which service, signature, shape, fault, operation, answer, log."""

import dataclasses
import time
import traceback
import uuid

from endpoint import signature
from endpoint.admin import Admin
from endpoint.errors import ServiceError, ShapeProblem
from endpoint.faults import Faults, internal
from endpoint.http import Delivery, Response
from endpoint.request_log import RequestLog, key_fields
from endpoint.services import ebs, ec2, s3, ssm, sts
from endpoint.wire.json11 import JsonProtocol
from endpoint.wire.models import load_model
from endpoint.wire.query import Ec2Protocol, QueryProtocol
from endpoint.wire.rest import RestJsonProtocol, RestXmlProtocol


@dataclasses.dataclass
class Caller:
    """Whose request it is; `account` is empty for unsigned ones."""

    account: str
    region: str
    principal: str
    access_key: str


class Service:
    """A service's protocol, model and operations: name to function(caller, params)."""

    def __init__(self, protocol, model, operations):
        self.protocol = protocol
        self.operations = operations
        self.models = {name: model.operation_model(name) for name in operations}

    def operation(self, name):
        if name not in self.operations:
            raise ServiceError('UnknownOperationException', f'The endpoint does not serve {name}', 501)
        return self.models[name], self.operations[name]


def build_services(world):
    services = {}
    for name, module, protocol in (('ebs', ebs, RestJsonProtocol), ('ec2', ec2, Ec2Protocol), ('ssm', ssm,
                                                                                               JsonProtocol),
                                   ('sts', sts, QueryProtocol), ('s3', s3, RestXmlProtocol)):
        model = load_model(name)
        operations = module.operations(world)
        arguments = (model, operations) if name in ('ebs', 's3') else (model,)
        services[name] = Service(protocol(*arguments), model, operations)
    return services


class Call:
    def __init__(self, request):
        self.request = request
        self.request_id = str(uuid.uuid4())
        self.started = time.time()
        self.service = ''
        self.region = ''
        self.operation = ''
        self.caller = Caller('', '', '', '')
        self.params = {}
        self.fault = None
        self.code = ''


class Endpoint:
    def __init__(self, world):
        self.world = world
        self.services = build_services(world)
        self.faults = Faults()
        self.log = RequestLog(world.path('requests.jsonl'))
        self.admin = Admin(self)

    def handle(self, request):
        if request.path.startswith('/_test/'):
            return self.admin.handle(request), Delivery()
        call = Call(request)
        response = self._answer(call)
        delivery = call.fault.delivery if call.fault else Delivery()
        self._log(call, response)
        return response, delivery

    def is_cut(self, request):
        """Asked with the head alone: of EC2 and STS the operation is not known yet."""
        try:
            scope = signature.read_scope(request)
            if scope is None or scope.service not in self.services:
                return False
            protocol = self.services[scope.service].protocol
            operation = '' if isinstance(protocol, QueryProtocol) else protocol.identify(request)
        except (ValueError, ServiceError):
            return False
        if not self.faults.is_cut(scope.service, operation, scope.region):
            return False
        self.log.add({'time': time.time(), 'region': scope.region, 'service': scope.service, 'operation': operation,
                      'status': 0, 'code': '', 'fault': 'cut', 'key': {}})
        return True

    def _answer(self, call):
        try:
            scope = self._identify(call)
            protocol = self.services[call.service].protocol
        except ServiceError as error:
            call.service = call.service or _service_by_looks(call.request)
            return self._render_error(call, error)
        try:
            return self._perform(call, scope, protocol)
        except ServiceError as error:
            return self._render_error(call, error)
        except ShapeProblem as problem:
            return self._render_error(call, protocol.refuse_shape(problem))
        except Exception:
            traceback.print_exc()
            return self._render_error(call, internal(call.service))

    def _identify(self, call):
        try:
            scope = signature.read_scope(call.request)
        except ValueError as error:
            call.service = _service_by_looks(call.request)
            raise signature.refusal(call.service, 'incomplete', f'Authorization cannot be read: {error}') from None
        if scope is None:
            call.service = _service_by_looks(call.request)
            return None
        if scope.service not in self.services:
            raise signature.refusal(_service_by_looks(call.request), 'mismatch',
                                    f'Credential should be scoped to a served service, not {scope.service}')
        call.service, call.region = scope.service, scope.region
        return scope

    def _perform(self, call, scope, protocol):
        request = call.request
        call.operation = protocol.identify(request)
        self._authenticate(call, scope)
        operation, perform = self.services[call.service].operation(call.operation)
        call.params = protocol.parse(request, operation)
        call.fault = self.faults.next(call.service, call.operation, call.region)
        if call.fault and call.fault.error:
            raise call.fault.error
        if call.fault and not call.fault.is_after:
            return Response(500, [], b'')
        result = perform(call.caller, call.params)
        return protocol.render(operation, result, call.request_id)

    def _authenticate(self, call, scope):
        if scope is None:
            if call.service == 'sts' and call.operation == 'AssumeRoleWithWebIdentity':
                return
            if call.service == 's3' and call.operation in s3.PUBLIC_OPERATIONS:
                return
            raise signature.refusal(call.service, 'missing', 'Missing Authentication Token')
        if scope.region not in self.world.settings.regions + self.world.settings.opt_in_regions:
            raise signature.refusal(call.service, 'mismatch', 'Credential should be scoped to a valid region.')
        with self.world.lock:
            credential = self.world.credentials.get(scope.access_key)
        is_unsigned_allowed = call.service == 's3' or (call.service, call.operation) == ('ebs', 'PutSnapshotBlock')
        signature.verify(call.request, scope, credential, self.world.now(), is_unsigned_allowed)
        call.caller = Caller(credential.account, scope.region, credential.principal(), credential.access_key)

    def _render_error(self, call, error):
        call.code = error.code
        return self.services[call.service].protocol.render_error(error, call.request_id, call.request)

    def _log(self, call, response):
        fault = call.fault.kind if call.fault else ''
        is_answered = not call.fault or call.fault.delivery.kind not in ('drop', 'hang')
        self.log.add({
            'time': call.started, 'ms': round((time.time() - call.started) * 1000, 3), 'region': call.region,
            'service': call.service, 'operation': call.operation, 'code': call.code,
            'status': response.status if is_answered else 0,
            'fault': fault, 'request_bytes': call.request.body.length, 'response_bytes': len(response.body),
            'account': call.caller.account, 'access_key': call.caller.access_key, 'key': key_fields(call.params)})


def _service_by_looks(request):
    """Of an unsigned request, which service's errors it gets."""
    if request.header('x-amz-target') is not None:
        return 'ssm'
    if request.header('content-type', '').startswith('application/x-www-form-urlencoded'):
        body = bytes(request.body.data or b'')
        return 'sts' if b'Version=2011-06-15' in body else 'ec2'
    return 'ebs' if request.path.startswith('/snapshots') else 's3'
