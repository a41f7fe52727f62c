"""EBS direct: snapshots written and read by the block."""

import base64
import bisect
import hashlib

from endpoint.blocks import BLOCK_SIZE, BLOCKS_PER_GIB, holder, holders, layers
from endpoint.errors import ServiceError
from endpoint.services import paging
from endpoint.services.snapshots import refresh
from endpoint.state import Snapshot, new_id

MAX_TAGS = 50
DEFAULT_PAGE = 10000
IDENTICAL_REQUEST = ('VolumeSize', 'ParentSnapshotId', 'Tags', 'Description', 'Encrypted', 'KmsKeyArn', 'Timeout')


def operations(world):
    service = Ebs(world)
    return {'StartSnapshot': service.start_snapshot, 'PutSnapshotBlock': service.put_snapshot_block,
            'CompleteSnapshot': service.complete_snapshot, 'ListSnapshotBlocks': service.list_snapshot_blocks,
            'ListChangedBlocks': service.list_changed_blocks, 'GetSnapshotBlock': service.get_snapshot_block}


def invalid(message, reason='INVALID_PARAMETER_VALUE'):
    return ServiceError('ValidationException', message, 400, {'Reason': reason})


def not_found(snapshot_id):
    return ServiceError('ResourceNotFoundException', f'The snapshot {snapshot_id} does not exist.', 404,
                        {'Reason': 'SNAPSHOT_NOT_FOUND'})


def linear_checksum(blocks):
    """SHA-256, in Base64, over the blocks' SHA-256s (32 bytes each) in ascending order of their index."""
    digest = hashlib.sha256()
    for index in sorted(blocks):
        digest.update(bytes.fromhex(blocks[index]))
    return base64.b64encode(digest.digest()).decode()


class Ebs:
    def __init__(self, world):
        self.world = world
        self._starting = {}
        self._writing = {}

    # StartSnapshot

    def start_snapshot(self, caller, params):
        place = (caller.account, caller.region)
        with self.world.lock:
            self._starting[place] = self._starting.get(place, 0) + 1
            is_crowded = self._starting[place] > self.world.settings.start_snapshot_concurrency
        try:
            if is_crowded:
                raise ServiceError('ConcurrentLimitExceededException',
                                   'You have reached the limit for concurrent API requests.')
            with self.world.lock:
                return self._start(caller, params)
        finally:
            with self.world.lock:
                self._starting[place] -= 1

    def _start(self, caller, params):
        region = self.world.region(caller.region)
        if (again := self._replayed(region, caller, params)) is not None:
            return self._describe(region, again)
        parent = self._parent_of(region, caller, params)
        _check_tags(params.get('Tags', []))
        if params.get('KmsKeyArn') and not params.get('Encrypted'):
            raise invalid('KmsKeyArn needs Encrypted', 'INVALID_CUSTOMER_KEY')
        self._check_quota(region, caller)
        snapshot = Snapshot(
            new_id('snap'), caller.account, caller.region, params['VolumeSize'], self.world.now(),
            description=params.get('Description', ''), parent=parent.id if parent else '',
            encrypted=params.get('Encrypted', False) or bool(parent and parent.encrypted),
            kms_key=params.get('KmsKeyArn', ''), timeout_min=params.get('Timeout', 60),
            client_token=params.get('ClientToken', ''), last_write_at=self.world.now())
        region.snapshots[snapshot.id] = snapshot
        if params.get('Tags'):
            region.tags[snapshot.id] = {tag['Key']: tag.get('Value', '') for tag in params['Tags']}
        if snapshot.client_token:
            region.tokens[_token_key(caller, params)] = {'id': snapshot.id, 'request': _identity(params)}
        return self._describe(region, snapshot)

    def _replayed(self, region, caller, params):
        first = region.tokens.get(_token_key(caller, params)) if params.get('ClientToken') else None
        if first is None:
            return None
        if first['request'] != _identity(params):
            raise ServiceError('ConflictException',
                               'The request uses the same client token as a previous, but non-identical request.', 409)
        snapshot = region.snapshots.get(first['id'])
        return snapshot if snapshot and not snapshot.deleted else None

    def _parent_of(self, region, caller, params):
        parent_id = params.get('ParentSnapshotId')
        if not parent_id:
            return None
        if 'Encrypted' in params:
            raise invalid('ParentSnapshotId and Encrypted cannot be in one request')
        parent = self._visible(region, caller, parent_id)
        if parent.owner != caller.account:
            raise ServiceError('AccessDeniedException', f'{parent_id} is not owned by {caller.account}', 403,
                               {'Reason': 'UNAUTHORIZED_ACCOUNT'})
        if refresh(self.world, parent).state != 'completed':
            raise invalid(f'The parent snapshot {parent_id} is not completed', 'INVALID_SNAPSHOT_ID')
        if params['VolumeSize'] < parent.volume_gib:
            raise invalid(f'The volume size cannot be below the parent\'s {parent.volume_gib} GiB',
                          'INVALID_VOLUME_SIZE')
        return parent

    def _check_quota(self, region, caller):
        pending = sum(refresh(self.world, snapshot).state == 'pending' and snapshot.owner == caller.account
                      for snapshot in region.snapshots.values() if not snapshot.deleted)
        if pending >= self.world.settings.pending_snapshots_limit:
            raise ServiceError('ServiceQuotaExceededException', 'Too many pending snapshots', 402,
                               {'Reason': 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED'})

    def _describe(self, region, snapshot):
        tags = region.tags.get(snapshot.id, {})
        return {'SnapshotId': snapshot.id, 'Description': snapshot.description or None, 'OwnerId': snapshot.owner,
                'Status': snapshot.state, 'StartTime': snapshot.started_at, 'VolumeSize': snapshot.volume_gib,
                'BlockSize': BLOCK_SIZE, 'ParentSnapshotId': snapshot.parent or None,
                'KmsKeyArn': snapshot.kms_key or None,
                'Tags': [{'Key': key, 'Value': value} for key, value in tags.items()] or None}

    # Writing

    def put_snapshot_block(self, caller, params):
        body = params['BlockData']
        if params['DataLength'] != BLOCK_SIZE:
            raise invalid(f'DataLength must be {BLOCK_SIZE}', 'INVALID_BLOCK')
        if body.length != BLOCK_SIZE:
            raise invalid('Failed to read block data')
        if base64.b64encode(bytes.fromhex(body.sha256)).decode() != params['Checksum']:
            raise invalid('Checksum does not match the block data')
        index = params['BlockIndex']
        with self.world.lock:
            snapshot = self._writable(caller, params['SnapshotId'])
            if index >= snapshot.volume_gib * BLOCKS_PER_GIB:
                raise invalid(f'Block index {index} is beyond the volume of {snapshot.volume_gib} GiB')
            self._begin_write(snapshot, index, body.sha256)
        try:
            self.world.blocks.write(body.sha256, body.data)
        finally:
            self._end_write(snapshot, index)
        with self.world.lock:
            if snapshot.sealed_at is not None:
                raise invalid(f'The snapshot {snapshot.id} was completed meanwhile', 'INVALID_SNAPSHOT_ID')
            # Again, in case a deletion took it for unneeded before it was noted.
            self.world.blocks.write(body.sha256, body.data)
            snapshot.blocks[index] = body.sha256
            snapshot.last_write_at = self.world.now()
        return {'Checksum': params['Checksum'], 'ChecksumAlgorithm': 'SHA256'}

    def _begin_write(self, snapshot, index, digest):
        writers = self._writing.setdefault((snapshot.id, index), [])
        if any(other != digest for other in writers):
            raise invalid(f'Block {index} is being written with other content', 'CONFLICTING_BLOCK_UPDATE')
        writers.append(digest)

    def _end_write(self, snapshot, index):
        with self.world.lock:
            writers = self._writing[(snapshot.id, index)]
            writers.pop()
            if not writers:
                del self._writing[(snapshot.id, index)]

    def _writable(self, caller, snapshot_id):
        snapshot = self._visible(self.world.region(caller.region), caller, snapshot_id)
        settings = self.world.settings
        is_too_soon = self.world.now() < snapshot.started_at + settings.snapshot_visible_after_s
        if is_too_soon or snapshot.puts_refused < settings.snapshot_visible_after_puts:
            snapshot.puts_refused += 1
            raise not_found(snapshot_id)
        self._check_owner(caller, snapshot)
        if refresh(self.world, snapshot).state != 'pending' or snapshot.sealed_at is not None:
            raise invalid(f'The snapshot {snapshot_id} is not in the pending state', 'INVALID_SNAPSHOT_ID')
        return snapshot

    def complete_snapshot(self, caller, params):
        with self.world.lock:
            snapshot = self._visible(self.world.region(caller.region), caller, params['SnapshotId'])
            self._check_owner(caller, snapshot)
            _check_completion(snapshot, params)
            refresh(self.world, snapshot)
            is_again = snapshot.sealed_at is not None and snapshot.state != 'error'
            if is_again and self.world.settings.complete_again == 'accept':
                return {'Status': snapshot.state}
            if snapshot.state != 'pending' or is_again:
                raise invalid(f'The snapshot {snapshot.id} is not in the pending state', 'INVALID_SNAPSHOT_ID')
            snapshot.sealed_at = self.world.now()
            return {'Status': refresh(self.world, snapshot).state}

    # Reading

    def list_snapshot_blocks(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            snapshot = self._readable(region, caller, params['SnapshotId'])
            held = sorted(holders(region, snapshot))
        indexes, token = self._page(params, held, ['blocks', snapshot.id])
        return {'Blocks': [{'BlockIndex': index, 'BlockToken': self._token(snapshot, index)} for index in indexes],
                'ExpiryTime': self._expiry(), 'VolumeSize': snapshot.volume_gib, 'BlockSize': BLOCK_SIZE,
                'NextToken': token}

    def list_changed_blocks(self, caller, params):
        if 'FirstSnapshotId' not in params:
            raise invalid('FirstSnapshotId must be specified with SecondSnapshotId')
        with self.world.lock:
            region = self.world.region(caller.region)
            first = self._readable(region, caller, params['FirstSnapshotId'])
            second = self._readable(region, caller, params['SecondSnapshotId'])
            if layers(region, first)[0] is not layers(region, second)[0]:
                raise invalid(f'{first.id} and {second.id} are not of one lineage', 'UNRELATED_SNAPSHOTS')
            before, after = holders(region, first), holders(region, second)
        changed = sorted(index for index in before.keys() | after.keys()
                         if before.get(index) is not after.get(index))
        indexes, token = self._page(params, changed, ['changed', first.id, second.id])
        return {'ChangedBlocks': [{
            'BlockIndex': index, 'FirstBlockToken': self._token(first, index) if index in before else None,
            'SecondBlockToken': self._token(second, index) if index in after else None} for index in indexes],
            'ExpiryTime': self._expiry(), 'VolumeSize': second.volume_gib, 'BlockSize': BLOCK_SIZE, 'NextToken': token}

    def get_snapshot_block(self, caller, params):
        index = params['BlockIndex']
        with self.world.lock:
            region = self.world.region(caller.region)
            snapshot = self._readable(region, caller, params['SnapshotId'])
            self._check_token(snapshot, index, params['BlockToken'])
            digest = holder(region, snapshot, index).blocks[index]
        return {'BlockData': self.world.blocks.read(digest), 'DataLength': BLOCK_SIZE, 'ChecksumAlgorithm': 'SHA256',
                'Checksum': base64.b64encode(bytes.fromhex(digest)).decode()}

    def _page(self, params, indexes, question):
        token = params.get('NextToken')
        start = self._start_of(token, question) if token else params.get('StartingBlockIndex', 0)
        indexes = indexes[bisect.bisect_left(indexes, start):]
        size = min(params.get('MaxResults', DEFAULT_PAGE), self.world.settings.page_size or DEFAULT_PAGE)
        next_token = paging.sign_token(self.world, [question, indexes[size]]) if len(indexes) > size else None
        return indexes[:size], next_token

    def _start_of(self, token, question):
        try:
            asked, start = paging.open_token(self.world, token)
        except (ValueError, TypeError):
            asked, start = None, 0
        if asked != question:
            raise invalid('The page token is not valid', 'INVALID_PAGE_TOKEN')
        return start

    def _expiry(self):
        return self.world.now() + self.world.settings.block_token_life_s

    def _token(self, snapshot, index):
        return paging.sign_token(self.world, [snapshot.id, index, int(self._expiry())])

    def _check_token(self, snapshot, index, token):
        try:
            of_snapshot, of_index, expires_at = paging.open_token(self.world, token)
        except (ValueError, TypeError):
            raise invalid('The block token is not valid', 'INVALID_BLOCK_TOKEN') from None
        if (of_snapshot, of_index) != (snapshot.id, index) or self.world.now() > expires_at:
            raise invalid('The block token is not valid for this block, or expired', 'INVALID_BLOCK_TOKEN')

    def _readable(self, region, caller, snapshot_id):
        snapshot = self._visible(region, caller, snapshot_id)
        if snapshot.owner != caller.account and not may_use(snapshot, caller.account):
            raise not_found(snapshot_id)
        if refresh(self.world, snapshot).state != 'completed':
            raise invalid(f'The snapshot {snapshot_id} is not in the completed state', 'INVALID_SNAPSHOT_ID')
        return snapshot

    @staticmethod
    def _visible(region, _caller, snapshot_id):
        snapshot = region.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.deleted:
            raise not_found(snapshot_id)
        return snapshot

    @staticmethod
    def _check_owner(caller, snapshot):
        if snapshot.owner != caller.account:
            raise ServiceError('AccessDeniedException', f'{snapshot.id} is not owned by {caller.account}', 403,
                               {'Reason': 'UNAUTHORIZED_ACCOUNT'})


def may_use(snapshot, account):
    return {'Group': 'all'} in snapshot.permissions or {'UserId': account} in snapshot.permissions


def _token_key(caller, params):
    return f'{caller.account} StartSnapshot {params.get("ClientToken", "")}'


def _identity(params):
    return {name: params[name] for name in IDENTICAL_REQUEST if name in params}


def _check_tags(tags):
    keys = [tag.get('Key', '') for tag in tags]
    if len(keys) > MAX_TAGS or len(set(keys)) != len(keys):
        raise invalid(f'At most {MAX_TAGS} tags, each key once', 'INVALID_TAG')
    if any(not key or key.lower().startswith('aws:') for key in keys):
        raise invalid('Tag keys are not empty and do not start with aws:', 'INVALID_TAG')


def _check_completion(snapshot, params):
    if params['ChangedBlocksCount'] != len(snapshot.blocks):
        raise invalid(f'ChangedBlocksCount is {params["ChangedBlocksCount"]}, but {len(snapshot.blocks)} blocks were '
                      'written')
    given = [params.get(name) for name in ('Checksum', 'ChecksumAlgorithm', 'ChecksumAggregationMethod')]
    if any(given) and not all(given):
        raise invalid('Checksum, ChecksumAlgorithm and ChecksumAggregationMethod come together')
    if given[0] and given[0] != linear_checksum(snapshot.blocks):
        raise invalid('Checksum does not match the blocks that were written')
