"""What a test may set: a JSON file at the start, or PUT /_test/settings while it runs."""

import dataclasses


@dataclasses.dataclass
class Settings:
    # A snapshot stays pending for this long after CompleteSnapshot, and for this many looks at it.
    snapshot_completes_after_s: float = 0.0
    snapshot_completes_after_describes: int = 0
    # The same for a registered image until it is available.
    image_available_after_s: float = 0.0
    image_available_after_describes: int = 0
    # PutSnapshotBlock answers "does not exist" for this long after StartSnapshot, and this many times.
    snapshot_visible_after_s: float = 0.0
    snapshot_visible_after_puts: int = 0
    # What CompleteSnapshot says of a snapshot that it has completed already: refuse or accept.
    complete_again: str = 'refuse'
    start_snapshot_concurrency: int = 5
    pending_snapshots_limit: int = 100
    images_limit: int = 50000
    # Pages hold at most this many entries, whatever a request asks for (0: as the service does).
    page_size: int = 0
    block_token_life_s: float = 7 * 24 * 3600.0
    block_public_images: bool = False
    block_public_snapshots: bool = False
    # aws:ec2:image parameters: PutParameter answers success at once, and the value appears only if the image is there.
    ssm_image_validation: str = 'async'
    # Credentials of AssumeRoleWithWebIdentity expire after this instead of what the request asks for (0: as asked).
    assumed_role_expires_s: float = 0.0
    regions: list = dataclasses.field(default_factory=lambda: [
        'us-east-1', 'us-east-2', 'us-west-2', 'eu-central-1', 'eu-west-1', 'ap-southeast-2', 'cn-north-1',
        'us-gov-west-1'])
    opt_in_regions: list = dataclasses.field(default_factory=lambda: ['eu-south-2'])
    # Added to the clock by which snapshots, credentials and tokens age (signatures are judged by the real one).
    clock_offset_s: float = 0.0

    def update(self, values):
        fields = {field.name: field for field in dataclasses.fields(self)}
        for name, value in values.items():
            if name not in fields:
                raise ValueError(f'there is no setting {name}')
            wanted = type(getattr(self, name))
            if wanted is float and isinstance(value, int):
                value = float(value)
            if not isinstance(value, wanted):
                raise ValueError(f'the setting {name} has to be a {wanted.__name__}')
            setattr(self, name, value)
