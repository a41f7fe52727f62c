import hashlib
import json
import threading
import unittest

from harness import BLOCK_SIZE, OTHER, REGION, EndpointTest, block, linear, sha256_base64


class WritingTest(EndpointTest):
    def test_a_snapshot_is_written_completed_and_read_back(self):
        blocks = {0: block('a'), 7: block('b'), 2047: block('c')}
        name = self.snapshot(blocks)
        listed = self.client('ebs').list_snapshot_blocks(SnapshotId=name)
        self.assertEqual([entry['BlockIndex'] for entry in listed['Blocks']], [0, 7, 2047])
        self.assertEqual((listed['VolumeSize'], listed['BlockSize']), (1, BLOCK_SIZE))
        for entry in listed['Blocks']:
            answer = self.client('ebs').get_snapshot_block(SnapshotId=name, **entry)
            self.assertEqual(answer['BlockData'].read(), blocks[entry['BlockIndex']])
            self.assertEqual(answer['Checksum'], sha256_base64(blocks[entry['BlockIndex']]))

    def test_the_linear_checksum_is_over_the_blocks_checksums_in_order(self):
        blocks = {9: block('a'), 1: block('b')}
        name = self.start()
        for index, data in blocks.items():
            self.put(name, index, data)
        given = {'ChecksumAlgorithm': 'SHA256', 'ChecksumAggregationMethod': 'LINEAR'}
        with self.refused('ValidationException', 400, 'INVALID_PARAMETER_VALUE'):
            self.complete(name, 2, Checksum=sha256_base64(b'other'), **given)
        with self.refused('ValidationException'):
            self.complete(name, 2, Checksum=linear(blocks))
        self.assertEqual(self.complete(name, 2, Checksum=linear(blocks), **given)['Status'], 'completed')

    def test_the_count_of_blocks_has_to_be_right_and_rewritten_blocks_count_once(self):
        name = self.start()
        self.put(name, 3, block('a'))
        self.put(name, 3, block('b'))
        for wrong in (0, 2):
            with self.refused('ValidationException'):
                self.complete(name, wrong)
        self.complete(name, 1)

    def test_blocks_are_checked(self):
        name, data = self.start(), block('a')
        put = {'SnapshotId': name, 'BlockIndex': 0, 'BlockData': data, 'DataLength': BLOCK_SIZE,
               'Checksum': sha256_base64(data), 'ChecksumAlgorithm': 'SHA256'}
        for change in ({'Checksum': sha256_base64(b'x')}, {'DataLength': 4096}, {'BlockIndex': 2048},
                       {'BlockIndex': -1}, {'BlockData': data[1:]}, {'ChecksumAlgorithm': 'MD5'},
                       {'Progress': 101}, {'SnapshotId': 'snap-XYZ'}):
            with self.subTest(list(change)), self.refused('ValidationException', 400):
                self.client('ebs').put_snapshot_block(**{**put, **change})
        with self.refused('ResourceNotFoundException', 404, 'SNAPSHOT_NOT_FOUND'):
            self.client('ebs').put_snapshot_block(**{**put, 'SnapshotId': 'snap-0123456789abcdef0'})
        self.assertEqual(self.client('ebs').put_snapshot_block(**put)['Checksum'], put['Checksum'])

    def test_a_completed_snapshot_takes_no_blocks_and_is_not_completed_again(self):
        name = self.snapshot({0: block('a')})
        with self.refused('ValidationException'):
            self.put(name, 1, block('b'))
        with self.refused('ValidationException'):
            self.complete(name, 1)
        self.settings.complete_again = 'accept'
        self.assertEqual(self.complete(name, 1)['Status'], 'completed')

    def test_a_client_token_gives_the_same_snapshot_and_refuses_another_request(self):
        first = self.start(ClientToken='token-1', Description='a')
        self.assertEqual(self.start(ClientToken='token-1', Description='a'), first)
        self.assertNotEqual(self.start(ClientToken='token-1', Description='a', region='us-east-1'), first)
        with self.refused('ConflictException', 409):
            self.start(ClientToken='token-1', Description='b')
        for bad in ('x' * 65, 'with space', ''):
            with self.subTest(bad), self.refused('ValidationException'):
                self.start(ClientToken=bad)

    def test_requests_to_start_are_checked(self):
        for params in ({'VolumeSize': 0}, {'VolumeSize': 65537}, {'Timeout': 9}, {'Timeout': 4321},
                       {'Description': 'x' * 256}, {'Tags': [{'Key': 'aws:x', 'Value': ''}]},
                       {'Tags': [{'Key': 'a'}, {'Key': 'a'}]}, {'KmsKeyArn': 'no-arn'}):
            with self.subTest(params), self.refused('ValidationException'):
                self.start(**params)

    def test_the_quotas(self):
        self.settings.pending_snapshots_limit = 2
        self.start(), self.start()
        with self.refused('ServiceQuotaExceededException', 402):
            self.start()
        self.start('us-east-1')
        self.settings.start_snapshot_concurrency = 0
        with self.refused('ConcurrentLimitExceededException', 400):
            self.start('us-east-1')

    def test_a_new_snapshot_is_not_there_at_once(self):
        self.settings.snapshot_visible_after_puts = 2
        name = self.start()
        for _ in range(2):
            with self.refused('ResourceNotFoundException', 404, 'SNAPSHOT_NOT_FOUND'):
                self.put(name, 0, block('a'))
        self.put(name, 0, block('a'))

    def test_completion_takes_its_time(self):
        self.settings.snapshot_completes_after_describes = 2
        name = self.start()
        self.assertEqual(self.complete(name, 0)['Status'], 'pending')
        states = [self.client('ec2').describe_snapshots(SnapshotIds=[name])['Snapshots'][0]['State'] for _ in range(3)]
        self.assertEqual(states, ['pending', 'pending', 'completed'])

    def test_an_abandoned_snapshot_becomes_an_error(self):
        name = self.start(Timeout=10)
        self.settings.clock_offset_s = 11 * 60.0
        self.assertEqual(self.client('ec2').describe_snapshots()['Snapshots'][0]['State'], 'error')
        with self.refused('ValidationException'):
            self.put(name, 0, block('a'))

    def test_nobody_else_writes(self):
        name = self.start()
        with self.refused('AccessDeniedException', 403):
            self.put(name, 0, block('a'), who=OTHER)

    def test_many_threads_write_one_snapshot(self):
        name = self.start()
        threads = [threading.Thread(target=lambda first=first: [
            self.put(name, index, block(index)) for index in range(first, 64, 8)]) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.complete(name, 64, Checksum=linear({index: block(index) for index in range(64)}),
                      ChecksumAlgorithm='SHA256', ChecksumAggregationMethod='LINEAR')


class ReadingTest(EndpointTest):
    def test_a_pending_snapshot_cannot_be_read(self):
        name = self.start()
        with self.refused('ValidationException'):
            self.client('ebs').list_snapshot_blocks(SnapshotId=name)

    def test_pages(self):
        name = self.snapshot({index: block('same') for index in range(0, 500, 2)})
        indexes, token = [], None
        while True:
            page = self.client('ebs').list_snapshot_blocks(
                SnapshotId=name, MaxResults=100, **({'NextToken': token} if token else {'StartingBlockIndex': 3}))
            indexes += [entry['BlockIndex'] for entry in page['Blocks']]
            token = page.get('NextToken')
            if not token:
                break
        self.assertEqual(indexes, list(range(4, 500, 2)))
        for bad in ({'MaxResults': 99}, {'MaxResults': 10001}, {'NextToken': 'AAAA'}):
            with self.subTest(bad), self.refused('ValidationException'):
                self.client('ebs').list_snapshot_blocks(SnapshotId=name, **bad)

    def test_a_block_token_is_for_one_block_and_for_a_time(self):
        name = self.snapshot({0: block('a'), 1: block('b')})
        first, second = self.client('ebs').list_snapshot_blocks(SnapshotId=name)['Blocks']
        with self.refused('ValidationException', 400, 'INVALID_BLOCK_TOKEN'):
            self.client('ebs').get_snapshot_block(SnapshotId=name, BlockIndex=0, BlockToken=second['BlockToken'])
        self.settings.clock_offset_s = self.settings.block_token_life_s + 1
        with self.refused('ValidationException', 400, 'INVALID_BLOCK_TOKEN'):
            self.client('ebs').get_snapshot_block(SnapshotId=name, **first)

    def test_a_child_is_its_parent_with_changes(self):
        parent = self.snapshot({0: block('a'), 1: block('b')})
        child = self.snapshot({1: block('c'), 2: block('d')}, ParentSnapshotId=parent, VolumeSize=2)
        listed = self.client('ebs').list_snapshot_blocks(SnapshotId=child)['Blocks']
        self.assertEqual([entry['BlockIndex'] for entry in listed], [0, 1, 2])
        contents = [self.client('ebs').get_snapshot_block(SnapshotId=child, **entry)['BlockData'].read()
                    for entry in listed]
        self.assertEqual(contents, [block('a'), block('c'), block('d')])
        changed = self.client('ebs').list_changed_blocks(FirstSnapshotId=parent,
                                                         SecondSnapshotId=child)['ChangedBlocks']
        self.assertEqual([(entry['BlockIndex'], 'FirstBlockToken' in entry) for entry in changed],
                         [(1, True), (2, False)])
        other = self.snapshot({0: block('a')})
        with self.refused('ValidationException', 400, 'UNRELATED_SNAPSHOTS'):
            self.client('ebs').list_changed_blocks(FirstSnapshotId=parent, SecondSnapshotId=other)
        # The parent's data outlives the parent.
        self.client('ec2').delete_snapshot(SnapshotId=parent)
        self.assertEqual(self.client('ebs').get_snapshot_block(SnapshotId=child, **listed[0])['BlockData'].read(),
                         block('a'))

    def test_what_may_be_a_parent(self):
        parent = self.snapshot({}, VolumeSize=2)
        with self.refused('ValidationException', 400, 'INVALID_VOLUME_SIZE'):
            self.start(ParentSnapshotId=parent)
        with self.refused('ValidationException'):
            self.start(ParentSnapshotId=parent, VolumeSize=2, Encrypted=False)
        with self.refused('ValidationException'):
            self.start(ParentSnapshotId=self.start())
        with self.refused('ResourceNotFoundException', 404):
            self.start(ParentSnapshotId=parent, VolumeSize=2, region='us-east-1')
        with self.refused('AccessDeniedException', 403):
            self.client('ebs', who=OTHER).start_snapshot(ParentSnapshotId=parent, VolumeSize=2)

    def test_materialise_writes_the_volume_with_its_parents_blocks(self):
        parent = self.snapshot({0: block('a'), 1: block('b')})
        child = self.snapshot({1: bytes(BLOCK_SIZE), 5: block('c')}, ParentSnapshotId=parent)
        path = self.world.path('volume.raw')
        self.admin('POST', 'materialise', {'region': REGION, 'snapshot': child, 'path': path})
        with open(path, 'rb') as stream:
            volume = stream.read(6 * BLOCK_SIZE)
            self.assertEqual(stream.seek(0, 2), 1024 ** 3)
        self.assertEqual(hashlib.sha256(volume).digest(), hashlib.sha256(
            block('a') + bytes(4 * BLOCK_SIZE) + block('c')).digest())

    def test_the_state_lists_each_block_and_disk_holds_each_content_once(self):
        name = self.snapshot({0: block('a'), 3: block('a')})
        state = json.loads(self.admin('GET', 'state'))
        self.assertEqual(state['regions'][REGION]['snapshots'][name]['blocks'],
                         {'0': hashlib.sha256(block('a')).hexdigest(), '3': hashlib.sha256(block('a')).hexdigest()})
        self.client('ec2').delete_snapshot(SnapshotId=name)
        self.assertEqual(json.loads(self.admin('GET', 'state'))['regions'][REGION]['snapshots'], {})


if __name__ == '__main__':
    unittest.main()
