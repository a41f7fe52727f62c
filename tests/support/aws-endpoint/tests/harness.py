"""An endpoint in this process, botocore's clients for it, and requests written by hand where botocore would not."""

import base64
import hashlib
import http.client
import json
import os
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ['AWS_EC2_METADATA_DISABLED'] = 'true'
os.environ['AWS_CONFIG_FILE'] = os.environ['AWS_SHARED_CREDENTIALS_FILE'] = os.devnull

import botocore.session
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from endpoint.blocks import BLOCK_SIZE
from endpoint.dispatch import Endpoint
from endpoint.http import Server
from endpoint.settings import Settings
from endpoint.state import Credential, World

REGION = 'eu-central-1'
OWNER = Credential('AKIATESTTESTTESTTEST', 'secret-of-the-owner', '111122223333')
OTHER = Credential('AKIAOTHEROTHEROTHERO', 'secret-of-the-other', '444455556666')
SESSION = botocore.session.Session()


def block(seed):
    return hashlib.sha256(str(seed).encode()).digest() * (BLOCK_SIZE // 32)


def sha256_base64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def linear(blocks):
    return sha256_base64(b''.join(hashlib.sha256(blocks[index]).digest() for index in sorted(blocks)))


class EndpointTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.settings = Settings()
        self.world = World(folder.name, self.settings)
        for credential in (OWNER, OTHER):
            self.world.add_credential(credential)
        self.endpoint = Endpoint(self.world)
        self.addCleanup(self.endpoint.log.close)
        self.server = Server(0, self.world.path('temporary'), self.endpoint.handle, self.endpoint.is_cut)
        threading.Thread(target=self.server.serve, daemon=True).start()
        self.addCleanup(self.server.stop)
        self.clients = {}

    def client(self, service, region=REGION, who=OWNER):
        """Without retries and without botocore's own look at parameters."""
        key = (service, region, who.access_key, who.secret_key, who.session_token)
        if key not in self.clients:
            self.clients[key] = SESSION.create_client(
                service, region, endpoint_url=f'http://127.0.0.1:{self.server.port}',
                aws_access_key_id=who.access_key, aws_secret_access_key=who.secret_key,
                aws_session_token=who.session_token or None,
                config=Config(retries={'total_max_attempts': 1}, parameter_validation=False, read_timeout=5,
                              s3={'addressing_style': 'path'}))
            self.addCleanup(self.clients[key].close)
        return self.clients[key]

    def refused(self, code, status=None, reason=None):
        return Refused(self, code, status, reason)

    # By hand

    def send(self, method, target, headers=None, body=b''):
        connection = http.client.HTTPConnection('127.0.0.1', self.server.port, timeout=10)
        try:
            connection.putrequest(method, target, skip_host='Host' in (headers or {}), skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body or method in ('PUT', 'POST'):
                connection.putheader('Content-Length', str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def signed(self, service, method, target, headers=None, body=b'', who=OWNER, region=REGION):
        """The headers of a request, signed by botocore."""
        request = AWSRequest(method, f'http://127.0.0.1:{self.server.port}{target}', headers or {}, body)
        signer = S3SigV4Auth if service == 's3' else SigV4Auth
        signer(Credentials(who.access_key, who.secret_key, who.session_token or None), service,
               region).add_auth(request)
        return dict(request.headers.items())

    def send_signed(self, service, method, target, headers=None, body=b'', **options):
        return self.send(method, target, self.signed(service, method, target, headers, body, **options), body)

    def admin(self, method, name, argument=None):
        body = json.dumps(argument).encode() if argument is not None else b''
        status, _, answer = self.send(method, f'/_test/{name}', {}, body)
        self.assertEqual(status, 200, answer)
        return answer

    # Things to start from

    def put(self, snapshot, index, data, who=OWNER, region=REGION):
        return self.client('ebs', region, who).put_snapshot_block(
            SnapshotId=snapshot, BlockIndex=index, BlockData=data, DataLength=len(data), Checksum=sha256_base64(data),
            ChecksumAlgorithm='SHA256')

    def start(self, region=REGION, **params):
        return self.client('ebs', region).start_snapshot(**{'VolumeSize': 1, **params})['SnapshotId']

    def complete(self, snapshot, count, region=REGION, **params):
        return self.client('ebs', region).complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=count, **params)

    def snapshot(self, blocks, region=REGION, **params):
        name = self.start(region, **params)
        for index, data in blocks.items():
            self.put(name, index, data, region=region)
        self.complete(name, len(blocks), region)
        return name

    def image(self, snapshot, name='test-image', region=REGION, **params):
        return self.client('ec2', region).register_image(**{
            'Name': name, 'Architecture': 'x86_64', 'VirtualizationType': 'hvm', 'RootDeviceName': '/dev/xvda',
            'BlockDeviceMappings': [{'DeviceName': '/dev/xvda', 'Ebs': {'SnapshotId': snapshot}}], **params})['ImageId']


class Refused:
    """Of a `with`: the call in it has to be refused with this code."""

    def __init__(self, test, code, status, reason):
        self.test, self.code, self.status, self.reason = test, code, status, reason
        self.response = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _traceback):
        if not isinstance(error, ClientError):
            if error is None:
                self.test.fail(f'{self.code} was expected, but the call succeeded')
            return False
        self.response = error.response
        self.test.assertEqual(self.response['Error']['Code'], self.code, self.response)
        if self.status is not None:
            self.test.assertEqual(self.response['ResponseMetadata']['HTTPStatusCode'], self.status)
        if self.reason is not None:
            self.test.assertEqual(self.response['Reason'], self.reason)
        return True
