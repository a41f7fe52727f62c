"""One JSON line a request, in a file and in memory."""

import json
import threading

KEY_FIELDS = ('SnapshotId', 'BlockIndex', 'ParentSnapshotId', 'ClientToken', 'ChangedBlocksCount', 'ImageId', 'Name',
              'Names', 'SnapshotIds', 'ImageIds', 'Resources', 'LaunchTemplateId', 'LaunchTemplateName', 'Bucket',
              'Key',
              'UploadId', 'PartNumber', 'RoleArn')


class RequestLog:
    def __init__(self, path):
        self._lock = threading.Lock()
        self._path = path
        self._file = open(path, 'a', encoding='utf-8')

    def add(self, entry):
        line = json.dumps(entry) + '\n'
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def text(self):
        with self._lock, open(self._path, encoding='utf-8') as stream:
            return stream.read()

    def clear(self):
        with self._lock:
            self._file.truncate(0)

    def close(self):
        with self._lock:
            self._file.close()


def key_fields(params):
    return {name: params[name] for name in KEY_FIELDS if params.get(name) is not None}
