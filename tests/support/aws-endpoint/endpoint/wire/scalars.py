"""Scalars between text and Python, as the models type them."""

import base64
import binascii
import datetime
import email.utils
import re

from endpoint.errors import ShapeProblem

INTEGER = re.compile(r'-?[0-9]+')
ISO8601 = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)')


def from_text(text, shape, where):
    reader = READERS.get(shape.type_name)
    if reader is None:
        raise ShapeProblem('type', where, text, f'Member must be a {shape.type_name}')
    return reader(text, shape, where)


def _string(text, _shape, _where):
    return text


def _integer(text, shape, where):
    if not INTEGER.fullmatch(text):
        raise ShapeProblem('type', where, text, f'Member must be {shape.type_name}')
    return int(text)


def _float(text, _shape, where):
    try:
        return float(text)
    except ValueError:
        raise ShapeProblem('type', where, text, 'Member must be a number') from None


def _boolean(text, _shape, where):
    if text not in ('true', 'false'):
        raise ShapeProblem('type', where, text, 'Must be true or false')
    return text == 'true'


def _blob(text, _shape, where):
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ShapeProblem('type', where, text, 'Member must be Base64') from None


def _timestamp(text, shape, where):
    try:
        if shape.serialization.get('timestampFormat') == 'rfc822' or shape.serialization.get('location') == 'header':
            return email.utils.parsedate_to_datetime(text).timestamp()
        if not ISO8601.fullmatch(text):
            raise ValueError(text)
        return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()
    except (ValueError, TypeError):
        raise ShapeProblem('type', where, text, 'Member must be a timestamp') from None


READERS = {
    'string': _string, 'integer': _integer, 'long': _integer, 'float': _float, 'double': _float, 'boolean': _boolean,
    'blob': _blob, 'timestamp': _timestamp,
}


def iso8601(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%S.') + f'{moment.microsecond // 1000:03d}Z'


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


def to_text(value, shape):
    if shape.type_name == 'boolean':
        return 'true' if value else 'false'
    if shape.type_name == 'timestamp':
        return http_date(value) if shape.serialization.get('location') == 'header' else iso8601(value)
    if shape.type_name == 'blob':
        return base64.b64encode(value).decode()
    return str(value)
