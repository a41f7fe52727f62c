"""Tags of images, snapshots and launch templates."""

from endpoint.services.ec2 import common
from endpoint.services.ec2.common import invalid

KINDS = {'ami': 'image', 'snap': 'snapshot', 'lt': 'launch-template'}


def operations(world):
    service = Tags(world)
    return {'CreateTags': service.create, 'DescribeTags': service.describe, 'DeleteTags': service.delete}


class Tags:
    def __init__(self, world):
        self.world = world

    def _find(self, region, caller, resource):
        prefix = resource.partition('-')[0]
        if prefix == 'ami':
            return common.own(caller, common.find_image(region, resource), 'image')
        if prefix == 'snap':
            return common.own(caller, common.find_snapshot(region, resource), 'snapshot')
        template = region.templates.get(resource)
        if template is None or template.owner != caller.account:
            raise invalid(f"The ID '{resource}' is not valid", 'InvalidID')
        return template

    def create(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            for resource in params['Resources']:
                self._find(region, caller, resource)
                common.check_tags(params['Tags'], region.tags.get(resource))
            for resource in params['Resources']:
                region.tags.setdefault(resource, {}).update(
                    {tag['Key']: tag.get('Value', '') for tag in params['Tags']})
        return {}

    def delete(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            for resource in params['Resources']:
                self._find(region, caller, resource)
                tags = region.tags.get(resource, {})
                for tag in params.get('Tags', [{'Key': key} for key in tags]):
                    if tag.get('Value', tags.get(tag['Key'])) == tags.get(tag['Key']):
                        tags.pop(tag['Key'], None)
        return {}

    def describe(self, caller, params):
        with self.world.lock:
            region = self.world.region(caller.region)
            found = [entry for resource, tags in sorted(region.tags.items()) if _owner(region,
                                                                                       resource) == caller.account
                     for entry in _entries(resource, tags)
                     if common.passes(params.get('Filters'), {
                         'key': entry['Key'], 'value': entry['Value'], 'resource-id': entry['ResourceId'],
                         'resource-type': entry['ResourceType']}, tags)]
        tags, token = common.page(self.world, found, params, 'tags', 5, 1000)
        return {'Tags': tags, 'NextToken': token}


def _owner(region, resource):
    thing = region.images.get(resource) or region.snapshots.get(resource) or region.templates.get(resource)
    return thing.owner if thing else None


def _entries(resource, tags):
    kind = KINDS[resource.partition('-')[0]]
    return [{'Key': key, 'Value': value, 'ResourceId': resource, 'ResourceType': kind}
            for key, value in sorted(tags.items())]
