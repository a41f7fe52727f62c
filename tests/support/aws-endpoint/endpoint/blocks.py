"""The data of snapshots: a file for each content, named by its SHA-256, whichever snapshots and regions hold it."""

import os
import tempfile

BLOCK_SIZE = 512 * 1024
BLOCKS_PER_GIB = 2048


class BlockStore:
    def __init__(self, folder, temporary_folder):
        self.folder = folder
        self.temporary_folder = temporary_folder
        os.makedirs(folder, exist_ok=True)

    def _file(self, digest):
        return os.path.join(self.folder, digest)

    def write(self, digest, data):
        if os.path.exists(self._file(digest)):
            return
        descriptor, path = tempfile.mkstemp(dir=self.temporary_folder)
        with os.fdopen(descriptor, 'wb') as stream:
            stream.write(data)
        os.rename(path, self._file(digest))

    def read(self, digest):
        with open(self._file(digest), 'rb') as stream:
            return stream.read()

    def keep_only(self, digests):
        for name in os.listdir(self.folder):
            if name not in digests:
                os.unlink(self._file(name))

    def materialise(self, digests, volume_gib, path):
        """Writes a raw file of the volume; `digests`: block index to SHA-256."""
        with open(path, 'wb') as out:
            out.truncate(volume_gib * 1024 ** 3)
            for index in sorted(digests):
                out.seek(index * BLOCK_SIZE)
                out.write(self.read(digests[index]))


def layers(region, snapshot):
    """The snapshot and its ancestors, oldest first; deleted ones too, as their data is still needed."""
    chain = [snapshot]
    while chain[-1].parent:
        chain.append(region.snapshots[chain[-1].parent])
    return chain[::-1]


def holders(region, snapshot):
    """Block index to the snapshot of the chain that holds it."""
    result = {}
    for layer in layers(region, snapshot):
        result.update(dict.fromkeys(layer.blocks, layer))
    return result


def holder(region, snapshot, index):
    return next((layer for layer in reversed(layers(region, snapshot)) if index in layer.blocks), None)


def forget_unneeded(world, region, snapshot):
    """After a deletion: forgets deleted snapshots that nobody descends from, and what only they held."""
    while snapshot and snapshot.deleted and not any(other.parent == snapshot.id for other in region.snapshots.values()):
        del region.snapshots[snapshot.id]
        snapshot = region.snapshots.get(snapshot.parent)
    world.blocks.keep_only({digest for place in world.regions.values() for kept in place.snapshots.values()
                            for digest in kept.blocks.values()})
