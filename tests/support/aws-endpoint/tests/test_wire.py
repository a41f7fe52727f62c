"""Requests that no client of AWS's would send."""

import json
import socket
import unittest

from harness import EndpointTest

FORM = {'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8'}
JSON = {'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'AmazonSSM.GetParameter'}


class WireTest(EndpointTest):
    def ec2(self, body, headers=None):
        return self.send_signed('ec2', 'POST', '/', headers or FORM, body.encode())[2].decode()

    def ssm(self, body, headers=None):
        return self.send_signed('ssm', 'POST', '/', headers or JSON, body.encode())[2].decode()

    def test_queries_of_ec2(self):
        version = 'Version=2016-11-15'
        for body, code in (
                (f'{version}&Action=DescribeImage', 'InvalidAction'), (version, 'MissingAction'),
                ('Action=DescribeImages', 'MissingParameter'), ('Action=DescribeImages&Version=2010-01-01',
                                                                'NoSuchVersion'),
                (f'{version}&Action=DescribeImages&ImageIds.1=ami-12345678', 'UnknownParameter'),
                (f'{version}&Action=DescribeImages&ImageId=ami-12345678', 'InvalidParameterValue'),
                (f'{version}&Action=DescribeImages&ImageId.member.1=ami-12345678', 'UnknownParameter'),
                (f'{version}&Action=DescribeImages&ImageId.2=ami-12345678', 'UnknownParameter'),
                (f'{version}&Action=DescribeImages&ImageId.1=ami-1&ImageId.1=ami-1', 'MalformedQueryString'),
                (f'{version}&Action=DescribeImages&ImageId.1=i-12345678', 'InvalidAMIID.Malformed'),
                (f'{version}&Action=DescribeImages&DryRun=yes', 'InvalidParameterValue'),
                (f'{version}&Action=DescribeImages&dryRun=true', 'UnknownParameter'),
                (f'{version}&Action=DescribeImages&Filter.1.name=name', 'UnknownParameter'),
                (f'{version}&Action=DeregisterImage', 'MissingParameter'),
                (f'{version}&Action=RunInstances&MinCount=1&MaxCount=1', 'UnknownOperationException'),
                ('%ff%fe', 'MalformedQueryString')):
            with self.subTest(body):
                self.assertIn(f'<Code>{code}</Code>', self.ec2(body))
        self.assertIn('Content-Type', self.ec2(f'{version}&Action=DescribeRegions', {'Content-Type': 'text/plain'}))

    def test_json_of_ssm(self):
        for body, code in (('{"Name": "/x", "Nmae": 1}', 'SerializationException'), ('{}', 'ValidationException'),
                           ('{"Name": 5}', 'SerializationException'), ('[]', 'SerializationException'),
                           ('{"Name"', 'SerializationException'), ('{"Name": ""}', 'ValidationException')):
            with self.subTest(body):
                self.assertIn(code, json.loads(self.ssm(body))['__type'])
        for headers in ({**JSON, 'X-Amz-Target': 'AmazonSSM.GetParametre'}, {**JSON,
                                                                             'X-Amz-Target': 'SSM.GetParameter'}):
            self.assertIn('UnknownOperationException', self.ssm('{"Name": "/x"}', headers))
        self.assertIn('Content-Type', self.ssm('{"Name": "/x"}', {**JSON, 'Content-Type': 'application/json'}))

    def test_rest_of_ebs(self):
        def code(method, target, headers=None, body=b''):
            return self.send_signed('ebs', method, target, headers, body)[1]['x-amzn-ErrorType'].partition(':')[0]
        self.assertEqual(code('POST', '/snapshots', {}, b'{"VolumeSize": 1, "Volume": 2}'), 'ValidationException')
        self.assertEqual(code('POST', '/snapshots', {}, b'{"VolumeSize": "1"}'), 'ValidationException')
        self.assertEqual(code('POST', '/snapshots', {}, b'{"VolumeSize": true}'), 'ValidationException')
        self.assertEqual(code('POST', '/snapshots', {'Content-Type': 'application/x-www-form-urlencoded'},
                              b'{"VolumeSize": 1}'), 'UnsupportedMediaTypeException')
        self.assertEqual(code('GET', '/snapshots/snap-0/block'), 'UnknownOperationException')
        self.assertEqual(code('GET', '/snapshots/snap-0/blocks?max=5'), 'ValidationException')
        self.assertEqual(code('POST', '/snapshots/completion/snap-0', {'x-amz-ChangedBlocksCount': 'one'}),
                         'ValidationException')
        self.assertEqual(code('POST', '/snapshots/completion/snap-0'), 'ValidationException')
        self.assertEqual(code('POST', '/snapshots/completion/snap-0', {
            'x-amz-ChangedBlocksCount': '1', 'x-amz-Chekcsum': 'x'}), 'ValidationException')

    def test_xml_of_s3(self):
        def answer(method, target, body=b'', headers=None):
            return self.send_signed('s3', method, target, headers, body)[2].decode()
        self.assertIn('MalformedXML', answer('PUT', '/bucket', b'<Wrong/>'))
        self.assertIn('MalformedXML', answer('PUT', '/bucket',
                                             b'<CreateBucketConfiguration><X/></CreateBucketConfiguration>'))
        self.assertIn('MalformedXML', answer('PUT', '/bucket', b'<CreateBucketConfiguration>'))
        self.assertIn('InvalidArgument', answer('GET', '/bucket?list-type=2&max-kyes=5'))
        self.assertIn('InvalidArgument', answer('PUT', '/bucket/k', b'', {'x-amz-stroage-class': 'STANDARD'}))
        self.assertIn('InvalidRequest', answer('POST', '/bucket?delete', b'<Delete/>'))

    def test_http_itself(self):
        for text, status in ((b'GET / HTTP/1.0\r\nHost: x\r\n\r\n', 400), (b'GET / HTTP/1.1\r\n\r\n', 400),
                             (b'PUT /x HTTP/1.1\r\nHost: x\r\n\r\n', 411), (b'GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n',
                                                                            400),
                             (b'PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', 501),
                             (b'PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400)):
            with self.subTest(text), socket.create_connection(('127.0.0.1', self.server.port)) as connection:
                connection.sendall(text)
                self.assertIn(f'HTTP/1.1 {status} '.encode(), connection.recv(1000))

    def test_a_client_that_asks_first_is_told_to_go_on(self):
        with socket.create_connection(('127.0.0.1', self.server.port)) as connection:
            connection.sendall(b'PUT /b/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
            self.assertEqual(connection.recv(100), b'HTTP/1.1 100 Continue\r\n\r\n')
            connection.sendall(b'ab')
            self.assertIn(b'HTTP/1.1 403', connection.recv(1000))


if __name__ == '__main__':
    unittest.main()
