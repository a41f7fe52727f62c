"""HTTP/1.1 over plain sockets, one thread a connection; bodies are in memory up to a limit and in a file above it."""

import hashlib
import os
import re
import select
import socket
import struct
import tempfile
import threading
import time
import urllib.parse

from endpoint.errors import ServiceError

HEAD_LIMIT = 64 * 1024
IN_MEMORY_LIMIT = 1024 * 1024
BODY_LIMIT = 5 * 1024 ** 3
DOCUMENT_LIMIT = 4 * 1024 * 1024
CHUNK = 256 * 1024
IDLE_TIMEOUT_S = 300
REASONS = {200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 206: 'Partial Content', 304: 'Not Modified',
           400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found',
           405: 'Method Not Allowed', 409: 'Conflict', 411: 'Length Required', 412: 'Precondition Failed',
           413: 'Payload Too Large', 415: 'Unsupported Media Type', 416: 'Range Not Satisfiable',
           500: 'Internal Server Error', 501: 'Not Implemented', 503: 'Service Unavailable'}
METHOD = re.compile(r'[A-Z]+')
HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(.*?)[ \t]*")


class BadRequest(Exception):
    """The bytes are not HTTP as AWS takes it; the connection is closed after the answer."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Body:
    """`data` holds it when it is small; `file` is the path of a temporary file when it is not."""

    def __init__(self, length, data, file, sha256):
        self.length = length
        self.data = data
        self.file = file
        self.sha256 = sha256

    def content(self):
        """All of it, of requests that are documents."""
        if self.length > DOCUMENT_LIMIT:
            raise ServiceError('RequestEntityTooLarge', f'The body is longer than {DOCUMENT_LIMIT} bytes', 413)
        return b''.join(self.pieces())

    def md5(self):
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest()

    def pieces(self):
        if self.file is None:
            yield self.data
            return
        with open(self.file, 'rb') as stream:
            while piece := stream.read(CHUNK):
                yield piece

    def save_as(self, path):
        if self.file is not None:
            os.replace(self.file, path)
            self.file = None
            return
        with open(path, 'wb') as stream:
            stream.write(self.data)

    def discard(self):
        if self.file is not None:
            os.unlink(self.file)
            self.file = None


class Request:
    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition('?')
        self.headers = headers
        self.body = None
        self._by_name = {}
        for name, value in headers:
            self._by_name.setdefault(name.lower(), []).append(value)
        self.query_pairs = [(_decoded(pair.partition('=')[0]), _decoded(pair.partition('=')[2]))
                            for pair in self.query.split('&') if pair]

    def header(self, name, default=None):
        values = self._by_name.get(name.lower())
        return ','.join(values) if values else default

    def header_values(self, name):
        return self._by_name.get(name.lower(), [])

    def query_value(self, name):
        return next((value for key, value in self.query_pairs if key == name), None)


def _decoded(text):
    return urllib.parse.unquote(text)


class FilePart:
    """A body that is read from a file when it is sent; the file is open from now on, so it may be removed."""

    def __init__(self, path, offset, length):
        self.stream = open(path, 'rb')
        self.offset = offset
        self.length = length

    def __len__(self):
        return self.length

    def read(self):
        self.stream.seek(self.offset)
        return self.stream.read(self.length)


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class Delivery:
    """How an answer leaves: `kind` is normal, drop (none at all), hang (none for `seconds`), slow (spread over
    `seconds`) or truncate (half of it, then the end)."""

    def __init__(self, kind='normal', seconds=0.0):
        self.kind = kind
        self.seconds = seconds


class Connection:
    def __init__(self, sock, temporary_folder):
        self.sock = sock
        self.temporary_folder = temporary_folder
        self.pending = b''
        self.buffer = None

    def read_request(self, is_cut):
        """None at the end of the connection. `is_cut(request)`, asked before the body is read, has it cut off there."""
        head = self._read_head()
        if head is None:
            return None
        request = _parse_head(head)
        length = _body_length(request)
        if request.header('expect', '').lower() == '100-continue':
            self.sock.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        if is_cut(request):
            if len(self.pending) < length:
                self.sock.recv(max(1, length // 2))
            self.reset()
            return None
        request.body = self._read_small(length) if length <= IN_MEMORY_LIMIT else self._read_large(length)
        return request

    def _read_head(self):
        data = self.pending
        while (end := data.find(b'\r\n\r\n')) < 0:
            if len(data) > HEAD_LIMIT:
                raise BadRequest(400, 'the head of the request is too long')
            piece = self.sock.recv(HEAD_LIMIT)
            if not piece:
                return None
            data += piece
        self.pending = data[end + 4:]
        return data[:end]

    def _read_small(self, length):
        if length == 0:
            return Body(0, b'', None, hashlib.sha256(b'').hexdigest())
        if self.buffer is None:
            self.buffer = bytearray(IN_MEMORY_LIMIT)
        view = memoryview(self.buffer)[:length]
        filled = self._take_pending(view)
        while filled < length:
            count = self.sock.recv_into(view[filled:])
            if count == 0:
                raise ConnectionError('the body ends early')
            filled += count
        return Body(length, view, None, hashlib.sha256(view).hexdigest())

    def _take_pending(self, view):
        taken = self.pending[:len(view)]
        self.pending = self.pending[len(view):]
        view[:len(taken)] = taken
        return len(taken)

    def _read_large(self, length):
        digest = hashlib.sha256()
        descriptor, path = tempfile.mkstemp(dir=self.temporary_folder)
        try:
            with os.fdopen(descriptor, 'wb') as stream:
                left = length
                while left:
                    piece = self.pending[:left] or self.sock.recv(min(CHUNK, left))
                    self.pending = self.pending[left:] if self.pending else b''
                    if not piece:
                        raise ConnectionError('the body ends early')
                    digest.update(piece)
                    stream.write(piece)
                    left -= len(piece)
        except BaseException:
            os.unlink(path)
            raise
        return Body(length, None, path, digest.hexdigest())

    def send(self, response, delivery, stopping):
        """True when the connection may be used again."""
        if delivery.kind == 'drop':
            self.reset()
            return False
        if delivery.kind == 'hang':
            self._wait_for_hang_up(delivery.seconds, stopping)
            return False
        head = _head_of(response)
        if delivery.kind == 'truncate':
            self._send_half(head, response.body)
            return False
        if delivery.kind == 'slow':
            self._send_slowly(head + _all_of(response.body), delivery.seconds, stopping)
            return True
        if isinstance(response.body, FilePart):
            self.sock.sendall(head)
            self._send_file(response.body)
        else:
            self.sock.sendall(head + response.body)
        return True

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))

    def _send_file(self, part):
        if part.length and self.sock.sendfile(part.stream, part.offset, part.length) != part.length:
            raise ConnectionError('the file is shorter than announced')

    def _send_half(self, head, body):
        body = _all_of(body)
        self.sock.sendall(head + body[:len(body) // 2] if body else head[:len(head) // 2])

    def _send_slowly(self, data, seconds, stopping):
        pieces = 10
        step = -(-len(data) // pieces)
        for start in range(0, len(data), step):
            stopping.wait(seconds / pieces)
            self.sock.sendall(data[start:start + step])

    def _wait_for_hang_up(self, seconds, stopping):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not stopping.is_set():
            readable, _, _ = select.select([self.sock], [], [], 0.2)
            if readable and not self.sock.recv(1, socket.MSG_PEEK):
                return


def _all_of(body):
    return body.read() if isinstance(body, FilePart) else bytes(body)


def _head_of(response):
    names = {name.lower() for name, _ in response.headers}
    lines = [f'HTTP/1.1 {response.status} {REASONS.get(response.status, "Status")}']
    lines += [f'{name}: {value}' for name, value in response.headers]
    if 'content-length' not in names and response.status not in (204, 304):
        lines.append(f'Content-Length: {len(response.body)}')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')


def _parse_head(head):
    try:
        lines = head.decode('latin-1').split('\r\n')
        method, target, version = lines[0].split(' ')
    except ValueError:
        raise BadRequest(400, 'the request line is not three words') from None
    if not METHOD.fullmatch(method) or not target.startswith('/') or version != 'HTTP/1.1':
        raise BadRequest(400, f'not a request line of HTTP/1.1: {lines[0][:100]}')
    if any(not '!' <= letter <= '~' for letter in target):
        raise BadRequest(400, 'the target has to be percent-encoded')
    headers = []
    for line in lines[1:]:
        found = HEADER.fullmatch(line)
        if found is None:
            raise BadRequest(400, f'not a header: {line[:100]}')
        headers.append((found[1], found[2]))
    request = Request(method, target, headers)
    if len(request.header_values('host')) != 1:
        raise BadRequest(400, 'a request has one Host header')
    return request


def _body_length(request):
    if request.header('transfer-encoding'):
        raise BadRequest(501, 'a header you provided implies functionality that is not implemented: Transfer-Encoding')
    values = request.header_values('content-length')
    if not values:
        if request.method in ('PUT', 'POST'):
            raise BadRequest(411, 'Content-Length is missing')
        return 0
    if len(values) != 1 or not values[0].isdigit():
        raise BadRequest(400, 'Content-Length is not one number')
    if int(values[0]) > BODY_LIMIT:
        raise BadRequest(413, 'the body is too large')
    return int(values[0])


class Server:
    """`handle(request)` gives a Response and a Delivery; `is_cut(request)` is asked before there is a body."""

    def __init__(self, port, temporary_folder, handle, is_cut):
        self.handle = handle
        self.is_cut = is_cut
        self.temporary_folder = temporary_folder
        self.stopping = threading.Event()
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', port))
        self.listener.listen(1024)
        self.port = self.listener.getsockname()[1]

    def serve(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(IDLE_TIMEOUT_S)
            threading.Thread(target=self._serve_connection, args=(sock,), daemon=True).start()

    def stop(self):
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _serve_connection(self, sock):
        with sock:
            connection = Connection(sock, self.temporary_folder)
            try:
                while not self.stopping.is_set() and self._serve_one(connection):
                    pass
            except (OSError, ConnectionError):
                pass

    def _serve_one(self, connection):
        try:
            request = connection.read_request(self.is_cut)
        except BadRequest as error:
            text = str(error).encode()
            connection.send(Response(error.status, [('Content-Type', 'text/plain'), ('Connection', 'close')], text),
                            Delivery(), self.stopping)
            return False
        if request is None:
            return False
        try:
            response, delivery = self.handle(request)
        finally:
            request.body.discard()
        try:
            is_kept = connection.send(response, delivery, self.stopping)
        finally:
            if isinstance(response.body, FilePart):
                response.body.stream.close()
        return is_kept and request.header('connection', '').lower() != 'close'
