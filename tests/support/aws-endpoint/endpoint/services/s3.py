"""S3: buckets and objects. Objects may be read without a signature when a test made the bucket public."""

import base64
import binascii
import hashlib
import os
import re
import secrets
import urllib.parse
import zlib

from endpoint.errors import ServiceError
from endpoint.http import FilePart
from endpoint.services import paging
from endpoint.services.s3_multipart import Multipart
from endpoint.state import Bucket, StoredObject

PUBLIC_OPERATIONS = ('GetObject', 'HeadObject', 'ListObjectsV2')
BUCKET = re.compile(r'(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]')
RANGE = re.compile(r'bytes=(\d*)-(\d*)')
KEY_LIMIT = 1024
LIST_PAGE = 1000
# Parameters of an upload that come back as headers of the object.
KEPT = ('CacheControl', 'ContentDisposition', 'ContentEncoding', 'ContentLanguage', 'ContentType', 'Expires')


def operations(world):
    service = S3(world)
    multipart = Multipart(service)
    return {
        'CreateBucket': service.create_bucket, 'HeadBucket': service.head_bucket, 'DeleteBucket': service.delete_bucket,
        'ListBuckets': service.list_buckets, 'GetBucketLocation': service.get_bucket_location,
        'PutObject': service.put_object, 'GetObject': service.get_object,
        'HeadObject': service.head_object, 'DeleteObject': service.delete_object,
        'DeleteObjects': service.delete_objects, 'ListObjectsV2': service.list_objects,
        'CreateMultipartUpload': multipart.create, 'UploadPart': multipart.upload_part,
        'CompleteMultipartUpload': multipart.complete, 'AbortMultipartUpload': multipart.abort,
        'ListMultipartUploads': multipart.list_uploads, 'ListParts': multipart.list_parts}


def no_such_key(key):
    return ServiceError('NoSuchKey', 'The specified key does not exist.', 404, {'Key': key})


def denied():
    return ServiceError('AccessDenied', 'Access Denied', 403)


class S3:
    def __init__(self, world):
        self.world = world

    # Buckets

    def create_bucket(self, caller, params):
        name = params['Bucket']
        if not BUCKET.fullmatch(name) or '..' in name:
            raise ServiceError('InvalidBucketName', 'The specified bucket is not valid.', 400, {'BucketName': name})
        location = params.get('CreateBucketConfiguration', {}).get('LocationConstraint')
        if (location or 'us-east-1') != caller.region:
            raise ServiceError('IllegalLocationConstraintException', f'The {location or "unspecified"} location '
                               'constraint is incompatible for the region specific endpoint this request was sent to.')
        if location == 'us-east-1':
            raise ServiceError('InvalidLocationConstraint', 'The specified location-constraint is not valid')
        with self.world.lock:
            existing = self.world.buckets.get(name)
            if existing and existing.owner == caller.account:
                raise ServiceError('BucketAlreadyOwnedByYou', 'Your previous request to create the named bucket succeeded '
                                   'and you already own it.', 409)
            if existing:
                raise ServiceError('BucketAlreadyExists', 'The requested bucket name is not available.', 409)
            self.world.buckets[name] = Bucket(name, caller.account, caller.region, self.world.now())
        return {'Location': f'/{name}'}

    def head_bucket(self, caller, params):
        self.bucket(caller, params)
        return {}

    def get_bucket_location(self, caller, params):
        bucket = self.bucket(caller, params, any_region=True)
        return {'LocationConstraint': None if bucket.region == 'us-east-1' else bucket.region}

    def list_buckets(self, caller, _params):
        with self.world.lock:
            own = [bucket for bucket in self.world.buckets.values() if bucket.owner == caller.account]
        return {'Buckets': [{'Name': bucket.name, 'CreationDate': bucket.created_at} for bucket in own],
                'Owner': {'ID': caller.account}}

    def delete_bucket(self, caller, params):
        with self.world.lock:
            bucket = self.bucket(caller, params)
            if bucket.objects or bucket.uploads:
                raise ServiceError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409)
            del self.world.buckets[bucket.name]
        return {}

    def bucket(self, caller, params, any_region=False):
        """The caller's own bucket."""
        bucket = self._existing(params)
        if bucket.owner != caller.account:
            raise denied()
        if bucket.region != caller.region and not any_region:
            raise ServiceError('AuthorizationHeaderMalformed', f"The authorization header is malformed; the region "
                               f"'{caller.region}' is wrong; expecting '{bucket.region}'", 400,
                               {'Region': bucket.region})
        return bucket

    def _existing(self, params):
        bucket = self.world.buckets.get(params['Bucket'])
        if bucket is None:
            raise ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404,
                               {'BucketName': params['Bucket']})
        return bucket

    def _readable(self, caller, params):
        if caller.account:
            return self.bucket(caller, params)
        bucket = self._existing(params)
        if not bucket.public_read:
            raise denied()
        return bucket

    # Objects

    def put_object(self, caller, params):
        check_key(params['Key'])
        body = params['Body']
        with self.world.lock:
            self.bucket(caller, params)
        stored = self.store(params, body)
        with self.world.lock:
            bucket = self.bucket(caller, params)
            try:
                _check_write_conditions(params, bucket.objects.get(params['Key']))
            except ServiceError:
                self.remove_file(stored.file)
                raise
            self.replace(bucket, stored)
        return {'ETag': stored.etag, **stored.checksums}

    def store(self, params, body):
        """Writes the body into a new file of the store and checks it against what the client says of it."""
        md5 = body.md5()
        if 'ContentMD5' in params:
            _check_md5(params['ContentMD5'], md5)
        checksums = check_checksums(params, body)
        file = secrets.token_hex(16)
        body.save_as(self.file_path(file))
        return StoredObject(params['Key'], file, body.length, f'"{md5.hex()}"', self.world.now(), kept_headers(params),
                            params.get('Metadata', {}), checksums)

    def file_path(self, file):
        return self.world.path('objects', file)

    def remove_file(self, file):
        os.unlink(self.file_path(file))

    def replace(self, bucket, stored):
        previous = bucket.objects.get(stored.key)
        bucket.objects[stored.key] = stored
        if previous:
            self.remove_file(previous.file)

    def get_object(self, caller, params):
        with self.world.lock:
            stored = self._object(caller, params)

            answer = _object_answer(stored, params)
            _check_read_conditions(params, stored, self.world)
            start, length = _range_of(params, stored.size)
            answer['ContentLength'] = length
            if 'Range' in params and (start, length) != (0, stored.size) or _is_range(params):
                answer.update(_status=206, ContentRange=f'bytes {start}-{start + length - 1}/{stored.size}')
            return {**answer, 'Body': FilePart(self.file_path(stored.file), start, length)}

    def head_object(self, caller, params):
        with self.world.lock:
            stored = self._object(caller, params)
            _check_read_conditions(params, stored, self.world)
            return {**_object_answer(stored, params), 'ContentLength': stored.size}

    def _object(self, caller, params):
        check_key(params['Key'])
        bucket = self._readable(caller, params)
        stored = bucket.objects.get(params['Key'])
        if stored is None:
            if not caller.account and not bucket.public_list:
                raise denied()
            raise no_such_key(params['Key'])
        return stored

    def delete_object(self, caller, params):
        with self.world.lock:
            self._delete(self.bucket(caller, params), params['Key'])
        return {}

    def _delete(self, bucket, key):
        stored = bucket.objects.pop(key, None)
        if stored:
            self.remove_file(stored.file)

    def delete_objects(self, caller, params):
        wanted = params['Delete'].get('Objects', [])
        if not 1 <= len(wanted) <= 1000:
            raise ServiceError('MalformedXML', 'From 1 to 1000 keys')
        with self.world.lock:
            bucket = self.bucket(caller, params)
            for entry in wanted:
                self._delete(bucket, entry['Key'])
        return {} if params['Delete'].get('Quiet') else {'Deleted': [{'Key': entry['Key']} for entry in wanted]}

    # Listing

    def list_objects(self, caller, params):
        with self.world.lock:
            bucket = self._existing(params) if not caller.account else self.bucket(caller, params)
            if not caller.account and not bucket.public_list:
                raise denied()
            entries = _grouped(bucket, params)
        question = paging.question_of(bucket.name, params.get('Prefix'), params.get('Delimiter'))
        size = min(params.get('MaxKeys', LIST_PAGE), LIST_PAGE)
        try:
            shown, token = paging.page(self.world, entries, size, None, question)
            if 'ContinuationToken' in params:
                entries = _after(entries, self._last_of(params['ContinuationToken'], question))
                shown, token = paging.page(self.world, entries, size, None, question)
        except (ValueError, TypeError):
            raise ServiceError('InvalidArgument', 'The continuation token provided is incorrect') from None
        encode = urllib.parse.quote if params.get('EncodingType') == 'url' else str
        next_token = paging.sign_token(self.world, [question, shown[-1][0]]) if token and shown else None
        return {
            'Name': bucket.name, 'Prefix': encode(params.get('Prefix', '')), 'MaxKeys': size, 'KeyCount': len(shown),
            'Delimiter': params.get('Delimiter'), 'StartAfter': params.get('StartAfter'),
            'EncodingType': params.get('EncodingType'), 'IsTruncated': bool(next_token),
            'ContinuationToken': params.get('ContinuationToken'), 'NextContinuationToken': next_token,
            'CommonPrefixes': [{'Prefix': encode(name)} for name, stored in shown if stored is None],
            'Contents': [{'Key': encode(name), 'LastModified': stored.modified_at, 'ETag': stored.etag,
                          'Size': stored.size, 'StorageClass': 'STANDARD'} for name, stored in shown if stored]}

    def _last_of(self, token, question):
        asked, last = paging.open_token(self.world, token)
        if asked != question:
            raise ValueError('another listing')
        return last


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


def _check_md5(text, md5):
    try:
        given = base64.b64decode(text, validate=True)
    except binascii.Error:
        given = b''
    if len(given) != 16:
        raise ServiceError('InvalidDigest', 'The Content-MD5 you specified is not valid.')
    if given != md5:
        raise ServiceError('BadDigest', 'The Content-MD5 you specified did not match what we received.')


def _check_write_conditions(params, existing):
    if params.get('IfNoneMatch') == '*' and existing:
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412,
                           {'Condition': 'If-None-Match'})
    if 'IfMatch' in params and (existing is None or existing.etag.strip('"') != params['IfMatch'].strip('"')):
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412,
                           {'Condition': 'If-Match'})


def _check_read_conditions(params, stored, _world):
    etag = stored.etag.strip('"')
    if 'IfMatch' in params and params['IfMatch'].strip('"') != etag:
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412)
    if 'IfNoneMatch' in params and params['IfNoneMatch'].strip('"') == etag:
        raise ServiceError('NotModified', '', 304)
    if 'IfNoneMatch' not in params and int(stored.modified_at) <= params.get('IfModifiedSince', -1):
        raise ServiceError('NotModified', '', 304)
    if 'IfMatch' not in params and int(stored.modified_at) > params.get('IfUnmodifiedSince', stored.modified_at):
        raise ServiceError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412)


def _is_range(params):
    return RANGE.fullmatch(params.get('Range', '')) is not None


def _range_of(params, size):
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


def _object_answer(stored, params):
    answer = {'AcceptRanges': 'bytes', 'ETag': stored.etag, 'LastModified': stored.modified_at,
              'Metadata': stored.metadata, **stored.headers}
    answer.setdefault('ContentType', 'binary/octet-stream')
    if params.get('ChecksumMode') == 'ENABLED' and 'Range' not in params:
        answer.update(stored.checksums)
    return answer


def _grouped(bucket, params):
    """(key, object) and (common prefix, None), in order of the names' UTF-8."""
    prefix, delimiter, start = params.get('Prefix', ''), params.get('Delimiter', ''), params.get('StartAfter', '')
    found = {}
    for key, stored in bucket.objects.items():
        if not key.startswith(prefix) or (start and key <= start):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            found[key[:cut + len(delimiter)]] = None
        else:
            found[key] = stored
    return sorted(found.items(), key=lambda entry: entry[0].encode())


def _after(entries, last):
    return [entry for entry in entries if entry[0].encode() > last.encode()]
