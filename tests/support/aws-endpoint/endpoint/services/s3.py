"""S3: buckets and objects. Objects may be read without a signature when a test made the bucket public."""

import os
import re
import secrets
import urllib.parse

from endpoint.errors import ServiceError
from endpoint.http import FilePart
from endpoint.services import paging
from endpoint.services.s3_multipart import Multipart
from endpoint.services.s3_objects import (check_checksums, check_key, check_md5, check_read_conditions,
                                          check_write_conditions, is_range, kept_headers, object_answer, range_of)
from endpoint.state import Bucket, StoredObject

PUBLIC_OPERATIONS = ('GetObject', 'HeadObject', 'ListObjectsV2')
BUCKET = re.compile(r'(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]')
LIST_PAGE = 1000


def operations(world):
    service = S3(world)
    multipart = Multipart(service)
    return {
        'CreateBucket': service.create_bucket, 'HeadBucket': service.head_bucket, 'DeleteBucket': service.delete_bucket,
        'ListBuckets': service.list_buckets, 'PutObject': service.put_object, 'GetObject': service.get_object,
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
                raise ServiceError('BucketAlreadyOwnedByYou',
                                   'Your previous request to create the named bucket succeeded '
                                   'and you already own it.', 409)
            if existing:
                raise ServiceError('BucketAlreadyExists', 'The requested bucket name is not available.', 409)
            self.world.buckets[name] = Bucket(name, caller.account, caller.region, self.world.now())
        return {'Location': f'/{name}'}

    def head_bucket(self, caller, params):
        self.bucket(caller, params)
        return {}

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

    def bucket(self, caller, params):
        """The caller's own bucket."""
        bucket = self._existing(params)
        if bucket.owner != caller.account:
            raise denied()
        if bucket.region != caller.region:
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
                check_write_conditions(params, bucket.objects.get(params['Key']))
            except ServiceError:
                self.remove_file(stored.file)
                raise
            self.replace(bucket, stored)
        return {'ETag': stored.etag, **stored.checksums}

    def store(self, params, body):
        """Writes the body into a new file of the store and checks it against what the client says of it."""
        md5 = body.md5()
        if 'ContentMD5' in params:
            check_md5(params['ContentMD5'], md5)
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

            answer = object_answer(stored, params)
            check_read_conditions(params, stored)
            start, length = range_of(params, stored.size)
            answer['ContentLength'] = length
            if is_range(params):
                answer.update(_status=206, ContentRange=f'bytes {start}-{start + length - 1}/{stored.size}')
            return {**answer, 'Body': FilePart(self.file_path(stored.file), start, length)}

    def head_object(self, caller, params):
        with self.world.lock:
            stored = self._object(caller, params)
            check_read_conditions(params, stored)
            return {**object_answer(stored, params), 'ContentLength': stored.size}

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
        if 'ContinuationToken' in params:
            last = self._last_of(params['ContinuationToken'], question).encode()
            entries = [entry for entry in entries if entry[0].encode() > last]
        size = min(params.get('MaxKeys', LIST_PAGE), LIST_PAGE, self.world.settings.page_size or LIST_PAGE)
        shown = entries[:size]
        is_truncated = len(entries) > size > 0
        encode = urllib.parse.quote if params.get('EncodingType') == 'url' else str
        next_token = paging.sign_token(self.world, [question, shown[-1][0]]) if is_truncated else None
        return {
            'Name': bucket.name, 'Prefix': encode(params.get('Prefix', '')), 'MaxKeys': size, 'KeyCount': len(shown),
            'Delimiter': params.get('Delimiter'), 'StartAfter': params.get('StartAfter'),
            'EncodingType': params.get('EncodingType'), 'IsTruncated': is_truncated,
            'ContinuationToken': params.get('ContinuationToken'), 'NextContinuationToken': next_token,
            'CommonPrefixes': [{'Prefix': encode(name)} for name, stored in shown if stored is None],
            'Contents': [{'Key': encode(name), 'LastModified': stored.modified_at, 'ETag': stored.etag,
                          'Size': stored.size, 'StorageClass': 'STANDARD'} for name, stored in shown if stored]}

    def _last_of(self, token, question):
        try:
            asked, last = paging.open_token(self.world, token)
        except (ValueError, TypeError):
            asked, last = None, ''
        if asked != question:
            raise ServiceError('InvalidArgument', 'The continuation token provided is incorrect')
        return last


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
