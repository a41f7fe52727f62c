"""What may be changed of an image: permissions, description, deprecation, protection."""

from endpoint.services.ec2 import common
from endpoint.services.ec2.common import invalid
from endpoint.services.ec2.images import refresh_image

FLAT_PERMISSIONS = {'UserIds': 'UserId', 'UserGroups': 'Group', 'OrganizationArns': 'OrganizationArn',
                    'OrganizationalUnitArns': 'OrganizationalUnitArn'}
CHANGEABLE = ('description', 'launchPermission', 'productCodes', 'imdsSupport')
TEN_YEARS_S = 10 * 366 * 24 * 3600


def operations(world):
    service = ImageAttributes(world)
    return {
        'DescribeImageAttribute': service.describe, 'ModifyImageAttribute': service.modify,
        'EnableImageDeprecation': service.deprecate, 'DisableImageDeprecation': service.undeprecate,
        'DisableImage': service.disable, 'EnableImage': service.enable,
        'EnableImageDeregistrationProtection': service.protect,
        'DisableImageDeregistrationProtection': service.unprotect}


class ImageAttributes:
    def __init__(self, world):
        self.world = world

    def _own(self, caller, params):
        image = common.find_image(self.world.region(caller.region), params['ImageId'])
        return common.own(caller, image, 'image')

    def _available(self, caller, params):
        image = refresh_image(self.world, self._own(caller, params))
        if image.state != 'available':
            raise invalid(f'The image ID {image.id} is not available', 'InvalidAMIID.Unavailable')
        return image

    def describe(self, caller, params):
        with self.world.lock:
            image = self._own(caller, params)
            request = image.request
            attribute = params['Attribute']
            result = {'ImageId': image.id}
            if attribute == 'launchPermission':
                result['LaunchPermissions'] = list(image.permissions)
            elif attribute == 'blockDeviceMapping':
                result['BlockDeviceMappings'] = request['BlockDeviceMappings']
            elif attribute == 'deregistrationProtection':
                result['DeregistrationProtection'] = {'Value': image.deregistration_protection}
            else:
                member, source = VALUES.get(attribute, (None, None))
                if member and request.get(source) is not None:
                    result[member] = {'Value': request[source]}
            return result

    def modify(self, caller, params):
        with self.world.lock:
            image = self._available(caller, params)
            kind = _kind_of(params)
            if kind == 'launchPermission':
                self._change_permissions(image, params)
            elif kind == 'description':
                image.request['Description'] = _value_of(params, 'Description')
            elif kind == 'imdsSupport':
                if _value_of(params, 'ImdsSupport') != 'v2.0':
                    raise invalid('The imdsSupport of an image can only become v2.0')
                image.request['ImdsSupport'] = 'v2.0'
            else:
                raise invalid(f'{kind} cannot be modified here', 'UnsupportedOperation')
        return {}

    def _change_permissions(self, image, params):
        add, remove = common.permission_changes(params, 'LaunchPermission', FLAT_PERMISSIONS)
        if {'Group': 'all'} in add:
            if self.world.settings.block_public_images:
                raise invalid("You can't publicly share this image because block public access for AMIs is enabled "
                              'for this account and Region.', 'OperationNotPermitted')
            region = self.world.region(image.region)
            if any(region.snapshots[snapshot].encrypted for snapshot in image.snapshots()):
                raise invalid('Images with encrypted snapshots cannot be public', 'InvalidParameter')
        image.permissions = common.change_permissions(image.permissions, add, remove)

    def deprecate(self, caller, params):
        with self.world.lock:
            image = self._own(caller, params)
            # To the minute, as the service rounds.
            moment = round(params['DeprecateAt'] / 60) * 60
            if not self.world.now() < moment <= self.world.now() + TEN_YEARS_S:
                raise invalid('The deprecation date has to be in the future, within 10 years', 'InvalidParameter')
            image.deprecate_at = moment
        return {'Return': True}

    def undeprecate(self, caller, params):
        with self.world.lock:
            self._own(caller, params).deprecate_at = None
        return {'Return': True}

    def disable(self, caller, params):
        with self.world.lock:
            image = self._available(caller, params)
            image.disabled, image.permissions = True, []
        return {'Return': True}

    def enable(self, caller, params):
        with self.world.lock:
            self._own(caller, params).disabled = False
        return {'Return': True}

    def protect(self, caller, params):
        with self.world.lock:
            image = self._available(caller, params)
            image.deregistration_protection = 'enabled-with-cooldown' if params.get('WithCooldown') \
                else 'enabled-without-cooldown'
        return {'Return': True}

    def unprotect(self, caller, params):
        with self.world.lock:
            self._own(caller, params).deregistration_protection = 'disabled'
        return {'Return': True}


VALUES = {
    'description': ('Description', 'Description'), 'kernel': ('KernelId', 'KernelId'),
    'ramdisk': ('RamdiskId', 'RamdiskId'), 'sriovNetSupport': ('SriovNetSupport', 'SriovNetSupport'),
    'bootMode': ('BootMode', 'BootMode'), 'tpmSupport': ('TpmSupport', 'TpmSupport'),
    'uefiData': ('UefiData', 'UefiData'), 'imdsSupport': ('ImdsSupport', 'ImdsSupport'),
}


def _kind_of(params):
    """The one attribute that the request is about."""
    kinds = set()
    if 'LaunchPermission' in params or any(name in params for name in FLAT_PERMISSIONS):
        kinds.add('launchPermission')
    if 'Description' in params:
        kinds.add('description')
    if 'ImdsSupport' in params:
        kinds.add('imdsSupport')
    if 'ProductCodes' in params:
        kinds.add('productCodes')
    if 'Attribute' in params:
        if params['Attribute'] not in CHANGEABLE:
            raise invalid(f"Value ({params['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
        kinds.add(params['Attribute'])
    if len(kinds) > 1:
        raise invalid(f'Fields for multiple attribute types specified: {", ".join(sorted(kinds))}',
                      'InvalidParameterCombination')
    if not kinds:
        raise invalid('No attributes specified.', 'InvalidParameterCombination')
    return kinds.pop()


def _value_of(params, member):
    if member in params:
        return params[member].get('Value', '')
    if 'Value' not in params:
        raise invalid('The request must contain the parameter Value', 'MissingParameter')
    return params['Value']
