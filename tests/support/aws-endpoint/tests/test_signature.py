import unittest

from harness import OTHER, OWNER, Credential, EndpointTest, block, sha256_base64

TARGET = {'X-Amz-Target': 'AmazonSSM.GetParameter', 'Content-Type': 'application/x-amz-json-1.1'}
BODY = b'{"Name": "/nothing"}'


def calls_of(test, who):
    return {
        'ebs': lambda: test.client('ebs', who=who).list_snapshot_blocks(SnapshotId='snap-0123456789abcdef0'),
        'ec2': lambda: test.client('ec2', who=who).describe_regions(),
        'ssm': lambda: test.client('ssm', who=who).get_parameter(Name='/nothing'),
        'sts': lambda: test.client('sts', who=who).get_caller_identity(),
        's3': lambda: test.client('s3', who=who).list_buckets()}


class SignatureTest(EndpointTest):
    def expect(self, who, codes):
        for service, call in calls_of(self, who).items():
            with self.subTest(service), self.refused(*codes[service]):
                call()

    def test_a_wrong_secret_is_refused_by_each_service_in_its_words(self):
        self.expect(Credential(OWNER.access_key, 'wrong', ''), {
            'ebs': ('InvalidSignatureException', 403), 'ec2': ('AuthFailure', 401),
            'ssm': ('InvalidSignatureException', 400), 'sts': ('SignatureDoesNotMatch', 403),
            's3': ('SignatureDoesNotMatch', 403)})

    def test_an_unknown_key_is_refused(self):
        self.expect(Credential('AKIANOBODY', 'x', ''), {
            'ebs': ('UnrecognizedClientException', 403), 'ec2': ('AuthFailure', 401),
            'ssm': ('UnrecognizedClientException', 400), 'sts': ('InvalidClientTokenId', 403),
            's3': ('InvalidAccessKeyId', 403)})

    def test_an_expired_session_is_refused(self):
        temporary = Credential('ASIATEMPORARY', 'x', OWNER.account, 'token', self.world.now() - 1)
        self.world.add_credential(temporary)
        self.expect(temporary, {
            'ebs': ('ExpiredTokenException', 403), 'ec2': ('RequestExpired', 400), 'ssm': ('ExpiredTokenException',
                                                                                           400),
            'sts': ('ExpiredToken', 403), 's3': ('ExpiredToken', 400)})

    def test_a_session_needs_its_token(self):
        self.world.add_credential(Credential('ASIATEMPORARY', 'x', OWNER.account, 'token', self.world.now() + 60))
        with self.refused('InvalidClientTokenId'):
            self.client('sts', who=Credential('ASIATEMPORARY', 'x', '')).get_caller_identity()
        with self.refused('InvalidClientTokenId'):
            self.client('sts', who=Credential('ASIATEMPORARY', 'x', '', 'other')).get_caller_identity()
        good = Credential('ASIATEMPORARY', 'x', '', 'token')
        self.assertEqual(self.client('sts', who=good).get_caller_identity()['Account'], OWNER.account)

    def test_an_unsigned_request_is_refused(self):
        status, _, body = self.send('POST', '/', TARGET, BODY)
        self.assertEqual((status, b'MissingAuthenticationToken' in body), (400, True))
        status, headers, _ = self.send('GET', '/snapshots/snap-0/blocks')
        self.assertEqual(status, 403)
        self.assertIn('MissingAuthenticationToken', headers['x-amzn-ErrorType'])

    def signed_ssm(self):
        return self.signed('ssm', 'POST', '/', TARGET, BODY)

    def test_a_changed_body_header_or_query_breaks_the_signature(self):
        self.assertIn(b'ParameterNotFound', self.send('POST', '/', self.signed_ssm(), BODY)[2])
        self.assertIn(b'InvalidSignature', self.send('POST', '/', self.signed_ssm(), BODY + b' ')[2])
        changed = {**self.signed_ssm(), 'X-Amz-Target': 'AmazonSSM.GetParameters'}
        self.assertIn(b'InvalidSignature', self.send('POST', '/', changed, BODY)[2])
        headers = self.signed('s3', 'GET', '/?x-id=ListBuckets')
        self.assertEqual(self.send('GET', '/?x-id=ListBuckets', headers)[0], 200)
        self.assertIn(b'SignatureDoesNotMatch', self.send('GET', '/?x-id=Other', headers)[2])

    def test_every_amz_header_has_to_be_signed(self):
        status, _, body = self.send('POST', '/', {**self.signed_ssm(), 'X-Amz-User-Agent': 'x'}, BODY)
        self.assertEqual((status, b'were not signed' in body), (400, True))

    def test_a_header_that_is_signed_but_not_sent_is_refused(self):
        headers = self.signed('ssm', 'POST', '/', {**TARGET, 'Accept-Language': 'en'}, BODY)
        del headers['Accept-Language']
        self.assertIn(b'does not have', self.send('POST', '/', headers, BODY)[2])

    def test_clock_skew_beyond_five_minutes_is_refused(self):
        for minutes, is_good in ((-6, False), (-4, True), (4, True), (6, False)):
            with self.subTest(minutes):
                answer = self.at(minutes)
                self.assertEqual(b'ParameterNotFound' in answer, is_good, answer)

    def at(self, minutes):
        import datetime
        from unittest import mock
        moment = datetime.datetime.utcnow() + datetime.timedelta(minutes=minutes)
        with mock.patch('botocore.auth.datetime') as fake:
            fake.datetime.utcnow.return_value = moment
            headers = self.signed_ssm()
        return self.send('POST', '/', headers, BODY)[2]

    def test_the_payload_may_be_unsigned_only_where_the_service_takes_it(self):
        snapshot = self.start()
        data = block(1)
        headers = {'x-amz-Data-Length': str(len(data)), 'x-amz-Checksum': sha256_base64(data),
                   'x-amz-Checksum-Algorithm': 'SHA256', 'X-Amz-Content-SHA256': 'UNSIGNED-PAYLOAD'}
        target = f'/snapshots/{snapshot}/blocks/0'
        self.assertEqual(self.send_signed('ebs', 'PUT', target, headers, data)[0], 201)
        unsigned = {**TARGET, 'X-Amz-Content-SHA256': 'UNSIGNED-PAYLOAD'}
        self.assertIn(b'unsigned payload', self.send_signed('ssm', 'POST', '/', unsigned, BODY)[2])

    def test_the_hash_in_the_header_has_to_be_the_bodys(self):
        headers = {**TARGET, 'X-Amz-Content-SHA256': '0' * 64}
        self.assertIn(b'InvalidSignature', self.send_signed('ssm', 'POST', '/', headers, BODY)[2])

    def test_a_region_that_is_not_there_is_refused(self):
        self.assertIn(b'valid region', self.send_signed('ssm', 'POST', '/', TARGET, BODY, region='xx-north-9')[2])

    def test_regions_and_accounts_are_apart(self):
        self.client('ssm').put_parameter(Name='/a', Value='1', Type='String')
        for client in (self.client('ssm', 'us-east-1'), self.client('ssm', who=OTHER)):
            with self.refused('ParameterNotFound'):
                client.get_parameter(Name='/a')


if __name__ == '__main__':
    unittest.main()
