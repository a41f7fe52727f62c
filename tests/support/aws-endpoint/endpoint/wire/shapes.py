"""Checks parsed parameters against the constraints of their shape: required, enum, range, length, pattern."""

import functools
import re

from endpoint.errors import ShapeProblem

UNICODE_CLASSES = {r'\p{L}': r'\w', r'\p{Z}': r'\s', r'\p{N}': r'\d'}


def check(value, shape, where=''):
    {'structure': _structure, 'list': _list, 'map': _map, 'string': _string, 'integer': _number, 'long': _number,
     'float': _number, 'double': _number}.get(shape.type_name, _anything)(value, shape, where)


def _anything(_value, _shape, _where):
    pass


def _below(where, name):
    return f'{where}.{name}' if where else name


def _structure(value, shape, where):
    members = shape.members
    for name in shape.required_members:
        if value.get(name) is None:
            raise ShapeProblem('missing', _below(where, name))
    for name, member in value.items():
        check(member, members[name], _below(where, name))


def _list(value, shape, where):
    _length(value, shape, where)
    for number, member in enumerate(value, 1):
        check(member, shape.member, f'{where}.{number}')


def _map(value, shape, where):
    for key, member in value.items():
        check(member, shape.value, _below(where, key))


def _string(value, shape, where):
    # The models of REST-JSON and query services are enforced; enums before lengths, as the services do.
    if shape.enum and value not in shape.enum:
        raise ShapeProblem('enum', where, value, f'Member must satisfy enum value set: [{", ".join(shape.enum)}]')
    _length(value, shape, where)
    pattern = shape.metadata.get('pattern')
    if pattern and not compiled(pattern).fullmatch(value):
        raise ShapeProblem('pattern', where, value, f'Member must satisfy regular expression pattern: {pattern}')


def _length(value, shape, where):
    low, high = shape.metadata.get('min'), shape.metadata.get('max')
    if low is not None and len(value) < low:
        raise ShapeProblem('length', where, value, f'Member must have length greater than or equal to {low}')
    if high is not None and len(value) > high:
        raise ShapeProblem('length', where, value, f'Member must have length less than or equal to {high}')


def _number(value, shape, where):
    low, high = shape.metadata.get('min'), shape.metadata.get('max')
    if low is not None and value < low:
        raise ShapeProblem('range', where, value, f'Member must have value greater than or equal to {low}')
    if high is not None and value > high:
        raise ShapeProblem('range', where, value, f'Member must have value less than or equal to {high}')


@functools.lru_cache(maxsize=None)
def compiled(pattern):
    for java, python in UNICODE_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
