"""Pages and their tokens: opaque, bound to the question they continue, refused when changed."""

import base64
import hashlib
import hmac
import json


def sign_token(world, value):
    body = json.dumps(value, separators=(',', ':')).encode()
    mac = hmac.digest(world.token_key.encode(), body, 'sha256')[:12]
    return base64.b64encode(mac + body).decode()


def open_token(world, text):
    """ValueError for a token that was not made here."""
    raw = base64.b64decode(text, validate=True)
    mac, body = raw[:12], raw[12:]
    if not hmac.compare_digest(mac, hmac.digest(world.token_key.encode(), body, 'sha256')[:12]):
        raise ValueError('not a token of this endpoint')
    return json.loads(body)


def question_of(*parts):
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def page(world, entries, size, token, question):
    """The page that `token` asks for and the token of the next one (None at the end); ValueError for a wrong token."""
    start = 0
    if token:
        asked, start = open_token(world, token)
        if asked != question:
            raise ValueError('the token belongs to another request')
    limit = world.settings.page_size
    size = min(size, limit) if limit else size
    rest = len(entries) > start + size
    return entries[start:start + size], sign_token(world, [question, start + size]) if rest else None
