import base64
import hashlib
import io
import unittest

from harness import OTHER, REGION, EndpointTest

KEYS = ('a/1 b.txt', 'a/ü+&?=.bin', 'a//deep/er', 'b')


class ObjectTest(EndpointTest):
    def setUp(self):
        super().setUp()
        self.s3 = self.client('s3')
        self.s3.create_bucket(Bucket='bucket', CreateBucketConfiguration={'LocationConstraint': REGION})

    def store(self, key, data=b'data', **params):
        return self.s3.put_object(Bucket='bucket', Key=key, Body=data, **params)

    def read(self, key, **params):
        return self.s3.get_object(Bucket='bucket', Key=key, **params)

    def test_objects_come_back_with_their_headers(self):
        for key in KEYS:
            self.store(key, key.encode(), ContentType='text/x', CacheControl='no-cache', Metadata={'commit': 'c1'})
            found = self.read(key)
            self.assertEqual(found['Body'].read(), key.encode())
            self.assertEqual((found['ContentType'], found['CacheControl'], found['Metadata']),
                             ('text/x', 'no-cache', {'commit': 'c1'}))
            self.assertEqual(self.s3.head_object(Bucket='bucket', Key=key)['ContentLength'], len(key.encode()))
        self.store('big', io.BytesIO(b'x' * 3_000_000))
        self.assertEqual(hashlib.md5(self.read('big')['Body'].read()).hexdigest(), self.read('big')['ETag'].strip('"'))
        self.store('big', b'small')
        self.assertEqual(self.read('big')['Body'].read(), b'small')

    def test_ranges_and_conditions(self):
        etag = self.store('k', b'0123456789')['ETag']
        for text, expected in (('bytes=0-0', b'0'), ('bytes=7-', b'789'), ('bytes=-3', b'789'), ('bytes=5-99',
                                                                                                 b'56789')):
            found = self.read('k', Range=text)
            self.assertEqual((found['Body'].read(), found['ResponseMetadata']['HTTPStatusCode']), (expected, 206))
        with self.refused('InvalidRange', 416):
            self.read('k', Range='bytes=10-')
        with self.refused('304'):
            self.read('k', IfNoneMatch=etag)
        with self.refused('PreconditionFailed', 412):
            self.read('k', IfMatch='"other"')

    def test_checksums_are_checked(self):
        right = base64.b64encode(hashlib.sha256(b'data').digest()).decode()
        self.store('k', ChecksumSHA256=right)
        with self.refused('BadDigest', 400):
            self.store('k', ChecksumSHA256=base64.b64encode(bytes(32)).decode())
        with self.refused('BadDigest', 400):
            self.store('k', ContentMD5=base64.b64encode(bytes(16)).decode())

    def test_lists_with_prefix_delimiter_and_pages(self):
        for key in KEYS:
            self.store(key)
        found = self.s3.list_objects_v2(Bucket='bucket', Delimiter='/')
        self.assertEqual(([entry['Key'] for entry in found['Contents']],
                          [entry['Prefix'] for entry in found['CommonPrefixes']]), (['b'], ['a/']))
        pages = list(self.s3.get_paginator('list_objects_v2').paginate(Bucket='bucket',
                                                                       PaginationConfig={'PageSize': 1}))
        self.assertEqual([page['Contents'][0]['Key'] for page in pages], sorted(KEYS, key=str.encode))
        with self.refused('InvalidArgument'):
            self.s3.list_objects_v2(Bucket='bucket', ContinuationToken='AAAA')

    def test_deletion(self):
        for key in KEYS:
            self.store(key)
        self.s3.delete_object(Bucket='bucket', Key=KEYS[0])
        with self.refused('NoSuchKey', 404):
            self.read(KEYS[0])
        done = self.s3.delete_objects(Bucket='bucket', Delete={'Objects': [{'Key': key} for key in KEYS]})
        self.assertEqual(len(done['Deleted']), 4)
        self.assertEqual(self.s3.list_objects_v2(Bucket='bucket')['KeyCount'], 0)
        self.s3.delete_bucket(Bucket='bucket')
        with self.refused('404', 404):
            self.s3.head_bucket(Bucket='bucket')

    def test_uploads_in_parts(self):
        upload = self.s3.create_multipart_upload(Bucket='bucket', Key='big', ContentType='x/y')['UploadId']
        where = {'Bucket': 'bucket', 'Key': 'big', 'UploadId': upload}
        data = [b'a' * (5 * 1024 * 1024), b'b' * 100]
        parts = [{'PartNumber': number, 'ETag': self.s3.upload_part(Body=piece, PartNumber=number, **where)['ETag']}
                 for number, piece in enumerate(data, 1)]
        self.assertEqual(len(self.s3.list_multipart_uploads(Bucket='bucket')['Uploads']), 1)
        self.assertEqual([part['Size'] for part in self.s3.list_parts(**where)['Parts']], [5 * 1024 * 1024, 100])
        for wrong, code in ((parts[::-1], 'InvalidPartOrder'), ([{**parts[0], 'ETag': '"x"'}], 'InvalidPart'),
                            ([], 'MalformedXML')):
            with self.subTest(code), self.refused(code):
                self.s3.complete_multipart_upload(MultipartUpload={'Parts': wrong}, **where)
        done = self.s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **where)
        self.assertTrue(done['ETag'].endswith('-2"'))
        self.assertEqual(self.read('big')['Body'].read(), b''.join(data))
        with self.refused('NoSuchUpload', 404):
            self.s3.abort_multipart_upload(**where)

    def test_a_small_part_in_the_middle_and_an_abort(self):
        upload = self.s3.create_multipart_upload(Bucket='bucket', Key='k')['UploadId']
        where = {'Bucket': 'bucket', 'Key': 'k', 'UploadId': upload}
        parts = [{'PartNumber': number, 'ETag': self.s3.upload_part(Body=b'x', PartNumber=number, **where)['ETag']}
                 for number in (1, 2)]
        with self.refused('EntityTooSmall'):
            self.s3.complete_multipart_upload(MultipartUpload={'Parts': parts}, **where)
        self.s3.abort_multipart_upload(**where)
        self.assertNotIn('Uploads', self.s3.list_multipart_uploads(Bucket='bucket'))

    def test_who_may_read(self):
        self.store('objects/ab')
        with self.refused('AccessDenied', 403):
            self.client('s3', who=OTHER).get_object(Bucket='bucket', Key='objects/ab')
        self.assertEqual(self.send('GET', '/bucket/objects/ab')[0], 403)
        self.admin('POST', 'public-bucket', {'bucket': 'bucket'})
        self.assertEqual(self.send('GET', '/bucket/objects/ab')[2], b'data')
        self.assertEqual(self.send('GET', '/bucket/objects/none')[0], 403)
        self.admin('POST', 'public-bucket', {'bucket': 'bucket', 'list': True})
        self.assertEqual(self.send('GET', '/bucket/objects/none')[0], 404)
        self.assertEqual(self.send('PUT', '/bucket/objects/new', {}, b'x')[0], 403)
        self.assertEqual(self.send('HEAD', '/bucket/objects/ab')[1]['Content-Length'], '4')

    def test_buckets_belong_to_a_region(self):
        with self.refused('BucketAlreadyOwnedByYou', 409):
            self.s3.create_bucket(Bucket='bucket', CreateBucketConfiguration={'LocationConstraint': REGION})
        with self.refused('IllegalLocationConstraintException'):
            self.s3.create_bucket(Bucket='other')
        with self.refused('InvalidBucketName'):
            self.s3.create_bucket(Bucket='Other', CreateBucketConfiguration={'LocationConstraint': REGION})
        self.assertEqual(self.send_signed('s3', 'GET', '/bucket/k', region='us-east-1')[0], 400)


if __name__ == '__main__':
    unittest.main()
