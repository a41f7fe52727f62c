"""Images: register, describe, deregister."""

import base64
import binascii
import re

from endpoint.blocks import forget_unneeded
from endpoint.errors import ServiceError
from endpoint.services.ec2 import common
from endpoint.services.ec2.common import invalid
from endpoint.services.snapshots import refresh
from endpoint.state import Image, new_id
from endpoint.wire.scalars import iso8601

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
DEVICE = re.compile(r'/dev/(sd[a-z]\d{0,2}|xvd[a-z]{1,2})|sd[a-z]|xvd[a-z]')
IOPS = {'io1': (100, 64000), 'io2': (100, 256000), 'gp3': (3000, 16000)}
COPIED = ('Architecture', 'Description', 'EnaSupport', 'KernelId', 'RamdiskId', 'RootDeviceName', 'SriovNetSupport',
          'BootMode', 'TpmSupport', 'ImdsSupport', 'Name')


def operations(world):
    service = Images(world)
    return {'RegisterImage': service.register, 'DescribeImages': service.describe,
            'DeregisterImage': service.deregister}


class Images:
    def __init__(self, world):
        self.world = world

    def register(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            _check_name(params['Name'])
            self._check_attributes(params)
            tags = common.tags_of_specifications(params, ('image', 'snapshot'))
            self._check_devices(region, caller, params)
            self._refuse_duplicate(region, caller, params['Name'])
            owned = sum(image.owner == caller.account for image in region.images.values())
            if owned >= self.world.settings.images_limit:
                raise invalid('Your quota of AMIs is used up.', 'ResourceLimitExceeded')
            request = {name: value for name, value in params.items() if name != 'TagSpecifications'}
            image = Image(new_id('ami'), caller.account, caller.region, self.world.now(), request)
            region.images[image.id] = image
            if 'image' in tags:
                region.tags[image.id] = tags['image']
            for snapshot_id in image.snapshots() if 'snapshot' in tags else []:
                region.tags.setdefault(snapshot_id, {}).update(tags['snapshot'])
            return {'ImageId': image.id}

    @staticmethod
    def _refuse_duplicate(region, caller, name):
        for image in region.images.values():
            if image.owner == caller.account and image.name() == name:
                raise invalid(f'AMI name {name} is already in use by AMI {image.id}', 'InvalidAMIName.Duplicate')

    @staticmethod
    def _check_attributes(params):
        boot_mode = params.get('BootMode')
        if 'ImageLocation' in params:
            raise invalid('Images of instance stores are not served here', 'UnsupportedOperation')
        if 'Architecture' not in params or 'RootDeviceName' not in params:
            raise invalid('The request must contain the parameters Architecture and RootDeviceName', 'MissingParameter')
        if params.get('VirtualizationType', 'paravirtual') not in ('hvm', 'paravirtual'):
            raise invalid(f"Value ({params['VirtualizationType']}) for parameter virtualizationType is invalid.")
        needs_hvm = params.get('EnaSupport') or boot_mode or 'UefiData' in params
        if needs_hvm and params.get('VirtualizationType') != 'hvm':
            raise invalid('ENA, boot modes and UEFI need the virtualization type hvm', 'InvalidParameterCombination')
        if params['Architecture'] == 'arm64' and boot_mode == 'legacy-bios':
            raise invalid('arm64 images boot by uefi', 'InvalidParameterCombination')
        if params.get('SriovNetSupport', 'simple') != 'simple':
            raise invalid(f"Value ({params['SriovNetSupport']}) for parameter sriovNetSupport is invalid.")
        if 'TpmSupport' in params and boot_mode != 'uefi':
            raise invalid('TpmSupport needs the boot mode uefi', 'InvalidParameterCombination')
        if 'UefiData' in params:
            _check_uefi_data(params['UefiData'], boot_mode)

    def _check_devices(self, region, caller, params):
        mappings = params.get('BlockDeviceMappings', [])
        names = [mapping.get('DeviceName') for mapping in mappings]
        if len(set(names)) != len(names):
            raise invalid('A device name is mapped twice', 'InvalidBlockDeviceMapping')
        for mapping in mappings:
            self._check_device(region, caller, mapping)
        root = next((mapping for mapping in mappings if mapping['DeviceName'] == params['RootDeviceName']), None)
        if root is None or not root.get('Ebs', {}).get('SnapshotId'):
            raise invalid(f"The root device {params['RootDeviceName']} needs a mapping with a snapshot",
                          'InvalidBlockDeviceMapping')

    def _check_device(self, region, caller, mapping):
        name = mapping.get('DeviceName')
        if not name or not DEVICE.fullmatch(name):
            raise invalid(f'Invalid device name {name}', 'InvalidBlockDeviceMapping')
        kinds = [kind for kind in ('Ebs', 'VirtualName', 'NoDevice') if kind in mapping]
        if len(kinds) != 1:
            raise invalid(f'{name} is one of ebs, virtualName, noDevice', 'InvalidBlockDeviceMapping')
        if kinds == ['Ebs']:
            self._check_volume(region, caller, name, mapping['Ebs'])

    def _check_volume(self, region, caller, name, ebs):
        if 'SnapshotId' in ebs:
            snapshot = common.find_snapshot(region, ebs['SnapshotId'])
            common.own(caller, snapshot, 'snapshot')
            state = refresh(self.world, snapshot).state
            if state != 'completed':
                raise invalid(f'Snapshot is in invalid state - {state}', 'IncorrectState')
            if 'Encrypted' in ebs:
                raise invalid(f'the encrypted flag cannot be specified since device {name} has a snapshot specified.',
                              'InvalidBlockDeviceMapping')
            if ebs.get('VolumeSize', snapshot.volume_gib) < snapshot.volume_gib:
                raise invalid(f"Volume of size {ebs['VolumeSize']}GB is smaller than snapshot '{snapshot.id}', expect "
                              f'size >= {snapshot.volume_gib}GB', 'InvalidBlockDeviceMapping')
        elif 'VolumeSize' not in ebs:
            raise invalid(f'{name} needs a snapshot or a size', 'InvalidBlockDeviceMapping')
        _check_performance(name, ebs)

    # Describe

    def describe(self, caller, params):
        if 'ImageIds' in params and ('MaxResults' in params or 'NextToken' in params):
            raise invalid('The parameter imageIds cannot be used with the parameter maxResults',
                          'InvalidParameterCombination')
        with self.world.lock:
            region = self.world.region(caller.region)
            images = self._named(region, caller, params)
            found = [image for image in images if self._is_asked(region, caller, image, params)]
            answers = [self.answer(region, image) for image in found]
        images, token = common.page(self.world, answers, params, 'images', 5, 1000)
        return {'Images': images, 'NextToken': token}

    def _named(self, region, caller, params):
        if 'ImageIds' not in params:
            images = [image for image in region.images.values() if is_visible(image, caller)]
        else:
            images = []
            for image_id in dict.fromkeys(params['ImageIds']):
                image = common.find_image(region, image_id)
                if not is_visible(image, caller):
                    raise invalid(f"The image id '[{image_id}]' does not exist", 'InvalidAMIID.NotFound')
                images.append(image)
        for image in images:
            self.look(image)
        return images

    def look(self, image):
        """One look of somebody who waits for it."""
        refresh_image(self.world, image)
        image.describes += 1

    def _is_asked(self, region, caller, image, params):
        owners = [caller.account if owner == 'self' else owner for owner in params.get('Owners', [])]
        if owners and image.owner not in owners:
            return False
        users = params.get('ExecutableUsers', [])
        if users and not any(_may_launch(image, caller, user) for user in users):
            return False
        is_foreign = image.owner != caller.account
        is_old = image.deprecate_at is not None and image.deprecate_at <= self.world.now()
        if is_foreign and is_old and not params.get('IncludeDeprecated') and 'ImageIds' not in params:
            return False
        if image.disabled and not params.get('IncludeDisabled') and 'ImageIds' not in params:
            return False
        return common.passes(params.get('Filters'), _filter_fields(image), region.tags.get(image.id, {}))

    def answer(self, region, image):
        request = image.request
        result = {name: request[name] for name in COPIED if name in request}
        result.update({
            'ImageId': image.id, 'ImageLocation': f'{image.owner}/{image.name()}', 'OwnerId': image.owner,
            'CreationDate': iso8601(image.created_at), 'Public': {'Group': 'all'} in image.permissions,
            'State': image_state(image), 'ImageType': 'machine', 'Hypervisor': 'xen', 'RootDeviceType': 'ebs',
            'PlatformDetails': 'Linux/UNIX', 'UsageOperation': 'RunInstances',
            'VirtualizationType': request.get('VirtualizationType', 'paravirtual'),
            'DeregistrationProtection': image.deregistration_protection,
            'BlockDeviceMappings': [self._mapping(region, mapping) for mapping in request['BlockDeviceMappings']],
            'Tags': common.tag_set(region, image.id)})
        if image.deprecate_at is not None:
            result['DeprecationTime'] = iso8601(image.deprecate_at)
        return result

    def _mapping(self, region, mapping):
        if 'Ebs' not in mapping:
            return mapping
        ebs = dict(mapping['Ebs'])
        snapshot = region.snapshots.get(ebs.get('SnapshotId'))
        ebs.setdefault('DeleteOnTermination', True)
        ebs.setdefault('VolumeType', 'gp2')
        ebs.setdefault('Encrypted', snapshot.encrypted if snapshot else False)
        if snapshot:
            ebs.setdefault('VolumeSize', snapshot.volume_gib)
        if ebs['VolumeType'] == 'gp3':
            ebs.setdefault('Iops', 3000)
            ebs.setdefault('Throughput', 125)
        return {**mapping, 'Ebs': ebs}

    def deregister(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            image = common.own(caller, common.find_image(region, params['ImageId']), 'image')
            if image.deregistration_protection != 'disabled':
                raise invalid(f"You can't deregister {image.id}: deregistration protection is enabled",
                              'OperationNotPermitted')
            del region.images[image.id]
            region.tags.pop(image.id, None)
            if params.get('DeleteAssociatedSnapshots'):
                self._delete_snapshots(region, caller, image)
        return {}

    def _delete_snapshots(self, region, caller, image):
        for snapshot_id in image.snapshots():
            snapshot = region.snapshots.get(snapshot_id)
            is_used = any(snapshot_id in other.snapshots() for other in region.images.values())
            if snapshot and snapshot.owner == caller.account and not is_used:
                snapshot.deleted = True
                region.tags.pop(snapshot_id, None)
                forget_unneeded(self.world, region, snapshot)


def refresh_image(world, image):
    settings = world.settings
    if (image.state == 'pending' and world.now() >= image.created_at + settings.image_available_after_s
            and image.describes >= settings.image_available_after_describes):
        image.state = 'available'
    return image


def image_state(image):
    return 'disabled' if image.disabled else image.state


def is_visible(image, caller):
    return image.owner == caller.account or (not image.disabled and (
        {'Group': 'all'} in image.permissions or {'UserId': caller.account} in image.permissions))


def _may_launch(image, caller, user):
    if user == 'all':
        return {'Group': 'all'} in image.permissions
    account = caller.account if user == 'self' else user
    return {'UserId': account} in image.permissions


def _filter_fields(image):
    request = image.request
    mappings = request.get('BlockDeviceMappings', [])
    return {
        'architecture': request['Architecture'], 'image-id': image.id, 'name': image.name(), 'owner-id': image.owner,
        'state': image_state(image), 'is-public': common.text({'Group': 'all'} in image.permissions),
        'description': request.get('Description', ''), 'root-device-name': request['RootDeviceName'],
        'root-device-type': 'ebs', 'image-type': 'machine', 'hypervisor': 'xen',
        'virtualization-type': request.get('VirtualizationType', 'paravirtual'),
        'ena-support': common.text(request.get('EnaSupport', False)), 'creation-date': iso8601(image.created_at),
        'block-device-mapping.snapshot-id': image.snapshots(),
        'block-device-mapping.device-name': [mapping['DeviceName'] for mapping in mappings],
        'block-device-mapping.volume-type': [mapping['Ebs'].get('VolumeType', 'gp2') for mapping in mappings
                                             if 'Ebs' in mapping]}


def _check_name(name):
    if not NAME.fullmatch(name):
        raise invalid("AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', "
                      "')', '.', '-', '/' and '_'", 'InvalidAMIName.Malformed')


def _check_uefi_data(text, boot_mode):
    if boot_mode not in ('uefi', 'uefi-preferred'):
        raise invalid('UefiData needs the boot mode uefi', 'InvalidParameterCombination')
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        data = b''
    # The format starts with the magic of python-uefivars.
    if not data.startswith(b'AMZNUEFI'):
        raise invalid('The UefiData is not valid')


def _check_performance(name, ebs):
    kind = ebs.get('VolumeType', 'gp2')
    low, high = IOPS.get(kind, (0, 0))
    if 'Iops' in ebs and not (high and low <= ebs['Iops'] <= high):
        raise invalid(f"{name}: Iops of {ebs['Iops']} are not for a volume of type {kind}",
                      'InvalidParameterCombination')
    if kind in ('io1', 'io2') and 'Iops' not in ebs:
        raise ServiceError('MissingParameter', f'The parameter iops must be specified for {kind} volumes.')
    if 'Throughput' in ebs and not (kind == 'gp3' and 125 <= ebs['Throughput'] <= 1000):
        raise invalid(f"{name}: a throughput of {ebs['Throughput']} is not for a volume of type {kind}",
                      'InvalidParameterCombination')
    if 'KmsKeyId' in ebs and not ebs.get('Encrypted'):
        raise invalid('The parameter KmsKeyId requires the parameter Encrypted to be set.',
                      'InvalidParameterDependency')
    if not 1 <= ebs.get('VolumeSize', 1) <= 65536:
        raise invalid(f'{name}: the volume size is out of range', 'InvalidBlockDeviceMapping')
