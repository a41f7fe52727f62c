"""What the parts of EC2 share: identifiers, filters, tags in requests, permissions, pages."""

import re

from endpoint.errors import ServiceError
from endpoint.services import paging

ACCOUNT = re.compile(r'[0-9]{12}')
ARN_OF_ORGANIZATION = re.compile(r'arn:aws[a-z-]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}')
ARN_OF_UNIT = re.compile(
    r'arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}')
MAX_TAGS = 50


def invalid(message, code='InvalidParameterValue'):
    return ServiceError(code, message)


def check_id(prefix, value):
    if not re.fullmatch(prefix + r'-([0-9a-f]{8}|[0-9a-f]{17})', value):
        family = {'ami': 'InvalidAMIID.Malformed', 'snap': 'InvalidParameterValue'}[prefix]
        raise invalid(f'Invalid id: "{value}" (expecting "{prefix}-...")', family)


def find_snapshot(region, snapshot_id):
    check_id('snap', snapshot_id)
    snapshot = region.snapshots.get(snapshot_id)
    if snapshot is None or snapshot.deleted:
        raise invalid(f"The snapshot '{snapshot_id}' does not exist.", 'InvalidSnapshot.NotFound')
    return snapshot


def find_image(region, image_id):
    check_id('ami', image_id)
    image = region.images.get(image_id)
    if image is None:
        raise invalid(f"The image id '[{image_id}]' does not exist", 'InvalidAMIID.NotFound')
    return image


def own(caller, thing, kind):
    if thing.owner != caller.account:
        raise ServiceError('AuthFailure', f'Not authorized for {kind}:{thing.id}', 403)
    return thing


# Filters

def matches(value, patterns):
    """`*` and `?` in a pattern are wildcards, a backslash takes their meaning away."""
    values = value if isinstance(value, (list, set)) else [value]
    return any(_translate(pattern).fullmatch(text) for pattern in patterns for text in values)


def _translate(pattern):
    pieces = re.findall(r'\\.|.', pattern, re.DOTALL)
    return re.compile(''.join('.*' if piece == '*' else '.' if piece == '?' else re.escape(piece[-1])
                              for piece in pieces), re.DOTALL)


def passes(filters, fields, tags):
    """`fields`: what each filter of this call looks at."""
    for entry in filters or []:
        name, patterns = entry.get('Name'), entry.get('Values')
        if not name or patterns is None:
            raise invalid('A filter needs a Name and a Value', 'MissingParameter')
        if name.startswith('tag:'):
            value = tags.get(name[4:])
        elif name == 'tag-key':
            value = list(tags)
        elif name in fields:
            value = fields[name]
        else:
            raise invalid(f"The filter '{name}' is invalid")
        if value is None or not matches(value, patterns):
            return False
    return True


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


# Tags

def check_tags(tags, existing=None):
    keys = [tag.get('Key') for tag in tags]
    if len(set(keys)) != len(keys):
        raise invalid('Duplicate tag keys in the request', 'InvalidParameterValue')
    for tag in tags:
        key, value = tag.get('Key'), tag.get('Value', '')
        if not key:
            raise invalid('Tag key cannot be empty', 'InvalidParameterValue')
        if key.lower().startswith('aws:') or len(key) > 127 or len(value) > 255:
            raise invalid(f"Tag key/value ({key}) is reserved or too long", 'InvalidParameterValue')
    if len(set(existing or {}) | set(keys)) > MAX_TAGS:
        raise invalid('More than 50 tags specified', 'TagLimitExceeded')


def tags_of_specifications(params, allowed):
    """Resource type to {key: value}."""
    result = {}
    for entry in params.get('TagSpecifications', []):
        kind = entry.get('ResourceType')
        if kind not in allowed:
            raise invalid(f"'{kind}' is not a valid taggable resource type for this operation.")
        if kind in result or not entry.get('Tags'):
            raise invalid(f'Tag specification for {kind}: once, and with tags')
        check_tags(entry['Tags'])
        result[kind] = {tag['Key']: tag.get('Value', '') for tag in entry['Tags']}
    return result


def tag_set(region, resource):
    return [{'Key': key, 'Value': value} for key, value in sorted(region.tags.get(resource, {}).items())]


# Permissions

def check_permission(entry, kind):
    if len(entry) != 1:
        raise invalid(f'A {kind} names one of group, user, organization', 'InvalidParameterCombination')
    (name, value), = entry.items()
    patterns = {'UserId': ACCOUNT, 'OrganizationArn': ARN_OF_ORGANIZATION, 'OrganizationalUnitArn': ARN_OF_UNIT}
    if name in patterns and not patterns[name].fullmatch(value):
        raise invalid(f'Invalid attribute item value "{value}" for {name[0].lower() + name[1:]} item type.',
                      'InvalidAMIAttributeItemValue')


def change_permissions(permissions, add, remove):
    result = [entry for entry in permissions if entry not in remove]
    return result + [entry for entry in add if entry not in result]


def permission_changes(params, structured, flat, allowed_groups=('all',)):
    """(add, remove) of both ways to write them: `structured` ({Add, Remove}) or `flat` lists with an OperationType."""
    add, remove = [], []
    if structured in params:
        add, remove = params[structured].get('Add', []), params[structured].get('Remove', [])
    entries = [{field: value} for name, field in flat.items() for value in params.get(name, [])]
    if entries:
        if 'OperationType' not in params:
            raise invalid('The request must contain the parameter OperationType', 'MissingParameter')
        (add if params['OperationType'] == 'add' else remove).extend(entries)
    for entry in add + remove:
        check_permission(entry, structured)
        if 'Group' in entry and entry['Group'] not in allowed_groups:
            raise invalid(f'Invalid attribute item value "{entry["Group"]}" for userGroup item type.',
                          'InvalidAMIAttributeItemValue')
    if not add and not remove:
        raise invalid('No attributes specified.', 'InvalidParameterCombination')
    return add, remove


# Pages

def page(world, entries, params, question, smallest, largest):
    size = params.get('MaxResults')
    if size is not None and not smallest <= size <= largest:
        raise invalid(f'Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {smallest} and '
                      f'{largest}.')
    asked = {name: value for name, value in params.items() if name not in ('NextToken', 'MaxResults')}
    try:
        return paging.page(world, entries, size or largest, params.get('NextToken'), paging.question_of(question,
                                                                                                        asked))
    except (ValueError, TypeError):
        raise invalid('The token is invalid', 'InvalidParameterValue') from None
