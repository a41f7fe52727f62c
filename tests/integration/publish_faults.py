"""Publishing to three regions of an endpoint where everything goes wrong, hundreds of times, each run by its seed.

A run publishes a small image, and in half of the runs a second version on top of it, while requests are throttled,
refused, cut, dropped, left hanging or answered by half; the publisher is killed (SIGKILL) at random calls or moments and
started again, in some runs after somebody has deleted its snapshot or changed image or recipe. In the end everything has
to be there once, as the recipe says and block by block, and nothing else.

    python3 publish_faults.py --program build/atomic-compose [--runs 200] [--first 1] [--jobs 6]

SEED=n in the environment repeats the run of one seed: its image, its faults and its kills (the order of threads is
chance), and tells what happens.
"""

import argparse
import base64
import dataclasses
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, 'support', 'aws-endpoint'))

from endpoint.blocks import BLOCK_SIZE, holders, layers
from endpoint.dispatch import Endpoint
from endpoint.http import Delivery, Server
from endpoint.services.ec2.images import refresh_image
from endpoint.services.snapshots import refresh
from endpoint.settings import Settings
from endpoint.state import Credential, LaunchTemplate, Region, World, new_id

OWNER = Credential('AKIATESTTESTTESTTEST', 'secret-of-the-owner', '111122223333')
REGIONS = ('us-east-1', 'eu-central-1', 'us-gov-west-1')
TEMPLATE_REGION = 'eu-central-1'
ACCOUNTS = {'444455556666', '777788889999'}
ORGANIZATION = 'arn:aws:organizations::123456789012:organization/o-abcde12345'
LATEST = '/hosts/latest'
ZERO = hashlib.sha256(bytes(BLOCK_SIZE)).hexdigest()
KEY = 'TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA=='
SBIN = {**os.environ, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
GIB = 1 << 30
MIB = 1 << 20
EXT4_AT, EXT4_SIZE = 1 * MIB, 16 * MIB
PLAIN_AT, PLAIN_SIZE = EXT4_AT + EXT4_SIZE, 12 * MIB
TRY_TIMEOUT_S = 120
MOST_TRIES = 12


class Wrong(Exception):
    """What a run ended with is not what it should be."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


# --- images ---------------------------------------------------------------------------------------------------------


class Images:
    """Raw disks of 1 GiB with a GPT, a small ext4 and a partition without a file system, in which every block counts."""

    def __init__(self, folder):
        self.folder = folder
        self.templates = [self._template('one', {'a': 900_000, 'b': 1_300_000, 'c': 40}),
                          self._template('two', {'a': 900_000, 'd': 2_100_000, 'c': 41})]

    def _template(self, name, files):
        raw, part, tree = (os.path.join(self.folder, name + suffix) for suffix in ('.raw', '.part', '.tree'))
        os.mkdir(tree)
        for file, size in files.items():
            with open(os.path.join(tree, file), 'wb') as stream:
                stream.write(random.Random(f'{file} {size}').randbytes(size))
        with open(part, 'wb') as stream:
            stream.truncate(EXT4_SIZE)
        run_tool('mkfs.ext4', '-q', '-b', '4096', '-O', '^has_journal', '-E', 'nodiscard', '-d', tree, part)
        with open(raw, 'wb') as stream:
            stream.truncate(GIB)
        table = 'label: gpt\n' + ''.join(f'start={at // 512}, size={size // 512}, type=L\n' for at, size in
                                         ((EXT4_AT, EXT4_SIZE), (PLAIN_AT, PLAIN_SIZE)))
        run_tool('sfdisk', '-q', '--no-reread', '--no-tell-kernel', raw, text=table)
        run_tool('dd', f'if={part}', f'of={raw}', 'bs=1M', f'seek={EXT4_AT // MIB}', 'conv=notrunc,sparse', 'status=none')
        return raw

    def make(self, path, template, plain):
        """`plain`: what the second partition has, block by block; None for zeros."""
        run_tool('cp', '--sparse=always', self.templates[template], path)
        with open(path, 'r+b') as stream:
            for index, seed in enumerate(plain):
                if seed is not None:
                    stream.seek(PLAIN_AT + index * BLOCK_SIZE)
                    stream.write(random.Random(seed).randbytes(BLOCK_SIZE))


def run_tool(*command, text=None):
    done = subprocess.run(command, input=text, env=SBIN, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)}: {done.stderr}')


def digests(path):
    """Block index to SHA-256, without blocks of zeros."""
    found = {}
    with open(path, 'rb') as stream:
        end = stream.seek(0, os.SEEK_END)
        at = 0
        while at < end:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA) // BLOCK_SIZE * BLOCK_SIZE
            except OSError:
                break
            stream.seek(at)
            digest = hashlib.sha256(stream.read(BLOCK_SIZE)).hexdigest()
            if digest != ZERO:
                found[at // BLOCK_SIZE] = digest
            at += BLOCK_SIZE
    return found


# --- the endpoint, and the publisher that it kills ----------------------------------------------------------------


class Killer:
    """Kills a process at its n-th call: before it is performed, before its answer leaves, or just after that."""

    def __init__(self):
        self.lock = threading.Lock()
        self.disarm()

    def disarm(self):
        with self.lock:
            self.process, self.left, self.moment = None, 0, ''

    def arm(self, process, calls, moment):
        with self.lock:
            self.process, self.left, self.moment = process, calls, moment

    def handle(self, request, perform):
        moment, process = self._strike()
        if moment == 'before':
            kill(process)
        response, delivery = perform(request)
        if moment == 'performed':
            kill(process)
            return response, Delivery('drop')
        if moment == 'answered':
            threading.Timer(random.random() * 0.02, kill, (process,)).start()
        return response, delivery

    def _strike(self):
        with self.lock:
            if self.process is None:
                return '', None
            self.left -= 1
            if self.left > 0:
                return '', None
            struck = self.moment, self.process
            self.process = None
            return struck


def kill(process):
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)


class Cloud:
    """An endpoint in this process, emptied for each run."""

    def __init__(self, folder):
        self.settings = Settings()
        self.world = World(folder, self.settings)
        self.world.add_credential(OWNER)
        self.endpoint = Endpoint(self.world)
        self.killer = Killer()
        self.server = Server(0, self.world.path('temporary'),
                             lambda request: self.killer.handle(request, self.endpoint.handle), self.endpoint.is_cut)
        threading.Thread(target=self.server.serve, daemon=True).start()

    def url(self):
        return f'http://127.0.0.1:{self.server.port}'

    def empty(self):
        self.endpoint.faults.clear()
        self.killer.disarm()
        with self.world.lock:
            self.world.regions.clear()
            self.world.blocks.keep_only(set())
            self.settings.update(dataclasses.asdict(Settings()))
        self.endpoint.log.clear()

    def make_template(self):
        template = LaunchTemplate(new_id('lt'), OWNER.account, 'workers', self.world.now(), OWNER.principal())
        template.versions.append({
            'number': 1, 'description': '', 'created_at': self.world.now(), 'created_by': OWNER.principal(),
            'data': {'InstanceType': 'm5.large', 'ImageId': 'ami-00000000000000000'}})
        with self.world.lock:
            self.world.region(TEMPLATE_REGION).templates[template.id] = template

    def snapshots(self, region):
        with self.world.lock:
            return [refresh(self.world, snapshot) for snapshot in self.world.region(region).snapshots.values()
                    if not snapshot.deleted]


def faults(chance):
    """Rates up to these, of a random part of the kinds."""
    def rules(most, **where):
        for kind, rate in most.items():
            if chance.random() < 0.7:
                yield {**where, 'kind': kind, 'rate': rate * chance.random(), 'seconds': 0.1 + 0.4 * chance.random()}
    blocks = rules({'throttle': 0.15, 'internal': 0.08, 'cut': 0.04, 'drop_before': 0.05, 'drop_after': 0.06,
                    'truncate': 0.04, 'hang': 0.02, 'hang_after': 0.02, 'slow': 0.03},
                   service='ebs', operation='PutSnapshotBlock')
    steps = [{**rule, 'operation': name, 'service': service}
             for service, name in (('ebs', 'StartSnapshot'), ('ebs', 'CompleteSnapshot'), ('ec2', 'RegisterImage'),
                                   ('ec2', 'CreateLaunchTemplateVersion'), ('ssm', 'PutParameter'),
                                   ('ec2', 'DeleteSnapshot'))
             for rule in rules({'drop_after': 0.5, 'hang_after': 0.2, 'truncate': 0.2, 'internal': 0.2})]
    others = [{**rule, 'service': service} for service in ('ec2', 'ssm', 'sts')
              for rule in rules({'throttle': 0.12, 'internal': 0.1, 'cut': 0.04, 'drop_before': 0.06,
                                 'drop_after': 0.08, 'hang': 0.03, 'truncate': 0.05, 'slow': 0.04})]
    return {'seed': chance.randrange(1 << 30), 'rates': [*blocks, *steps, *others]}


def settings(chance):
    return {'snapshot_completes_after_describes': chance.choice((0, 0, 0, 0, 1, 2)),
            'image_available_after_describes': chance.choice((0, 0, 0, 0, 1, 2)),
            'snapshot_visible_after_puts': chance.choice((0, 0, 1, 5)),
            'complete_again': chance.choice(('refuse', 'refuse', 'accept')),
            'page_size': chance.choice((0, 0, 7))}


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Version:
    name: str
    image: str
    template: int
    plain: list
    team: str = 'hosts & more'


class Run:
    def __init__(self, seed, program, cloud, images, folder, is_loud):
        self.seed, self.program, self.cloud, self.images, self.folder = seed, program, cloud, images, folder
        self.chance = random.Random(f'publish {seed}')
        self.is_loud = is_loud
        self.is_default = self.chance.random() < 0.5
        self.story = []
        self.stats = {'tries': 0, 'kills': 0, 'versions': 0, 'requests': 0}
        self.uploaded = set()

    def perform(self):
        self.cloud.empty()
        self.cloud.make_template()
        plain = [self._content() for _ in range(PLAIN_SIZE // BLOCK_SIZE)]
        version = Version('1.0', self._image_file('1.0'), self.chance.randrange(2), plain)
        published = [self._publish(version, [])]
        if self.chance.random() < 0.5:
            plain = [self._content() if self.chance.random() < 0.3 else seed for seed in version.plain]
            version = Version('1.1', self._image_file('1.1'), self.chance.randrange(2), plain, version.team)
            published.append(self._publish(version, published))
        self.stats['requests'] = self.cloud.endpoint.log.text().count('\n')

    def _image_file(self, name):
        return os.path.join(self.folder, f'{name}.raw')

    def _content(self):
        return None if self.chance.random() < 0.25 else f'{self.seed} {self.chance.random()}'

    def tell(self, text):
        self.story.append(f'{time.strftime("%H:%M:%S")} {text}')
        if self.is_loud:
            print(self.story[-1], flush=True)

    def _publish(self, version, before):
        self.images.make(version.image, version.template, version.plain)
        self._write_recipe(version)
        self.cloud.settings.update(settings(self.chance))
        self.cloud.endpoint.faults.set(faults(self.chance))
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            if not self._try_and_kill():
                break
            self._meddle(version, before)
        self._finish()
        self._check(before + [version])
        return version

    def _write_recipe(self, version):
        with open(os.path.join(self.folder, 'recipe.toml'), 'w', encoding='utf-8') as stream:
            stream.write(f'''
[recipe]
name = "small"
version = "{version.name}"
ref = "test/x86_64/small"
[base]
repo = "base"
ref = "test/base"
verify = "none"
[sign]
key = "env:TEST_KEY"
[publish.aws]
regions = {json.dumps(REGIONS)}
accounts = {json.dumps(sorted(ACCOUNTS))}
organizations = ["{ORGANIZATION}"]
deprecate-after-days = 700
parameters = ["/hosts/{{name}}/{{version}}/image_id", "{LATEST}"]
launch-template-default = {json.dumps(self.is_default)}
[publish.aws.tags]
team = "{version.team}"
[publish.aws.launch-templates]
{TEMPLATE_REGION} = "workers"
''')
        self.current = version

    def _start(self, *words):
        command = [self.program, 'publish', *words, os.path.join(self.folder, 'recipe.toml'),
                   '--workspace', os.path.join(self.folder, 'workspace'), '--out', os.path.join(self.folder, 'out'),
                   '--endpoint-url', self.cloud.url(), '--json']
        environment = {'PATH': os.environ['PATH'], 'HOME': self.folder, 'TEST_KEY': KEY,
                       'AWS_ACCESS_KEY_ID': OWNER.access_key, 'AWS_SECRET_ACCESS_KEY': OWNER.secret_key,
                       'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull,
                       'AWS_EC2_METADATA_DISABLED': 'true'}
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def _start_publishing(self):
        self.stats['tries'] += 1
        return self._start('--image', self.current.image)

    def _wait(self, process):
        try:
            out, err = process.communicate(timeout=TRY_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Wrong(f'the publisher is not done after {TRY_TIMEOUT_S} s') from None
        self.tell(f'exit code {process.returncode}: {err.strip()[-1500:]}')
        return process.returncode, out

    def _try_and_kill(self):
        """False when it was done before it could be killed."""
        process = self._start_publishing()
        if self.chance.random() < 0.7:
            calls = self.chance.randrange(1, 1 + self.chance.choice((12, 60, 170)))
            moment = self.chance.choice(('before', 'performed', 'performed', 'answered'))
            self.tell(f'kill at call {calls}, {moment}')
            self.cloud.killer.arm(process, calls, moment)
        else:
            seconds = self.chance.random() * 1.5
            self.tell(f'kill after {seconds:.3f} s')
            timer = threading.Timer(seconds, kill, (process,))
            timer.start()
        code, _ = self._wait(process)
        self.cloud.killer.disarm()
        self.stats['kills'] += code == -signal.SIGKILL
        return code == -signal.SIGKILL

    def _meddle(self, version, before):
        """What others may do between two tries."""
        what = self.chance.choice(('nothing',) * 8 + ('delete', 'error', 'image', 'recipe', 'parent'))
        if what in ('delete', 'error') and not before:
            self._harm_snapshots(what)
        elif what == 'parent' and before:
            self._lose_parents()
        elif what == 'image' and not self._has_images(version):
            self.tell('the image changes')
            version.plain[self.chance.randrange(len(version.plain))] = self._content()
            self.images.make(version.image, version.template, version.plain)
        elif what == 'recipe' and not self._has_images(version):
            self.tell('the tags change')
            version.team = f'{version.team}!'
            self._write_recipe(version)

    def _harm_snapshots(self, what):
        for region in REGIONS:
            for snapshot in self.cloud.snapshots(region):
                if snapshot.state == 'pending' and self.chance.random() < 0.7:
                    self.tell(f'{what}: {snapshot.id} in {region}')
                    with self.cloud.world.lock:
                        snapshot.deleted = what == 'delete'
                        snapshot.state = 'error'

    def _lose_parents(self):
        """Somebody deletes what the first version has in a region; it is not looked for any more."""
        region = self.chance.choice(REGIONS)
        self.tell(f'the first version is deleted in {region}')
        with self.cloud.world.lock:
            held = self.cloud.world.region(region)
            for image in [image for image in held.images.values() if '1.0' in image.name()]:
                for name in image.snapshots():
                    held.snapshots[name].deleted = True
                del held.images[image.id]
        self.uploaded.add(region)

    def _has_images(self, version):
        with self.cloud.world.lock:
            return any(version.name in image.name() for region in REGIONS
                       for image in self.cloud.world.region(region).images.values())

    def _finish(self):
        for number in range(MOST_TRIES):
            if number == MOST_TRIES - 1:
                self.tell('without faults')
                self.cloud.endpoint.faults.clear()
            if self._wait(self._start_publishing())[0] == 0:
                break
        else:
            raise Wrong('it never ends well')
        self.cloud.endpoint.faults.clear()

    # What has to be there in the end

    def _check(self, versions):
        for region in REGIONS:
            with self.cloud.world.lock:
                self._check_region(region, versions)
        status = self._json('status')
        for version in versions:
            known = [image for image in status['images'] if image['version'] == version.name][-1]
            states = [place['state'] for place in known['regions'] if place['state'] != 'abandoned']
            expect(states == ['released'] * len(REGIONS), f'status says {states} of {version.name}')
        verdict = self._json('verify', '--blocks')
        expect(all(region['right'] for region in verdict['regions']), f'verify says {verdict}')
        self.stats['versions'] += 1

    def _json(self, *words):
        code, out = self._wait(self._start(*words))
        expect(code == 0, f'{words} exits with {code}: {out}')
        return json.loads(out)

    def _check_region(self, name, versions):
        region = self.cloud.world.region(name)
        versions = [version for version in versions if version.name != '1.0' or name not in self.uploaded]
        images = sorted((refresh_image(self.cloud.world, image) or image for image in region.images.values()),
                        key=lambda image: image.name())
        expect([image.name() for image in images] == [f'small-{version.name}-x86_64' for version in versions],
               f'{name} has the images {[image.name() for image in images]}')
        snapshots = [snapshot for snapshot in region.snapshots.values() if not snapshot.deleted]
        used = [image.snapshots()[0] for image in images]
        expect(sorted(snapshot.id for snapshot in snapshots) == sorted(used),
               f'{name} has snapshots that no image uses: '
               f'{[(snapshot.id, snapshot.state) for snapshot in snapshots if snapshot.id not in used]}')
        for version, image in zip(versions, images):
            self._check_image(region, version, image)
        self._check_parameters(region, versions, images)
        if name == TEMPLATE_REGION:
            self._check_template(region, images)
        if len(images) == 2:
            ancestors = [layer.id for layer in layers(region, region.snapshots[used[1]])]
            expect(used[0] in ancestors, f'{used[1]} does not build on {used[0]}, but on {ancestors}')

    def _check_image(self, region, version, image):
        snapshot = region.snapshots[image.snapshots()[0]]
        expect(image.state == 'available', f'{image.id} is {image.state}')
        expect(snapshot.state == 'completed', f'{snapshot.id} is {snapshot.state}')
        expect(region.tags[image.id]['team'] == version.team, f'{image.id} has the tags {region.tags[image.id]}')
        expect({*(entry.get('UserId') or entry.get('OrganizationArn') for entry in image.permissions)}
               == ACCOUNTS | {ORGANIZATION}, f'{image.id} has the permissions {image.permissions}')
        expect({entry.get('UserId') for entry in snapshot.permissions} == ACCOUNTS,
               f'{snapshot.id} has the permissions {snapshot.permissions}')
        expect(image.deprecate_at is not None, f'{image.id} is not deprecated')
        there = {index: layer.blocks[index] for index, layer in holders(region, snapshot).items()}
        there = {index: digest for index, digest in there.items() if digest != ZERO}
        wanted = digests(version.image)
        wrong = sorted(index for index in there.keys() | wanted.keys() if there.get(index) != wanted.get(index))
        expect(not wrong, f'blocks {wrong} of {snapshot.id} are not the image\'s')

    def _check_parameters(self, region, versions, images):
        values = {parameter.name: [entry['Value'] for entry in parameter.history]
                  for parameter in region.parameters.values()}
        for version, image in zip(versions, images):
            found = values.get(f'/hosts/small/{version.name}/image_id')
            expect(found and set(found) == {image.id}, f'the parameter of {version.name} has {found}')
        expect(values[LATEST][-1] == images[-1].id, f'{LATEST} has {values[LATEST]}')
        turns = [value for number, value in enumerate(values[LATEST]) if values[LATEST][number - 1] != value or not number]
        expect(len(turns) == len(set(turns)), f'{LATEST} went to and fro: {values[LATEST]}')

    def _check_template(self, region, images):
        template, = region.templates.values()
        rolled = [version['data']['ImageId'] for version in template.versions[1:]]
        expect(rolled[-len(images):] == [image.id for image in images] and len(rolled) == len(set(rolled)),
               f'the launch template was rolled to {rolled}')
        expect(template.default_version == (len(rolled) + 1 if self.is_default else 1),
               f'the launch template\'s default version is {template.default_version}')


# --- many runs ------------------------------------------------------------------------------------------------------


def work(options, seeds, results):
    scratch = tempfile.mkdtemp(prefix='publish-faults-')
    try:
        folders = {name: os.path.join(scratch, name) for name in ('aws', 'images', 'run')}
        for name in ('aws', 'images'):
            os.mkdir(folders[name])
        cloud, images = Cloud(folders['aws']), Images(folders['images'])
        while (seed := seeds.get()) is not None:
            os.mkdir(folders['run'])
            run = Run(seed, options.program, cloud, images, folders['run'], options.is_loud)
            started = time.monotonic()
            problem = problem_of(run)
            if problem:
                problem += '\n' + keep(run, options, cloud)
            shutil.rmtree(folders['run'])
            results.put((seed, time.monotonic() - started, run.stats, problem))
    except BaseException:
        results.put((0, 0.0, {}, traceback.format_exc()))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def problem_of(run):
    try:
        run.perform()
        return ''
    except Wrong as wrong:
        return str(wrong)
    except Exception:
        return traceback.format_exc()


def keep(run, options, cloud):
    """What happened in a run that failed, for who looks into it."""
    if not options.keep:
        return '\n'.join(run.story[-6:])
    folder = os.path.join(options.keep, f'seed-{run.seed}')
    os.makedirs(folder, exist_ok=True)
    for name, text in (('story', '\n'.join(run.story)), ('requests.jsonl', cloud.endpoint.log.text()),
                       ('state.json', json.dumps(cloud.world.as_json(), indent=1))):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as stream:
            stream.write(text)
    shutil.copytree(os.path.join(run.folder, 'workspace', 'ledger'), os.path.join(folder, 'ledger'), dirs_exist_ok=True)
    return '\n'.join(run.story[-6:]) + f'\nsee {folder}'


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--program', required=True, help='atomic-compose')
    parser.add_argument('--runs', type=int, default=200)
    parser.add_argument('--first', type=int, default=1, help='the first seed')
    parser.add_argument('--jobs', type=int, default=6)
    parser.add_argument('--keep', help='folder for what runs that failed leave behind')
    options = parser.parse_args()
    options.is_loud = 'SEED' in os.environ
    if options.is_loud:
        options.first, options.runs, options.jobs = int(os.environ['SEED']), 1, 1
    return options


def main():
    options = parse_options()
    context = multiprocessing.get_context('spawn')
    seeds, results = context.Queue(), context.Queue()
    for seed in range(options.first, options.first + options.runs):
        seeds.put(seed)
    workers = [context.Process(target=work, args=(options, seeds, results), daemon=True) for _ in range(options.jobs)]
    for worker in workers:
        seeds.put(None)
        worker.start()
    started, failed, total = time.monotonic(), [], {}
    for _ in range(options.runs):
        seed, seconds, stats, problem = results.get()
        for name, count in stats.items():
            total[name] = total.get(name, 0) + count
        if problem:
            failed.append(seed)
            print(f'SEED={seed} ({seconds:.1f} s): {problem}', flush=True)
        if not seed:
            break
    for worker in workers:
        worker.join()
    print(f'{options.runs} runs, {len(failed)} failed{": " + str(sorted(failed)) if failed else ""}, in '
          f'{time.monotonic() - started:.0f} s: ' + ', '.join(f'{count} {name}' for name, count in total.items()))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
