"""Snapshots as EC2 shows them: describe, share, delete."""

from endpoint.blocks import forget_unneeded
from endpoint.services.ec2 import common
from endpoint.services.ec2.common import invalid
from endpoint.services.ebs import may_use
from endpoint.services.snapshots import refresh
from endpoint.wire.scalars import iso8601

FLAT_PERMISSIONS = {'UserIds': 'UserId', 'GroupNames': 'Group'}


def operations(world):
    service = Snapshots(world)
    return {'DescribeSnapshots': service.describe, 'DescribeSnapshotAttribute': service.describe_attribute,
            'ModifySnapshotAttribute': service.modify_attribute, 'DeleteSnapshot': service.delete}


class Snapshots:
    def __init__(self, world):
        self.world = world

    def describe(self, caller, params):
        if 'SnapshotIds' in params and 'MaxResults' in params:
            raise invalid('The parameter snapshotSet cannot be used with the parameter maxResults',
                          'InvalidParameterCombination')
        with self.world.lock:
            region = self.world.region(caller.region)
            found = [snapshot for snapshot in self._named(region, caller, params)
                     if self._is_asked(region, caller, snapshot, params)]
            answers = [self._answer(region, snapshot) for snapshot in found]
        snapshots, token = common.page(self.world, answers, params, 'snapshots', 5, 1000)
        return {'Snapshots': snapshots, 'NextToken': token}

    def _named(self, region, caller, params):
        if 'SnapshotIds' in params:
            snapshots = [common.find_snapshot(region, name) for name in dict.fromkeys(params['SnapshotIds'])]
            for snapshot in snapshots:
                if snapshot.owner != caller.account and not may_use(snapshot, caller.account):
                    raise invalid(f"The snapshot '{snapshot.id}' does not exist.", 'InvalidSnapshot.NotFound')
        else:
            snapshots = [snapshot for snapshot in region.snapshots.values() if not snapshot.deleted
                         and (snapshot.owner == caller.account or may_use(snapshot, caller.account))]
        for snapshot in snapshots:
            refresh(self.world, snapshot)
            snapshot.describes_since_sealed += snapshot.sealed_at is not None
        return snapshots

    @staticmethod
    def _is_asked(region, caller, snapshot, params):
        owners = [caller.account if owner == 'self' else owner for owner in params.get('OwnerIds', [])]
        if owners and snapshot.owner not in owners:
            return False
        users = params.get('RestorableByUserIds', [])
        if users and not any(_may_restore(snapshot, caller, user) for user in users):
            return False
        fields = {
            'description': snapshot.description, 'encrypted': common.text(snapshot.encrypted),
            'owner-id': snapshot.owner, 'snapshot-id': snapshot.id, 'status': snapshot.state,
            'start-time': iso8601(snapshot.started_at), 'volume-size': str(snapshot.volume_gib),
            'progress': _progress(snapshot), 'storage-tier': 'standard', 'volume-id': 'vol-ffffffff'}
        return common.passes(params.get('Filters'), fields, region.tags.get(snapshot.id, {}))

    @staticmethod
    def _answer(region, snapshot):
        return {'SnapshotId': snapshot.id, 'Description': snapshot.description, 'Encrypted': snapshot.encrypted,
                'KmsKeyId': snapshot.kms_key or None, 'OwnerId': snapshot.owner, 'Progress': _progress(snapshot),
                'StartTime': snapshot.started_at, 'State': snapshot.state,
                'StateMessage': snapshot.state_message or None, 'VolumeId': 'vol-ffffffff',
                'VolumeSize': snapshot.volume_gib, 'StorageTier': 'standard',
                'Tags': common.tag_set(region, snapshot.id)}

    def _own(self, caller, params):
        region = self.world.region(caller.region)
        return common.own(caller, common.find_snapshot(region, params['SnapshotId']), 'snapshot')

    def describe_attribute(self, caller, params):
        with self.world.lock:
            snapshot = self._own(caller, params)
            result = {'SnapshotId': snapshot.id}
            if params['Attribute'] == 'createVolumePermission':
                result['CreateVolumePermissions'] = list(snapshot.permissions)
            else:
                result['ProductCodes'] = []
            return result

    def modify_attribute(self, caller, params):
        with self.world.lock:
            snapshot = self._own(caller, params)
            if params.get('Attribute', 'createVolumePermission') != 'createVolumePermission':
                raise invalid(f"{params['Attribute']} cannot be modified", 'UnsupportedOperation')
            add, remove = common.permission_changes(params, 'CreateVolumePermission', FLAT_PERMISSIONS)
            if refresh(self.world, snapshot).state != 'completed':
                raise invalid(f'The snapshot {snapshot.id} is {snapshot.state}', 'IncorrectState')
            if {'Group': 'all'} in add:
                self._refuse_public(snapshot)
            snapshot.permissions = common.change_permissions(snapshot.permissions, add, remove)
        return {}

    def _refuse_public(self, snapshot):
        if snapshot.encrypted:
            raise invalid('Encrypted snapshots with EBS default key cannot be shared', 'OperationNotPermitted')
        if self.world.settings.block_public_snapshots:
            raise invalid('Block public access for snapshots is enabled', 'OperationNotPermitted')

    def delete(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            snapshot = self._own(caller, params)
            for image in region.images.values():
                if snapshot.id in image.snapshots():
                    raise invalid(f'The snapshot {snapshot.id} is currently in use by {image.id}',
                                  'InvalidSnapshot.InUse')
            snapshot.deleted = True
            region.tags.pop(snapshot.id, None)
            forget_unneeded(self.world, region, snapshot)
        return {}


def _progress(snapshot):
    return '100%' if snapshot.state == 'completed' else '0%'


def _may_restore(snapshot, caller, user):
    if user == 'all':
        return {'Group': 'all'} in snapshot.permissions
    account = caller.account if user == 'self' else user
    return snapshot.owner == account or {'UserId': account} in snapshot.permissions
