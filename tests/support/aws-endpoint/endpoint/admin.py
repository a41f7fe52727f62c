"""/_test/: how a test looks into the endpoint and steers it. Unsigned; the endpoint listens on loopback only."""

import dataclasses
import json

from endpoint.blocks import holders
from endpoint.http import Response
from endpoint.state import Credential


class Admin:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.world = endpoint.world
        self.routes = {
            ('GET', 'health'): self.health,
            ('GET', 'state'): self.state,
            ('POST', 'save'): self.save,
            ('GET', 'settings'): self.settings,
            ('PUT', 'settings'): self.set_settings,
            ('PUT', 'faults'): self.set_faults,
            ('DELETE', 'faults'): self.clear_faults,
            ('GET', 'log'): self.log,
            ('DELETE', 'log'): self.clear_log,
            ('POST', 'credential'): self.add_credential,
            ('DELETE', 'credential'): self.remove_credential,
            ('POST', 'web-identity'): self.add_web_identity,
            ('POST', 'public-bucket'): self.make_public,
            ('POST', 'snapshot'): self.change_snapshot,
            ('POST', 'image'): self.change_image,
            ('POST', 'materialise'): self.materialise,
            ('POST', 'sink'): self.sink,
        }

    def handle(self, request):
        name = request.path[len('/_test/'):]
        action = self.routes.get((request.method, name))
        if action is None:
            return _json(404, {'error': f'no {request.method} {name}; there are: '
                               + ', '.join(' '.join(route) for route in self.routes)})
        if action == self.sink:
            return _json(200, self.sink(request.body))
        try:
            argument = json.loads(request.body.content()) if request.body.length else {}
            answer = action(argument)
        except (ValueError, KeyError, TypeError, OSError) as error:
            return _json(400, {'error': f'{type(error).__name__}: {error}'})
        return answer if isinstance(answer, Response) else _json(200, answer)

    def health(self, _):
        return {'services': sorted(self.endpoint.services)}

    def state(self, _):
        return self.world.as_json()

    def save(self, _):
        self.world.save()
        return {}

    def settings(self, _):
        return dataclasses.asdict(self.world.settings)

    def set_settings(self, values):
        with self.world.lock:
            self.world.settings.update(values)
        return dataclasses.asdict(self.world.settings)

    def set_faults(self, text):
        self.endpoint.faults.set(text)
        return {}

    def clear_faults(self, _):
        self.endpoint.faults.clear()
        return {}

    def log(self, _):
        return Response(200, [('Content-Type', 'application/jsonl')], self.endpoint.log.text().encode())

    def clear_log(self, _):
        self.endpoint.log.clear()
        return {}

    def add_credential(self, text):
        """access_key, secret_key, account; session_token; expires_in_s."""
        expires_in_s = text.pop('expires_in_s', None)
        credential = Credential(**text)
        if expires_in_s is not None:
            credential.expires_at = self.world.now() + expires_in_s
        with self.world.lock:
            self.world.add_credential(credential)
        return dataclasses.asdict(credential)

    def remove_credential(self, text):
        with self.world.lock:
            del self.world.credentials[text['access_key']]
        return {}

    def add_web_identity(self, text):
        """token, role_arn; expired."""
        with self.world.lock:
            self.world.web_identities[text['token']] = {
                'role_arn': text['role_arn'], 'expired': text.get('expired', False)}
        return {}

    def make_public(self, text):
        """bucket; list: whether anybody may list it, without which missing keys are 403."""
        with self.world.lock:
            bucket = self.world.buckets[text['bucket']]
            bucket.public_read, bucket.public_list = True, text.get('list', False)
        return {}

    def change_snapshot(self, text):
        """region, id, state; message."""
        with self.world.lock:
            snapshot = self.world.region(text['region']).snapshots[text['id']]
            snapshot.state, snapshot.state_message = text['state'], text.get('message', '')
        return {}

    def change_image(self, text):
        """region, id, state."""
        with self.world.lock:
            self.world.region(text['region']).images[text['id']].state = text['state']
        return {}

    def materialise(self, text):
        """region, snapshot, path: writes the volume that the snapshot holds as a raw file."""
        with self.world.lock:
            region = self.world.region(text['region'])
            snapshot = region.snapshots[text['snapshot']]
            if snapshot.state != 'completed':
                raise ValueError(f'{snapshot.id} is {snapshot.state}')
            digests = {index: layer.blocks[index] for index, layer in holders(region, snapshot).items()}
        self.world.blocks.materialise(digests, snapshot.volume_gib, text['path'])
        return {'blocks': len(digests)}

    def sink(self, body):
        """The body is the argument: it is received and hashed as any other, and forgotten."""
        return {'bytes': body.length, 'sha256': body.sha256}


def _json(status, value):
    return Response(status, [('Content-Type', 'application/json')], json.dumps(value).encode())
