import unittest

from harness import OWNER, Credential, EndpointTest

ROLE = 'arn:aws:iam::111122223333:role/ci/publisher'


class ParameterTest(EndpointTest):
    def setUp(self):
        super().setUp()
        self.ssm = self.client('ssm')

    def test_values_versions_and_history(self):
        self.assertEqual(self.ssm.put_parameter(Name='/os/latest', Value='1', Type='String')['Version'], 1)
        with self.refused('ParameterAlreadyExists', 400):
            self.ssm.put_parameter(Name='/os/latest', Value='2', Type='String')
        self.assertEqual(self.ssm.put_parameter(Name='/os/latest', Value='2', Overwrite=True)['Version'], 2)
        found = self.ssm.get_parameter(Name='/os/latest')['Parameter']
        self.assertEqual((found['Value'], found['Version'], found['Type']), ('2', 2, 'String'))
        self.assertEqual(self.ssm.get_parameter(Name='/os/latest:1')['Parameter']['Value'], '1')
        self.assertEqual(self.ssm.get_parameter(Name=found['ARN'])['Parameter']['Value'], '2')
        with self.refused('ParameterVersionNotFound'):
            self.ssm.get_parameter(Name='/os/latest:3')
        pages = list(self.ssm.get_paginator('get_parameter_history').paginate(
            Name='/os/latest', PaginationConfig={'PageSize': 1}))
        self.assertEqual([page['Parameters'][0]['Value'] for page in pages], ['1', '2'])

    def test_several_at_once(self):
        for name in ('/a', '/b'):
            self.ssm.put_parameter(Name=name, Value=name, Type='String')
        found = self.ssm.get_parameters(Names=['/a', '/b', '/c'])
        self.assertEqual(([entry['Value'] for entry in found['Parameters']], found['InvalidParameters']),
                         (['/a', '/b'], ['/c']))
        with self.refused('ValidationException'):
            self.ssm.get_parameters(Names=[f'/{number}' for number in range(11)])
        self.assertEqual(self.ssm.delete_parameters(Names=['/a', '/c'])['InvalidParameters'], ['/c'])
        self.ssm.delete_parameter(Name='/b')
        with self.refused('ParameterNotFound'):
            self.ssm.delete_parameter(Name='/b')

    def test_requests_are_checked(self):
        good = {'Name': '/x', 'Value': 'v', 'Type': 'String'}
        for change, code in (
                ({'Name': '/a b'}, 'ValidationException'), ({'Name': 'a/b'}, 'ValidationException'),
                ({'Name': '/aws/x'}, 'AccessDeniedException'), ({'Type': 'Number'}, 'ValidationException'),
                ({'Name': '/x' * 16}, 'HierarchyLevelLimitExceededException'), ({'Value': ''}, 'ValidationException'),
                ({'Value': 'v' * 4097}, 'ValidationException'), ({'DataType': 'aws:ec2:imaeg'}, 'ValidationException'),
                ({'Overwrite': True, 'Tags': [{'Key': 'a', 'Value': 'b'}]}, 'ValidationException'),
                ({'Value': 5}, 'SerializationException')):
            with self.subTest(change), self.refused(code, 400):
                self.ssm.put_parameter(**{**good, **change})
        with self.refused('ValidationException'):
            self.ssm.put_parameter(Name='/x', Value='v')
        self.ssm.put_parameter(**good, Tags=[{'Key': 'a', 'Value': 'b'}])
        self.assertEqual(self.ssm.list_tags_for_resource(ResourceType='Parameter', ResourceId='/x')['TagList'],
                         [{'Key': 'a', 'Value': 'b'}])
        with self.refused('HierarchyTypeMismatchException'):
            self.ssm.put_parameter(Name='/x', Value='v', Type='StringList', Overwrite=True)

    def test_an_image_parameter_appears_only_if_the_image_is_there(self):
        image = self.image(self.snapshot({}))
        params = {'Name': '/ami', 'Type': 'String', 'DataType': 'aws:ec2:image'}
        self.assertEqual(self.ssm.put_parameter(Value='ami-0123456789abcdef0', **params)['Version'], 1)
        with self.refused('ParameterNotFound'):
            self.ssm.get_parameter(Name='/ami')
        self.ssm.put_parameter(Value=image, **params)
        self.assertEqual(self.ssm.get_parameter(Name='/ami')['Parameter']['DataType'], 'aws:ec2:image')
        # The image of another region is no image here.
        self.client('ssm', 'us-east-1').put_parameter(Value=image, **params)
        with self.refused('ParameterNotFound'):
            self.client('ssm', 'us-east-1').get_parameter(Name='/ami')


class IdentityTest(EndpointTest):
    def test_who_am_i(self):
        self.assertEqual(self.client('sts').get_caller_identity()['Account'], OWNER.account)

    def assume(self, **change):
        return self.client('sts', who=Credential('none', 'none', '')).assume_role_with_web_identity(**{
            'RoleArn': ROLE, 'RoleSessionName': 'build-1', 'WebIdentityToken': 'the-token', **change})

    def test_a_web_identity_gets_credentials_that_expire(self):
        self.admin('POST', 'web-identity', {'token': 'the-token', 'role_arn': ROLE})
        given = self.assume(DurationSeconds=900)['Credentials']
        who = Credential(given['AccessKeyId'], given['SecretAccessKey'], '', given['SessionToken'])
        self.assertEqual(self.client('sts', who=who).get_caller_identity()['Arn'],
                         'arn:aws:sts::111122223333:assumed-role/publisher/build-1')
        self.settings.clock_offset_s = 901.0
        with self.refused('ExpiredToken', 403):
            self.client('sts', who=who).get_caller_identity()

    def test_wrong_identities_are_refused(self):
        with self.refused('InvalidIdentityToken', 400):
            self.assume()
        self.admin('POST', 'web-identity', {'token': 'the-token', 'role_arn': ROLE, 'expired': True})
        with self.refused('ExpiredTokenException', 400):
            self.assume()
        self.admin('POST', 'web-identity', {'token': 'the-token', 'role_arn': ROLE + '-other'})
        with self.refused('AccessDenied', 403):
            self.assume()
        with self.refused('ValidationError'):
            self.assume(DurationSeconds=10)


if __name__ == '__main__':
    unittest.main()
