"""SSM's parameter store."""

import re

from endpoint.errors import ServiceError
from endpoint.services import paging
from endpoint.services.ec2.images import is_visible, refresh_image
from endpoint.state import Parameter

NAME = re.compile(r'/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*')
IMAGE_ID = re.compile(r'ami-([0-9a-f]{8}|[0-9a-f]{17})')
MAX_LEVELS = 15
MAX_VERSIONS = 100
SIZES = {'Standard': 4096, 'Advanced': 8192, 'Intelligent-Tiering': 8192}
HISTORY_PAGE = 50


def operations(world):
    service = Ssm(world)
    return {'PutParameter': service.put, 'GetParameter': service.get, 'GetParameters': service.get_several,
            'DeleteParameter': service.delete, 'DeleteParameters': service.delete_several,
            'GetParameterHistory': service.history, 'AddTagsToResource': service.add_tags,
            'ListTagsForResource': service.list_tags}


def invalid(message, code='ValidationException'):
    return ServiceError(code, message, 400, by_gateway=code == 'ValidationException')


def not_found(name):
    return ServiceError('ParameterNotFound', f'Parameter {name} not found.')


class Ssm:
    def __init__(self, world):
        self.world = world

    def put(self, caller, params):
        _check_name(params['Name'])
        data_type = params.get('DataType', 'text')
        if data_type not in ('text', 'aws:ec2:image'):
            raise invalid(f'The following data type is not supported: {data_type} (Data type names are all lowercase.)')
        with self.world.lock:
            parameters = self.world.region(caller.region).parameters
            existing = parameters.get(_key(caller, params['Name']))
            version = self._next_version(existing, params, data_type)
            if len(version['Value']) > SIZES[version['Tier']]:
                raise invalid(f"{version['Tier']} tier parameters support a maximum parameter value of "
                              f"{SIZES[version['Tier']]} characters.")
            if data_type == 'aws:ec2:image' and not self._is_image(caller, params['Value']):
                if self.world.settings.ssm_image_validation == 'sync':
                    raise invalid(f"The image {params['Value']} is not available here")
                # As the service does: success, and the parameter is never created or changed.
                return {'Version': version['Version'], 'Tier': version['Tier']}
            if existing is None:
                existing = parameters[_key(caller, params['Name'])] = Parameter(params['Name'], caller.account)
                existing.tags = {tag['Key']: tag['Value'] for tag in params.get('Tags', [])}
            existing.history = (existing.history + [{**version, 'LastModifiedUser': caller.principal}])[-MAX_VERSIONS:]
            return {'Version': version['Version'], 'Tier': version['Tier']}

    def _next_version(self, existing, params, data_type):
        if existing is None:
            if 'Type' not in params:
                raise invalid('A parameter type is required when you create a parameter.')
            previous = {}
        else:
            previous = existing.history[-1]
            self._check_overwrite(params, previous)
        if params.get('Overwrite') and 'Tags' in params:
            raise invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with "
                          'tags, please remove overwrite flag. To update tags for an existing parameter, please use '
                          'AddTagsToResource or RemoveTagsFromResource.')
        if not params['Value']:
            raise invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must "
                          'have length greater than or equal to 1')
        _check_pattern(params)
        return {'Value': params['Value'], 'Version': previous.get('Version', 0) + 1, 'DataType': data_type,
                'Type': params.get('Type', previous.get('Type')), 'LastModifiedDate': self.world.now(),
                'Tier': params.get('Tier', previous.get('Tier', 'Standard')),
                'Description': params.get('Description', previous.get('Description')),
                'AllowedPattern': params.get('AllowedPattern')}

    @staticmethod
    def _check_overwrite(params, previous):
        if not params.get('Overwrite'):
            raise ServiceError('ParameterAlreadyExists',
                               'The parameter already exists. To overwrite this value, set the '
                               'overwrite option in the request to true.')
        if params.get('Type', previous['Type']) != previous['Type']:
            raise ServiceError('HierarchyTypeMismatchException', 'The parameter type cannot be changed.')

    def _is_image(self, caller, value):
        image = self.world.region(caller.region).images.get(value)
        return (IMAGE_ID.fullmatch(value) is not None and image is not None and is_visible(image, caller)
                and refresh_image(self.world, image).state == 'available')

    def get(self, caller, params):
        with self.world.lock:
            parameter, version, selector = self._find(caller, params['Name'])
            return {'Parameter': _answer(caller, parameter, version, selector)}

    def get_several(self, caller, params):
        found, missing = [], []
        with self.world.lock:
            for name in dict.fromkeys(params['Names']):
                try:
                    found.append(_answer(caller, *self._find(caller, name)))
                except ServiceError:
                    missing.append(name)
        return {'Parameters': found, 'InvalidParameters': missing}

    def _find(self, caller, text):
        """`NAME`, `NAME:VERSION` or an ARN."""
        name = text.partition(':parameter')[2] if text.startswith('arn:') else text
        name, colon, selector = name.partition(':')
        parameter = self.world.region(caller.region).parameters.get(_key(caller, name)) \
            or self.world.region(caller.region).parameters.get(_key(caller, name.lstrip('/')))
        if parameter is None:
            raise not_found(text)
        if not colon:
            return parameter, parameter.history[-1], None
        for version in parameter.history:
            if str(version['Version']) == selector:
                return parameter, version, f':{selector}'
        raise ServiceError('ParameterVersionNotFound', f'Systems Manager could not find version {selector} of {name}.')

    def delete(self, caller, params):
        with self.world.lock:
            if self.world.region(caller.region).parameters.pop(_key(caller, params['Name']), None) is None:
                raise not_found(params['Name'])
        return {}

    def delete_several(self, caller, params):
        done, missing = [], []
        with self.world.lock:
            for name in params['Names']:
                found = self.world.region(caller.region).parameters.pop(_key(caller, name), None)
                (missing if found is None else done).append(name)
        return {'DeletedParameters': done, 'InvalidParameters': missing}

    def history(self, caller, params):
        with self.world.lock:
            parameter = self.world.region(caller.region).parameters.get(_key(caller, params['Name']))
            if parameter is None:
                raise not_found(params['Name'])
            entries = [{'Name': parameter.name, **version} for version in parameter.history]
        try:
            entries, token = paging.page(self.world, entries, params.get('MaxResults', HISTORY_PAGE),
                                         params.get('NextToken'), paging.question_of('history', params['Name']))
        except (ValueError, TypeError):
            raise ServiceError('InvalidNextToken', 'The specified token is not valid.') from None
        return {'Parameters': entries, 'NextToken': token}

    def _tagged(self, caller, params):
        if params['ResourceType'] != 'Parameter':
            raise ServiceError('InvalidResourceType', '')
        parameter = self.world.region(caller.region).parameters.get(_key(caller, params['ResourceId']))
        if parameter is None:
            raise ServiceError('InvalidResourceId', '')
        return parameter

    def add_tags(self, caller, params):
        with self.world.lock:
            self._tagged(caller, params).tags.update({tag['Key']: tag['Value'] for tag in params['Tags']})
        return {}

    def list_tags(self, caller, params):
        with self.world.lock:
            tags = self._tagged(caller, params).tags
            return {'TagList': [{'Key': key, 'Value': value} for key, value in sorted(tags.items())]}


def _key(caller, name):
    return f'{caller.account} {name}'


def _answer(caller, parameter, version, selector):
    slash = '' if parameter.name.startswith('/') else '/'
    partition = {'cn-': 'aws-cn', 'us-': 'aws'}.get(caller.region[:3], 'aws')
    if caller.region.startswith('us-gov-'):
        partition = 'aws-us-gov'
    return {'Name': parameter.name, 'Type': version['Type'], 'Value': version['Value'], 'Version': version['Version'],
            'Selector': selector, 'LastModifiedDate': version['LastModifiedDate'], 'DataType': version['DataType'],
            'ARN': f'arn:{partition}:ssm:{caller.region}:{parameter.owner}:parameter{slash}{parameter.name}'}


def _check_name(name):
    if not NAME.fullmatch(name):
        raise invalid('Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can '
                      'consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, '
                      'numbers and the following 3 symbols .-_')
    if '/' in name and not name.startswith('/'):
        raise invalid('Parameter name must be a fully qualified name.')
    if name.lstrip('/').lower().startswith(('aws', 'ssm')):
        raise ServiceError('AccessDeniedException', f'No access to reserved parameter name: {name}.')
    if name.count('/') > MAX_LEVELS:
        raise ServiceError('HierarchyLevelLimitExceededException', f'At most {MAX_LEVELS} levels.')


def _check_pattern(params):
    pattern = params.get('AllowedPattern')
    if pattern and not re.fullmatch(pattern, params['Value']):
        raise ServiceError('ParameterPatternMismatchException', 'Parameter value, cannot be validated against '
                           f'allowedPattern: {pattern}')
