"""Everything that the endpoint remembers, and how it outlives a restart."""

import dataclasses
import json
import os
import secrets
import threading
import time

from endpoint.blocks import BlockStore


@dataclasses.dataclass
class Credential:
    access_key: str
    secret_key: str
    account: str
    session_token: str = ''
    expires_at: float | None = None
    arn: str = ''

    def principal(self):
        return self.arn or f'arn:aws:iam::{self.account}:user/tester'


@dataclasses.dataclass
class Snapshot:
    id: str
    owner: str
    region: str
    volume_gib: int
    started_at: float
    state: str = 'pending'
    state_message: str = ''
    description: str = ''
    parent: str = ''
    encrypted: bool = False
    kms_key: str = ''
    timeout_min: int = 60
    client_token: str = ''
    last_write_at: float = 0.0
    sealed_at: float | None = None
    describes_since_sealed: int = 0
    puts_refused: int = 0
    deleted: bool = False
    permissions: list = dataclasses.field(default_factory=list)
    blocks: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Image:
    id: str
    owner: str
    region: str
    created_at: float
    request: dict
    state: str = 'pending'
    describes: int = 0
    deprecate_at: float | None = None
    disabled: bool = False
    deregistration_protection: str = 'disabled'
    permissions: list = dataclasses.field(default_factory=list)

    def name(self):
        return self.request['Name']

    def snapshots(self):
        return [mapping['Ebs']['SnapshotId'] for mapping in self.request.get('BlockDeviceMappings', [])
                if mapping.get('Ebs', {}).get('SnapshotId')]


@dataclasses.dataclass
class LaunchTemplate:
    id: str
    owner: str
    name: str
    created_at: float
    created_by: str
    default_version: int = 1
    versions: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Parameter:
    name: str
    owner: str
    history: list = dataclasses.field(default_factory=list)
    tags: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Region:
    """`tags`: resource id to {key: value}. `tokens`: 'account operation token' to what the first request said."""

    snapshots: dict = dataclasses.field(default_factory=dict)
    images: dict = dataclasses.field(default_factory=dict)
    templates: dict = dataclasses.field(default_factory=dict)
    parameters: dict = dataclasses.field(default_factory=dict)
    tags: dict = dataclasses.field(default_factory=dict)
    tokens: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class StoredObject:
    key: str
    file: str
    size: int
    etag: str
    modified_at: float
    headers: dict = dataclasses.field(default_factory=dict)
    metadata: dict = dataclasses.field(default_factory=dict)
    checksums: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Upload:
    id: str
    key: str
    started_at: float
    headers: dict = dataclasses.field(default_factory=dict)
    metadata: dict = dataclasses.field(default_factory=dict)
    parts: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Bucket:
    name: str
    owner: str
    region: str
    created_at: float
    public_read: bool = False
    public_list: bool = False
    objects: dict = dataclasses.field(default_factory=dict)
    uploads: dict = dataclasses.field(default_factory=dict)


class World:
    """`lock` guards all of it; services hold it while they look or change, never while they move bytes."""

    def __init__(self, folder, settings):
        self.folder = folder
        self.settings = settings
        self.lock = threading.RLock()
        self.credentials = {}
        self.web_identities = {}
        self.regions = {}
        self.buckets = {}
        self.token_key = secrets.token_hex(16)
        self.blocks = BlockStore(self.path('blocks'), self.path('temporary'))
        for name in ('objects', 'temporary'):
            os.makedirs(self.path(name), exist_ok=True)

    def now(self):
        return time.time() + self.settings.clock_offset_s

    def region(self, name):
        return self.regions.setdefault(name, Region())

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def add_credential(self, credential):
        self.credentials[credential.access_key] = credential

    def as_json(self):
        with self.lock:
            return {
                'token_key': self.token_key,
                'credentials': [dataclasses.asdict(credential) for credential in self.credentials.values()],
                'web_identities': self.web_identities,
                'regions': {name: dataclasses.asdict(region) for name, region in self.regions.items()},
                'buckets': {name: dataclasses.asdict(bucket) for name, bucket in self.buckets.items()},
            }

    def save(self):
        path = self.path('state.json')
        with open(path + '.new', 'w', encoding='utf-8') as stream:
            json.dump(self.as_json(), stream)
        os.replace(path + '.new', path)

    def load(self):
        """Of what an earlier endpoint saved in the folder; nothing when none did."""
        try:
            with open(self.path('state.json'), encoding='utf-8') as stream:
                saved = json.load(stream)
        except FileNotFoundError:
            return
        self.token_key = saved['token_key']
        self.web_identities = saved['web_identities']
        for credential in saved['credentials']:
            self.add_credential(Credential(**credential))
        self.regions = {name: _region_of(region) for name, region in saved['regions'].items()}
        self.buckets = {name: _bucket_of(bucket) for name, bucket in saved['buckets'].items()}


def _all(kind, saved):
    return {key: kind(**value) for key, value in saved.items()}


def _region_of(saved):
    region = Region(_all(Snapshot, saved['snapshots']), _all(Image, saved['images']),
                    _all(LaunchTemplate, saved['templates']), _all(Parameter, saved['parameters']),
                    saved['tags'], saved['tokens'])
    for snapshot in region.snapshots.values():
        snapshot.blocks = {int(index): digest for index, digest in snapshot.blocks.items()}
    return region


def _bucket_of(saved):
    bucket = Bucket(**saved)
    bucket.objects = _all(StoredObject, bucket.objects)
    bucket.uploads = _all(Upload, bucket.uploads)
    return bucket


def new_id(prefix):
    return f'{prefix}-0{secrets.token_hex(8)}'
