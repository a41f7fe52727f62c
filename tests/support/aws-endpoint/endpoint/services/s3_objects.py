"""What S3 checks of an object that is written, and of one that is asked for."""

import base64
import binascii
import hashlib
import re
import zlib

from endpoint.errors import ServiceError

RANGE = re.compile(r'bytes=(\d*)-(\d*)')
KEY_LIMIT = 1024
# Parameters of an upload that come back as headers of the object.
KEPT = ('CacheControl', 'ContentDisposition', 'ContentEncoding', 'ContentLanguage', 'ContentType', 'Expires')


def check_key(key):
    if len(key.encode()) > KEY_LIMIT:
        raise ServiceError('KeyTooLongError', 'Your key is too long', 400)


def kept_headers(params):
    return {name: params[name] for name in KEPT if name in params}


def check_checksums(params, body):
    """Of the headers x-amz-checksum-*; the ones that are given, verified."""
    makers = {'ChecksumSHA256': lambda: bytes.fromhex(body.sha256), 'ChecksumSHA1': lambda: _sha1(body),
              'ChecksumCRC32': lambda: _crc32(body)}
    if 'ChecksumCRC32C' in params:
        raise ServiceError('NotImplemented', 'CRC32C is not implemented here', 501)
    found = {}
    for name, make in makers.items():
        if name in params:
            if base64.b64encode(make()).decode() != params[name]:
                raise ServiceError('BadDigest', f'The {name[8:]} you specified did not match the calculated checksum.')
            found[name] = params[name]
    return found


def _sha1(body):
    digest = hashlib.sha1(usedforsecurity=False)
    for piece in body.pieces():
        digest.update(piece)
    return digest.digest()


def _crc32(body):
    value = 0
    for piece in body.pieces():
        value = zlib.crc32(piece, value)
    return value.to_bytes(4, 'big')


def check_md5(text, md5):
    try:
        given = base64.b64decode(text, validate=True)
    except binascii.Error:
        given = b''
    if len(given) != 16:
        raise ServiceError('InvalidDigest', 'The Content-MD5 you specified is not valid.')
    if given != md5:
        raise ServiceError('BadDigest', 'The Content-MD5 you specified did not match what we received.')


def check_write_conditions(params, existing):
    if params.get('IfNoneMatch') == '*' and existing:
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412,
                           {'Condition': 'If-None-Match'})
    if 'IfMatch' in params and (existing is None or existing.etag.strip('"') != params['IfMatch'].strip('"')):
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412,
                           {'Condition': 'If-Match'})


def check_read_conditions(params, stored):
    etag = stored.etag.strip('"')
    if 'IfMatch' in params and params['IfMatch'].strip('"') != etag:
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412)
    if 'IfNoneMatch' in params and params['IfNoneMatch'].strip('"') == etag:
        raise ServiceError('NotModified', '', 304)
    if 'IfNoneMatch' not in params and int(stored.modified_at) <= params.get('IfModifiedSince', -1):
        raise ServiceError('NotModified', '', 304)
    if 'IfMatch' not in params and int(stored.modified_at) > params.get('IfUnmodifiedSince', stored.modified_at):
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412)


def is_range(params):
    return RANGE.fullmatch(params.get('Range', '')) is not None


def range_of(params, size):
    """(start, length); a range that cannot be read is ignored, as RFC 9110 says."""
    found = RANGE.fullmatch(params.get('Range', ''))
    if found is None or found.groups() == ('', ''):
        return 0, size
    first, last = found.groups()
    if first == '':
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= end:
        raise ServiceError('InvalidRange', 'The requested range is not satisfiable', 416,
                           {'RangeRequested': params['Range'], 'ActualObjectSize': size})
    return start, end - start


def object_answer(stored, params):
    answer = {'AcceptRanges': 'bytes', 'ETag': stored.etag, 'LastModified': stored.modified_at,
              'Metadata': stored.metadata, **stored.headers}
    answer.setdefault('ContentType', 'binary/octet-stream')
    if params.get('ChecksumMode') == 'ENABLED' and 'Range' not in params:
        answer.update(stored.checksums)
    return answer
