"""Which regions there are."""

from endpoint.errors import ServiceError
from endpoint.services.ec2 import common


def operations(world):
    return {'DescribeRegions': Regions(world).describe}


def dry_run():
    return ServiceError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)


class Regions:
    def __init__(self, world):
        self.world = world

    def describe(self, caller, params):
        settings = self.world.settings
        known = {name: 'opt-in-not-required' for name in settings.regions}
        known.update((name, 'not-opted-in') for name in settings.opt_in_regions)
        for name in params.get('RegionNames', []):
            if name not in known:
                raise common.invalid(f'Invalid region name: {name}')
        wanted = params.get('RegionNames') or known
        found = []
        for name in sorted(wanted):
            status = known[name]
            entry = {'RegionName': name, 'Endpoint': _endpoint(name), 'OptInStatus': status}
            is_shown = status != 'not-opted-in' or params.get('AllRegions')
            if is_shown and _partition(name) == _partition(caller.region) and common.passes(params.get('Filters'), {
                    'region-name': name, 'endpoint': entry['Endpoint'], 'opt-in-status': status}, {}):
                found.append(entry)
        return {'Regions': found}


def _partition(region):
    return next((prefix for prefix in ('cn-', 'us-gov-') if region.startswith(prefix)), '')


def _endpoint(region):
    return f'ec2.{region}.amazonaws.com' + ('.cn' if region.startswith('cn-') else '')
