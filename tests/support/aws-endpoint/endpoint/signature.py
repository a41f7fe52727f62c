"""Signature Version 4 of a request, recomputed by botocore's signer from the request as it came."""

import calendar
import dataclasses
import hmac
import re
import time
import urllib.parse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from endpoint.errors import ServiceError

AUTHORIZATION = re.compile(
    r'AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*'
    r'SignedHeaders=([a-z0-9;_-]+),\s*Signature=([0-9a-f]{64})')
AMZ_DATE = re.compile(r'\d{8}T\d{6}Z')
HEX_SHA256 = re.compile(r'[0-9a-f]{64}')
UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'


@dataclasses.dataclass
class Scope:
    access_key: str
    date: str
    region: str
    service: str
    signed_headers: list
    signature: str


def read_scope(request):
    """None for an unsigned request; ValueError when the header is there and cannot be read."""
    text = request.header('authorization')
    if text is None:
        return None
    found = AUTHORIZATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return Scope(*found.groups()[:4], found[5].split(';'), found[6])


@dataclasses.dataclass(frozen=True)
class Dialect:
    """The names a family of services gives to what is wrong with a signature: (code, status) each."""

    missing: tuple
    incomplete: tuple
    unknown_key: tuple
    bad_token: tuple
    expired_token: tuple
    mismatch: tuple
    skewed: tuple
    skew_limit_s: int = 300


DIALECTS = {
    'ebs': Dialect(('MissingAuthenticationTokenException', 403), ('IncompleteSignatureException', 403),
                   ('UnrecognizedClientException', 403), ('UnrecognizedClientException', 403),
                   ('ExpiredTokenException', 403), ('InvalidSignatureException', 403),
                   ('InvalidSignatureException', 403)),
    'ssm': Dialect(('MissingAuthenticationTokenException', 400), ('IncompleteSignatureException', 400),
                   ('UnrecognizedClientException', 400), ('UnrecognizedClientException', 400),
                   ('ExpiredTokenException', 400), ('InvalidSignatureException', 400),
                   ('InvalidSignatureException', 400)),
    'ec2': Dialect(('AuthFailure', 401), ('AuthFailure', 401), ('AuthFailure', 401), ('AuthFailure', 401),
                   ('RequestExpired', 400), ('AuthFailure', 401), ('RequestExpired', 400)),
    'sts': Dialect(('MissingAuthenticationToken', 403), ('IncompleteSignature', 403), ('InvalidClientTokenId', 403),
                   ('InvalidClientTokenId', 403), ('ExpiredToken', 403), ('SignatureDoesNotMatch', 403),
                   ('SignatureDoesNotMatch', 403)),
    's3': Dialect(('AccessDenied', 403), ('AuthorizationHeaderMalformed', 400), ('InvalidAccessKeyId', 403),
                  ('InvalidToken', 400), ('ExpiredToken', 400), ('SignatureDoesNotMatch', 403),
                  ('RequestTimeTooSkewed', 403), skew_limit_s=900),
}


def refusal(service, reason, message):
    code, status = getattr(DIALECTS[service], reason)
    return ServiceError(code, message, status, by_gateway=True)


def verify(request, scope, credential, now, unsigned_payload_allowed):
    """Raises ServiceError unless the request is signed by `credential` (None: no such key), now, and unchanged."""
    service = scope.service
    if credential is None:
        raise refusal(service, 'unknown_key', 'The security token included in the request is invalid.')
    _check_token(request, service, credential, now)
    timestamp = _timestamp_of(request, scope)
    _check_signed_headers(request, scope)
    payload_hash = _payload_hash(request, scope, unsigned_payload_allowed)
    _check_skew(service, timestamp)
    expected, canonical = _sign(request, scope, credential, timestamp, payload_hash)
    if not hmac.compare_digest(expected, scope.signature):
        raise refusal(service, 'mismatch', 'The request signature we calculated does not match the signature you '
                      'provided. Check your AWS Secret Access Key and signing method.\n\nThe Canonical String for '
                      f"this request should have been\n'{canonical}'")
    if payload_hash not in (UNSIGNED_PAYLOAD, request.body.sha256):
        raise _body_mismatch(service)


def _check_token(request, service, credential, now):
    token = request.header('x-amz-security-token')
    if (credential.session_token or None) != token:
        raise refusal(service, 'bad_token', 'The security token included in the request is invalid.')
    if credential.expires_at is not None and now >= credential.expires_at:
        raise refusal(service, 'expired_token', 'The security token included in the request is expired')


def _timestamp_of(request, scope):
    timestamp = request.header('x-amz-date', '')
    if not AMZ_DATE.fullmatch(timestamp) or not timestamp.startswith(scope.date):
        raise refusal(scope.service, 'incomplete', 'X-Amz-Date has to be there, as YYYYMMDDTHHMMSSZ, on the day of '
                      'the credential scope')
    return timestamp


def _check_signed_headers(request, scope):
    signed = scope.signed_headers
    if signed != sorted(set(signed)):
        raise refusal(scope.service, 'incomplete', 'SignedHeaders has to be sorted and without repetition')
    wanted = {'host'} | {name.lower() for name, _ in request.headers if name.lower().startswith('x-amz-')}
    if unsigned := sorted(wanted - set(signed)):
        raise refusal(scope.service, 'mismatch', f'There were headers present in the request which were not signed: '
                      f'{", ".join(unsigned)}')
    if absent := [name for name in signed if request.header(name) is None]:
        raise refusal(scope.service, 'mismatch', f'Headers are signed that the request does not have: '
                      f'{", ".join(absent)}')


def _payload_hash(request, scope, unsigned_payload_allowed):
    """What stands for the body in the canonical request."""
    given = request.header('x-amz-content-sha256')
    if given is None:
        if scope.service == 's3':
            raise ServiceError('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
        return request.body.sha256
    if given == UNSIGNED_PAYLOAD:
        if not unsigned_payload_allowed:
            raise refusal(scope.service, 'mismatch', 'This operation does not take an unsigned payload')
    elif given.startswith('STREAMING-'):
        raise ServiceError('NotImplemented', f'{given} is not implemented here', 501)
    elif not HEX_SHA256.fullmatch(given):
        raise ServiceError('InvalidArgument', 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.')
    return given


def _check_skew(service, timestamp):
    signed_at = _seconds_of(timestamp)
    limit = DIALECTS[service].skew_limit_s
    if abs(time.time() - signed_at) <= limit:
        return
    server_time = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    if service == 's3':
        message = 'The difference between the request time and the current time is too large.'
    elif service == 'ec2':
        message = 'Request has expired.'
    elif signed_at < time.time():
        message = f'Signature expired: {timestamp} is now earlier than {server_time} - {limit // 60} min.'
    else:
        message = f'Signature not yet current: {timestamp} is still later than {server_time} + {limit // 60} min.'
    raise refusal(service, 'skewed', message)


def _seconds_of(timestamp):
    numbers = [int(timestamp[start:end]) for start, end in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))]
    return calendar.timegm(numbers)


def _body_mismatch(service):
    if service == 's3':
        return ServiceError('XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match "
                            'what was computed.')
    return refusal(service, 'mismatch', 'x-amz-content-sha256 is not the SHA-256 of the body')


def _sign(request, scope, credential, timestamp, payload_hash):
    signer_class = S3Checker if scope.service == 's3' else Checker
    signer = signer_class(credential, scope, payload_hash)
    path = request.path
    if scope.service == 's3':
        path = urllib.parse.quote(urllib.parse.unquote_to_bytes(path), safe='/-_.~')
    again = AWSRequest(request.method, 'http://endpoint' + path, params=request.query_pairs)
    for name in scope.signed_headers:
        for value in request.header_values(name):
            again.headers[name] = value
    again.context['timestamp'] = timestamp
    canonical = signer.canonical_request(again)
    return signer.signature(signer.string_to_sign(again, canonical), again), canonical


class _CheckerMixin:
    """Signs what the client says it signed: `request` has just those headers; its word stands for the body."""

    def __init__(self, credential, scope, payload_hash):
        super().__init__(Credentials(credential.access_key, credential.secret_key, credential.session_token),
                         scope.service, scope.region)
        self._payload_hash = payload_hash

    def headers_to_sign(self, request):
        return request.headers

    def payload(self, _request):
        return self._payload_hash


class Checker(_CheckerMixin, SigV4Auth):
    pass


class S3Checker(_CheckerMixin, S3SigV4Auth):
    pass
