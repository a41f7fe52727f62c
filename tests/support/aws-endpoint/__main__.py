"""A strict AWS endpoint on a loopback port: python3 tests/support/aws-endpoint --state DIR --port-file FILE."""

import argparse
import json
import os
import signal
import sys
import threading

# No __pycache__ in the source tree.
sys.dont_write_bytecode = True

from endpoint.dispatch import Endpoint
from endpoint.http import Server
from endpoint.settings import Settings
from endpoint.state import Credential, World

DEFAULT_CREDENTIAL = Credential('AKIATESTTESTTESTTEST', 'test-secret-key-of-nobody-0123456789abcd', '111122223333')


def main():
    options = parse_options()
    settings = Settings()
    os.makedirs(options.state, exist_ok=True)
    world = World(options.state, settings)
    world.load()
    for credential in [DEFAULT_CREDENTIAL] + options.credential:
        world.add_credential(credential)
    endpoint = Endpoint(world)
    if options.settings:
        settings.update(read_json(options.settings))
    if options.faults:
        endpoint.faults.set(read_json(options.faults))
    server = Server(options.port, world.path('temporary'), endpoint.handle, endpoint.is_cut)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    announce(server.port, options.port_file)
    server.serve()
    world.save()
    endpoint.log.close()


def parse_options():
    parser = argparse.ArgumentParser(prog='aws-endpoint', description=__doc__)
    parser.add_argument('--state', required=True, help='folder for blocks, objects, state.json and requests.jsonl')
    parser.add_argument('--port', type=int, default=0, help='0: any free one')
    parser.add_argument('--port-file', help='gets the port once the endpoint listens')
    parser.add_argument('--settings', help='JSON file; see endpoint/settings.py')
    parser.add_argument('--faults', help='JSON file; see endpoint/faults.py')
    parser.add_argument('--credential', action='append', default=[], type=parse_credential, metavar='ID:SECRET:ACCOUNT',
                        help=f'a further key; {DEFAULT_CREDENTIAL.access_key} of {DEFAULT_CREDENTIAL.account} is there')
    return parser.parse_args()


def parse_credential(text):
    access_key, secret_key, account = text.split(':')
    return Credential(access_key, secret_key, account)


def read_json(path):
    with open(path, encoding='utf-8') as stream:
        return json.load(stream)


def announce(port, path):
    print(port, flush=True)
    if path:
        with open(path + '.new', 'w', encoding='utf-8') as stream:
            stream.write(f'{port}\n')
        os.replace(path + '.new', path)


if __name__ == '__main__':
    sys.exit(main())
