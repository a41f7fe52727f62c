"""Launch templates and their versions."""

from endpoint.services.ec2 import common
from endpoint.services.ec2.common import invalid
from endpoint.state import LaunchTemplate, new_id

MAX_VERSIONS = 10000


def operations(world):
    service = Templates(world)
    return {'CreateLaunchTemplate': service.create, 'CreateLaunchTemplateVersion': service.create_version,
            'ModifyLaunchTemplate': service.modify, 'DescribeLaunchTemplates': service.describe,
            'DescribeLaunchTemplateVersions': service.describe_versions,
            'DeleteLaunchTemplate': service.delete, 'DeleteLaunchTemplateVersions': service.delete_versions}


class Templates:
    def __init__(self, world):
        self.world = world

    def create(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            if (again := _replayed(region, caller, 'CreateLaunchTemplate', params)) is not None:
                return {'LaunchTemplate': _answer(region, region.templates[again])}
            name = params['LaunchTemplateName']
            if any(other.owner == caller.account and other.name == name for other in region.templates.values()):
                raise invalid('Launch template name already in use.',
                              'InvalidLaunchTemplateName.AlreadyExistsException')
            tags = common.tags_of_specifications(params, ('launch-template',))
            template = LaunchTemplate(new_id('lt'), caller.account, name, self.world.now(), caller.principal)
            template.versions.append(self._version(caller, 1, params, params['LaunchTemplateData']))
            region.templates[template.id] = template
            if tags:
                region.tags[template.id] = tags['launch-template']
            _remember(region, caller, 'CreateLaunchTemplate', params, template.id)
            return {'LaunchTemplate': _answer(region, template), 'Warning': _warning(region, params)}

    def _version(self, caller, number, params, data):
        return {'number': number, 'description': params.get('VersionDescription', ''), 'created_at': self.world.now(),
                'created_by': caller.principal, 'data': data}

    def create_version(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            template = _find(region, caller, params)
            if (again := _replayed(region, caller, 'CreateLaunchTemplateVersion', params)) is not None:
                return {'LaunchTemplateVersion': _version_answer(template, _numbered(template, again))}
            data = params['LaunchTemplateData']
            if 'SourceVersion' in params:
                source = _numbered(template, _number_of(template, params['SourceVersion']))
                data = {**source['data'], **data}
            number = template.versions[-1]['number'] + 1
            if len(template.versions) >= MAX_VERSIONS:
                raise invalid('Too many versions', 'VersionLimitExceeded')
            template.versions.append(self._version(caller, number, params, data))
            _remember(region, caller, 'CreateLaunchTemplateVersion', params, number)
            return {'LaunchTemplateVersion': _version_answer(template, template.versions[-1]),
                    'Warning': _warning(region, params)}

    def modify(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            template = _find(region, caller, params)
            if 'DefaultVersion' in params:
                number = _number_of(template, params['DefaultVersion'])
                _numbered(template, number)
                template.default_version = number
            return {'LaunchTemplate': _answer(region, template)}

    def delete(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            template = _find(region, caller, params)
            answer = _answer(region, template)
            del region.templates[template.id]
            region.tags.pop(template.id, None)
            return {'LaunchTemplate': answer}

    def delete_versions(self, caller, params):
        with self.world.lock:
            template = _find(self.world.region(caller.region), caller, params)
            done, failed = [], []
            for text in params['Versions']:
                entry = {'LaunchTemplateId': template.id, 'LaunchTemplateName': template.name}
                number = _number_of(template, text)
                entry['VersionNumber'] = number
                if number == template.default_version or not any(v['number'] == number for v in template.versions):
                    failed.append({**entry, 'ResponseError': {
                        'Code': 'launchTemplateVersionDoesNotExist' if number != template.default_version
                        else 'unexpectedError', 'Message': f'Version {text} cannot be deleted'}})
                else:
                    template.versions = [v for v in template.versions if v['number'] != number]
                    done.append(entry)
            return {'SuccessfullyDeletedLaunchTemplateVersions': done,
                    'UnsuccessfullyDeletedLaunchTemplateVersions': failed}

    def describe(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            own = [template for template in region.templates.values() if template.owner == caller.account]
            for name in params.get('LaunchTemplateIds', []):
                _find(region, caller, {'LaunchTemplateId': name})
            for name in params.get('LaunchTemplateNames', []):
                _find(region, caller, {'LaunchTemplateName': name})
            found = [_answer(region, template) for template in own
                     if template.id in params.get('LaunchTemplateIds', [template.id])
                     and template.name in params.get('LaunchTemplateNames', [template.name])
                     and common.passes(params.get('Filters'), {'launch-template-name': template.name},
                                       region.tags.get(template.id, {}))]
        templates, token = common.page(self.world, found, params, 'templates', 1, 200)
        return {'LaunchTemplates': templates, 'NextToken': token}

    def describe_versions(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            templates = self._templates_of(region, caller, params)
            found = []
            for template in templates:
                wanted = _wanted_numbers(template, params)
                found += [_version_answer(template, version) for version in template.versions[::-1]
                          if version['number'] in wanted and common.passes(
                              params.get('Filters'), _version_fields(template, version), {})]
        versions, token = common.page(self.world, found, params, 'versions', 1, 200)
        return {'LaunchTemplateVersions': versions, 'NextToken': token}

    @staticmethod
    def _templates_of(region, caller, params):
        if 'LaunchTemplateId' in params or 'LaunchTemplateName' in params:
            return [_find(region, caller, params)]
        if not set(params.get('Versions', [])) & {'$Latest', '$Default'}:
            raise invalid('Specify a launch template, or versions $Latest or $Default', 'MissingParameter')
        return [template for template in region.templates.values() if template.owner == caller.account]


def _find(region, caller, params):
    names = [name for name in ('LaunchTemplateId', 'LaunchTemplateName') if name in params]
    if len(names) != 1:
        raise invalid('Specify either the launch template ID or the launch template name',
                      'InvalidParameterCombination' if names else 'MissingParameter')
    for template in region.templates.values():
        if template.owner == caller.account and params[names[0]] in (template.id, template.name):
            return template
    if names[0] == 'LaunchTemplateId':
        raise invalid('The specified launch template, with template ID '
                      f"{params[names[0]]}, does not exist.", 'InvalidLaunchTemplateId.NotFound')
    raise invalid('At least one of the launch templates specified in the request does not exist.',
                  'InvalidLaunchTemplateName.NotFoundException')


def _number_of(template, text):
    if text == '$Latest':
        return template.versions[-1]['number']
    if text == '$Default':
        return template.default_version
    if not text.isdigit():
        raise invalid(f'Invalid launch template version: {text}')
    return int(text)


def _numbered(template, number):
    for version in template.versions:
        if version['number'] == number:
            return version
    raise invalid(f'Could not find launch template version {number}', 'InvalidLaunchTemplateId.VersionNotFound')


def _wanted_numbers(template, params):
    numbers = {version['number'] for version in template.versions}
    if 'Versions' in params:
        return {_numbered(template, _number_of(template, text))['number'] for text in params['Versions']}
    low = _number_of(template, params.get('MinVersion', '1'))
    high = _number_of(template, params.get('MaxVersion', '$Latest'))
    return {number for number in numbers if low <= number <= high}


def _version_fields(template, version):
    data = version['data']
    return {'image-id': data.get('ImageId'), 'instance-type': data.get('InstanceType'),
            'is-default-version': common.text(version['number'] == template.default_version)}


def _answer(region, template):
    return {'LaunchTemplateId': template.id, 'LaunchTemplateName': template.name, 'CreateTime': template.created_at,
            'CreatedBy': template.created_by, 'DefaultVersionNumber': template.default_version,
            'LatestVersionNumber': template.versions[-1]['number'], 'Tags': common.tag_set(region, template.id)}


def _version_answer(template, version):
    return {'LaunchTemplateId': template.id, 'LaunchTemplateName': template.name, 'VersionNumber': version['number'],
            'VersionDescription': version['description'] or None, 'CreateTime': version['created_at'],
            'CreatedBy': version['created_by'], 'DefaultVersion': version['number'] == template.default_version,
            'LaunchTemplateData': version['data']}


def _warning(region, params):
    """The service takes templates that cannot be launched, and says so."""
    image = params['LaunchTemplateData'].get('ImageId', '')
    if not image or image.startswith('resolve:') or image in region.images:
        return None
    return {'Errors': [{'Code': 'InvalidAMIID.NotFound', 'Message': f"The image id '[{image}]' does not exist"}]}


def _replayed(region, caller, operation, params):
    token = params.get('ClientToken')
    first = region.tokens.get(f'{caller.account} {operation} {token}') if token else None
    if first is not None and first['request'] != params:
        raise invalid('Arguments on this idempotent request are inconsistent with those of a previous request',
                      'IdempotentParameterMismatch')
    return first['id'] if first else None


def _remember(region, caller, operation, params, identifier):
    if token := params.get('ClientToken'):
        region.tokens[f'{caller.account} {operation} {token}'] = {'id': identifier, 'request': params}
