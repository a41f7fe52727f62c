"""S3's uploads in parts."""

import hashlib
import os
import secrets

from endpoint.errors import ServiceError
from endpoint.services.s3_objects import check_key, kept_headers
from endpoint.state import StoredObject, Upload

MIN_PART = 5 * 1024 * 1024
MAX_PARTS = 10000
COPY_CHUNK = 1024 * 1024


class Multipart:
    def __init__(self, s3):
        self.s3 = s3
        self.world = s3.world

    def create(self, caller, params):
        check_key(params['Key'])
        with self.world.lock:
            bucket = self.s3.bucket(caller, params)
            upload = Upload(secrets.token_urlsafe(48), params['Key'], self.world.now(), kept_headers(params),
                            params.get('Metadata', {}))
            bucket.uploads[upload.id] = upload
        return {'Bucket': bucket.name, 'Key': upload.key, 'UploadId': upload.id}

    def _upload(self, caller, params):
        upload = self.s3.bucket(caller, params).uploads.get(params['UploadId'])
        if upload is None or upload.key != params['Key']:
            raise ServiceError('NoSuchUpload',
                               'The specified upload does not exist. The upload ID may be invalid, or the '
                               'upload may have been aborted or completed.', 404, {'UploadId': params['UploadId']})
        return upload

    def upload_part(self, caller, params):
        number = params['PartNumber']
        if not 1 <= number <= MAX_PARTS:
            raise ServiceError('InvalidArgument',
                               f'Part number must be an integer between 1 and {MAX_PARTS}, inclusive')
        with self.world.lock:
            self._upload(caller, params)
        stored = self.s3.store(params, params['Body'])
        with self.world.lock:
            try:
                upload = self._upload(caller, params)
            except ServiceError:
                self.s3.remove_file(stored.file)
                raise
            previous = upload.parts.get(str(number))
            upload.parts[str(number)] = {'file': stored.file, 'size': stored.size, 'etag': stored.etag,
                                         'modified_at': stored.modified_at}
            if previous:
                self.s3.remove_file(previous['file'])
        return {'ETag': stored.etag, **stored.checksums}

    def complete(self, caller, params):
        with self.world.lock:
            upload = self._upload(caller, params)
            parts = self._chosen(upload, params.get('MultipartUpload', {}).get('Parts', []))
            stored = self._join(upload, parts)
            bucket = self.s3.bucket(caller, params)
            self.s3.replace(bucket, stored)
            self._discard(bucket, upload)
        return {'Bucket': bucket.name, 'Key': upload.key, 'ETag': stored.etag,
                'Location': f'/{bucket.name}/{upload.key}'}

    @staticmethod
    def _chosen(upload, wanted):
        numbers = [entry.get('PartNumber', 0) for entry in wanted]
        if not numbers:
            raise ServiceError('MalformedXML', 'You must specify at least one part')
        if numbers != sorted(set(numbers)):
            raise ServiceError('InvalidPartOrder', 'The list of parts was not in ascending order.')
        parts = []
        for entry in wanted:
            part = upload.parts.get(str(entry['PartNumber']))
            if part is None or part['etag'].strip('"') != entry.get('ETag', '').strip('"'):
                raise ServiceError('InvalidPart', 'One or more of the specified parts could not be found.', 400,
                                   {'PartNumber': entry['PartNumber']})
            parts.append(part)
        if any(part['size'] < MIN_PART for part in parts[:-1]):
            raise ServiceError('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
        return parts

    def _join(self, upload, parts):
        file = secrets.token_hex(16)
        digest = hashlib.md5(usedforsecurity=False)
        with open(self.s3.file_path(file), 'wb') as out:
            for part in parts:
                digest.update(bytes.fromhex(part['etag'].strip('"')))
                with open(self.s3.file_path(part['file']), 'rb') as stream:
                    while piece := stream.read(COPY_CHUNK):
                        out.write(piece)
        size = os.path.getsize(self.s3.file_path(file))
        return StoredObject(upload.key, file, size, f'"{digest.hexdigest()}-{len(parts)}"', self.world.now(),
                            upload.headers, upload.metadata)

    def abort(self, caller, params):
        with self.world.lock:
            upload = self._upload(caller, params)
            self._discard(self.s3.bucket(caller, params), upload)
        return {}

    def _discard(self, bucket, upload):
        for part in upload.parts.values():
            self.s3.remove_file(part['file'])
        del bucket.uploads[upload.id]

    def list_uploads(self, caller, params):
        with self.world.lock:
            bucket = self.s3.bucket(caller, params)
            uploads = sorted(bucket.uploads.values(), key=lambda upload: (upload.key, upload.started_at, upload.id))
            found = [upload for upload in uploads if upload.key.startswith(params.get('Prefix', ''))]
        marker = (params.get('KeyMarker', ''), params.get('UploadIdMarker', ''))
        if marker[0]:
            found = [upload for upload in found if upload.key > marker[0]
                     or (upload.key == marker[0] and marker[1] and _comes_after(found, upload, marker[1]))]
        size = min(params.get('MaxUploads', 1000), 1000, self.world.settings.page_size or 1000)
        shown = found[:size]
        is_truncated = len(found) > size
        return {'Bucket': bucket.name, 'KeyMarker': marker[0], 'UploadIdMarker': marker[1], 'MaxUploads': size,
                'Prefix': params.get('Prefix'), 'IsTruncated': is_truncated,
                'NextKeyMarker': shown[-1].key if is_truncated else None,
                'NextUploadIdMarker': shown[-1].id if is_truncated else None,
                'Uploads': [{'UploadId': upload.id, 'Key': upload.key, 'Initiated': upload.started_at,
                             'StorageClass': 'STANDARD'} for upload in shown]}

    def list_parts(self, caller, params):
        with self.world.lock:
            upload = self._upload(caller, params)
            parts = sorted((int(number), part) for number, part in upload.parts.items())
        after = params.get('PartNumberMarker', 0)
        parts = [(number, part) for number, part in parts if number > after]
        size = min(params.get('MaxParts', 1000), 1000, self.world.settings.page_size or 1000)
        return {'Bucket': params['Bucket'], 'Key': upload.key, 'UploadId': upload.id, 'PartNumberMarker': after,
                'MaxParts': size, 'IsTruncated': len(parts) > size,
                'NextPartNumberMarker': parts[size - 1][0] if len(parts) > size else None,
                'Parts': [{'PartNumber': number, 'LastModified': part['modified_at'], 'ETag': part['etag'],
                           'Size': part['size']} for number, part in parts[:size]]}


def _comes_after(uploads, upload, marker):
    ids = [other.id for other in uploads]
    return marker in ids and ids.index(upload.id) > ids.index(marker)
