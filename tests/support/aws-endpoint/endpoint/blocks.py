"""The data of snapshots: a sparse file each, holding the blocks that were put into it; the rest is its parent's."""

import os

BLOCK_SIZE = 512 * 1024
BLOCKS_PER_GIB = 2048


class BlockStore:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def _file(self, snapshot):
        return os.path.join(self.folder, snapshot.id)

    def create(self, snapshot):
        os.close(os.open(self._file(snapshot), os.O_CREAT | os.O_WRONLY))

    def write(self, snapshot, index, data):
        descriptor = os.open(self._file(snapshot), os.O_WRONLY)
        try:
            os.pwrite(descriptor, data, index * BLOCK_SIZE)
        finally:
            os.close(descriptor)

    def read(self, snapshot, index):
        descriptor = os.open(self._file(snapshot), os.O_RDONLY)
        try:
            return os.pread(descriptor, BLOCK_SIZE, index * BLOCK_SIZE)
        finally:
            os.close(descriptor)

    def layers(self, region, snapshot):
        """The snapshot and its ancestors, oldest first. Deleted ancestors still count: their data is still needed."""
        chain = [snapshot]
        while chain[-1].parent:
            chain.append(region.snapshots[chain[-1].parent])
        return chain[::-1]

    def effective(self, region, snapshot):
        """Index to (the snapshot that holds the block, its SHA-256)."""
        result = {}
        for layer in self.layers(region, snapshot):
            result.update((index, (layer, digest)) for index, digest in layer.blocks.items())
        return result

    def holder(self, region, snapshot, index):
        """The snapshot that holds the block, or None."""
        return next((layer for layer in reversed(self.layers(region, snapshot)) if index in layer.blocks), None)

    def forget_unneeded(self, region, snapshot):
        """After a deletion: drops the data of deleted snapshots that nobody descends from."""
        while snapshot and snapshot.deleted and not _has_children(region, snapshot):
            os.unlink(self._file(snapshot))
            del region.snapshots[snapshot.id]
            snapshot = region.snapshots.get(snapshot.parent)

    def materialise(self, layers, volume_gib, path):
        with open(path, 'wb') as out:
            out.truncate(volume_gib * 1024 ** 3)
            for layer in layers:
                with open(self._file(layer), 'rb') as stream:
                    for index in sorted(layer.blocks):
                        data = os.pread(stream.fileno(), BLOCK_SIZE, index * BLOCK_SIZE)
                        os.pwrite(out.fileno(), data, index * BLOCK_SIZE)


def _has_children(region, snapshot):
    return any(other.parent == snapshot.id for other in region.snapshots.values())
