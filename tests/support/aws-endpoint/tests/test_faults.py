import http.client
import json
import time
import unittest

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from harness import REGION, ClientError, EndpointTest, block


class FaultTest(EndpointTest):
    def faults(self, **text):
        self.admin('PUT', 'faults', text)

    def log(self):
        return [json.loads(line) for line in self.admin('GET', 'log').splitlines()]

    def test_each_service_throttles_in_its_words(self):
        self.faults(rates=[{'kind': 'throttle', 'rate': 1.0}])
        for service, call, codes in (
                ('ec2', 'describe_regions', {('RequestLimitExceeded', 503)}), ('s3', 'list_buckets', {('SlowDown',
                                                                                                       503)}),
                ('sts', 'get_caller_identity', {('Throttling', 400)})):
            self.assertEqual(self.codes(lambda: getattr(self.client(service), call)(), 3), codes)
        self.assertEqual(self.codes(lambda: self.client('ssm').get_parameter(Name='/x'), 3),
                         {('ThrottlingException', 400)})
        self.assertEqual(self.codes(self.start, 8), {('RequestThrottledException', 400), ('ThrottlingException', 400)})

    def codes(self, call, times):
        found = set()
        for _ in range(times):
            try:
                call()
            except ClientError as error:
                found.add((error.response['Error']['Code'], error.response['ResponseMetadata']['HTTPStatusCode']))
        return found

    def test_a_script_hits_the_nth_call(self):
        self.faults(script=[{'kind': 'error', 'service': 'ebs', 'operation': 'CompleteSnapshot', 'region': REGION,
                             'nth': 2, 'times': 2, 'code': 'AccessDeniedException', 'status': 403,
                             'members': {'Reason': 'UNAUTHORIZED_ACCOUNT'}}])
        names = [self.start() for _ in range(4)]
        self.complete(names[0], 0)
        for name in names[1:3]:
            with self.refused('AccessDeniedException', 403, 'UNAUTHORIZED_ACCOUNT'):
                self.complete(name, 0)
        self.complete(names[3], 0)
        self.complete(self.start('us-east-1'), 0, 'us-east-1')

    def test_a_dropped_connection_before_and_after(self):
        for kind, region, count in (('cut', 'us-east-1', 0), ('drop_before', 'us-east-2', 0),
                                    ('drop_after', 'us-west-2', 1)):
            with self.subTest(kind):
                self.faults(script=[{'kind': kind, 'service': 'ebs', 'nth': 1}])
                with self.assertRaises(ConnectionClosedError):
                    self.start(region)
                self.assertEqual(len(self.world.region(region).snapshots), count)
                self.assertEqual(self.log()[-1]['fault'], kind)

    def test_half_an_answer(self):
        self.faults(script=[{'kind': 'truncate', 'service': 'ebs', 'nth': 1}])
        with self.assertRaises(http.client.IncompleteRead):
            self.send_signed('ebs', 'POST', '/snapshots', {}, b'{"VolumeSize": 1}')
        self.assertEqual(len(self.world.region(REGION).snapshots), 1)

    def test_a_cut_body_of_a_block(self):
        name = self.start()
        self.faults(script=[{'kind': 'cut', 'operation': 'PutSnapshotBlock', 'nth': 1}])
        with self.assertRaises(ConnectionClosedError):
            self.put(name, 0, block('a'))
        self.put(name, 0, block('a'))

    def test_hangs_and_slow_answers(self):
        client = self.client('ec2')
        client.meta.config.read_timeout = 1
        self.faults(script=[{'kind': 'slow', 'service': 'ec2', 'nth': 1, 'seconds': 0.3},
                            {'kind': 'hang', 'service': 'ec2', 'nth': 2, 'seconds': 20}])
        started = time.monotonic()
        self.assertTrue(client.describe_regions()['Regions'])
        self.assertGreater(time.monotonic() - started, 0.2)
        with self.assertRaises(ReadTimeoutError):
            client.describe_regions()

    def test_chance_is_the_same_for_the_same_seed(self):
        def run(seed):
            self.faults(seed=seed, rates=[{'kind': 'internal', 'service': 'ec2', 'rate': 0.3}])
            return [bool(self.codes(self.client('ec2').describe_regions, 1)) for _ in range(60)]
        first = run(1)
        self.assertEqual(run(1), first)
        self.assertNotEqual(run(2), first)
        self.assertTrue(5 < sum(first) < 35, sum(first))

    def test_wrong_faults_are_refused(self):
        for text in ({'rates': [{'kind': 'explode'}]}, {'script': [{'kind': 'hang'}]}, {'rate': []}):
            self.assertEqual(self.send('PUT', '/_test/faults', {}, json.dumps(text).encode())[0], 400)
        self.assertEqual(self.send('PUT', '/_test/settings', {}, b'{"no_such": 1}')[0], 400)

    def test_the_log_tells_who_asked_what(self):
        name = self.start()
        self.put(name, 4, block('a'))
        entry = self.log()[-1]
        self.assertEqual((entry['service'], entry['operation'], entry['region'], entry['status'],
                          entry['request_bytes']),
                         ('ebs', 'PutSnapshotBlock', REGION, 201, 524288))
        self.assertEqual(entry['key'], {'SnapshotId': name, 'BlockIndex': 4})


if __name__ == '__main__':
    unittest.main()
