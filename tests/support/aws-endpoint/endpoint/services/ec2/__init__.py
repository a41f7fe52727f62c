"""EC2, as far as publishing an image needs it."""

from endpoint.services.ec2 import image_attributes, images, regions, snapshots, tags, templates


def operations(world):
    result = {}
    for module in (images, image_attributes, snapshots, tags, templates, regions):
        result.update(module.operations(world))
    return {name: _with_dry_run(perform) for name, perform in result.items()}


def _with_dry_run(perform):
    def run(caller, params):
        if params.pop('DryRun', False):
            raise regions.dry_run()
        return perform(caller, params)
    return run
