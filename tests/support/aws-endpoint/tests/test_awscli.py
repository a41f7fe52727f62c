"""The life of an image by awscli, whose models are its own, against the endpoint as a program."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BLOCK_SIZE, OTHER, REGION, block, linear, sha256_base64

PROGRAM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORGANIZATION = 'arn:aws:organizations::111122223333:organization/o-1234567890'


class AwscliTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.process = None
        self.addCleanup(self.stop)
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        self.process = subprocess.Popen(
            ['/usr/bin/python3', PROGRAM, '--state', self.path('state'), '--port-file', self.path('port')],
            stdout=subprocess.DEVNULL)
        while not os.path.exists(self.path('port')):
            self.assertIsNone(self.process.poll())
            time.sleep(0.05)
        with open(self.path('port'), encoding='utf-8') as stream:
            self.url = f'http://127.0.0.1:{stream.read().strip()}'

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.process.wait(timeout=20), 0)
            os.unlink(self.path('port'))
            self.process = None

    def aws(self, *arguments):
        environment = {
            'PATH': os.environ['PATH'], 'HOME': self.folder, 'AWS_ACCESS_KEY_ID': 'AKIATESTTESTTESTTEST',
            'AWS_SECRET_ACCESS_KEY': 'test-secret-key-of-nobody-0123456789abcd', 'AWS_DEFAULT_REGION': REGION,
            'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_MAX_ATTEMPTS': '1', 'AWS_PAGER': '', 'LC_ALL': 'C.UTF-8'}
        done = subprocess.run(['/usr/bin/aws', '--endpoint-url', self.url, *arguments], env=environment, text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, f'{arguments}: {done.stderr}')
        return json.loads(done.stdout) if done.stdout.startswith(('{', '[')) else done.stdout

    def write(self, name, data):
        with open(self.path(name), 'wb') as stream:
            stream.write(data)
        return self.path(name)

    def test_the_life_of_an_image(self):
        snapshot = self.upload()
        image = self.register(snapshot)
        self.publish(image)
        self.stop()
        self.start()
        self.template(image)
        self.assertEqual(self.aws('ssm', 'get-parameter', '--name', '/os/latest')['Parameter']['Value'], image)

    def upload(self):
        data = block('cli')
        snapshot = self.aws('ebs', 'start-snapshot', '--volume-size', '1', '--client-token', 'token',
                            '--tags', 'Key=recipe,Value=demo')['SnapshotId']
        self.aws('ebs', 'put-snapshot-block', '--snapshot-id', snapshot, '--block-index', '3', '--block-data',
                 self.write('block', data), '--data-length', str(BLOCK_SIZE), '--checksum', sha256_base64(data),
                 '--checksum-algorithm', 'SHA256')
        done = self.aws('ebs', 'complete-snapshot', '--snapshot-id', snapshot, '--changed-blocks-count', '1',
                        '--checksum', linear({3: data}), '--checksum-algorithm', 'SHA256',
                        '--checksum-aggregation-method', 'LINEAR')
        self.assertEqual(done['Status'], 'completed')
        token = self.aws('ebs', 'list-snapshot-blocks', '--snapshot-id', snapshot)['Blocks'][0]['BlockToken']
        self.aws('ebs', 'get-snapshot-block', '--snapshot-id', snapshot, '--block-index', '3', '--block-token', token,
                 self.path('back'))
        with open(self.path('back'), 'rb') as stream:
            self.assertEqual(stream.read(), data)
        return snapshot

    def register(self, snapshot):
        return self.aws(
            'ec2', 'register-image', '--name', 'os-1.0', '--architecture', 'x86_64', '--virtualization-type', 'hvm',
            '--root-device-name', '/dev/xvda', '--ena-support', '--boot-mode', 'uefi', '--tpm-support', 'v2.0',
            '--imds-support', 'v2.0', '--block-device-mappings',
            f'DeviceName=/dev/xvda,Ebs={{SnapshotId={snapshot},VolumeType=gp3,VolumeSize=4}}')['ImageId']

    def publish(self, image):
        self.aws('ec2', 'modify-image-attribute', '--image-id', image, '--launch-permission',
                 f'Add=[{{UserId={OTHER.account}}},{{OrganizationArn={ORGANIZATION}}}]')
        self.aws('ec2', 'create-tags', '--resources', image, '--tags', 'Key=version,Value=1.0')
        found = self.aws('ec2', 'describe-images', '--owners', 'self', '--filters',
                         'Name=name,Values=os-*')['Images'][0]
        self.assertEqual((found['ImageId'], found['State'], found['BootMode'], found['TpmSupport'], found['Tags']),
                         (image, 'available', 'uefi', 'v2.0', [{'Key': 'version', 'Value': '1.0'}]))
        permissions = self.aws('ec2', 'describe-image-attribute', '--image-id', image, '--attribute',
                               'launchPermission')
        self.assertEqual(permissions['LaunchPermissions'],
                         [{'UserId': OTHER.account}, {'OrganizationArn': ORGANIZATION}])
        self.aws('ssm', 'put-parameter', '--name', '/os/latest', '--type', 'String', '--data-type', 'aws:ec2:image',
                 '--value', image)

    def template(self, image):
        self.aws('ec2', 'create-launch-template', '--launch-template-name', 'web', '--launch-template-data',
                 json.dumps({'ImageId': image, 'InstanceType': 't3.micro'}))
        versions = self.aws('ec2', 'describe-launch-template-versions', '--launch-template-name', 'web')
        self.assertEqual(versions['LaunchTemplateVersions'][0]['LaunchTemplateData']['ImageId'], image)

    def test_objects(self):
        self.aws('s3', 'mb', 's3://bucket')
        source = self.write('big', os.urandom(20_000_000))
        self.aws('s3', 'cp', '--quiet', source, 's3://bucket/a/b ü+&.bin')
        self.assertIn('20000000 a/b ü+&.bin', self.aws('s3', 'ls', '--recursive', 's3://bucket'))
        self.aws('s3', 'cp', '--quiet', 's3://bucket/a/b ü+&.bin', self.path('back'))
        with open(source, 'rb') as one, open(self.path('back'), 'rb') as other:
            self.assertEqual(one.read(), other.read())


if __name__ == '__main__':
    unittest.main()
