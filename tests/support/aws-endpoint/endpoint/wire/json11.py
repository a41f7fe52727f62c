"""JSON 1.1 (SSM), and the JSON of REST-JSON bodies."""

import base64
import binascii
import json

from endpoint.errors import ServiceError, ShapeProblem
from endpoint.http import Response
from endpoint.wire import shapes

PYTHON_TYPES = {
    'string': str, 'integer': int, 'long': int, 'float': (int, float), 'double': (int, float), 'boolean': bool,
    'timestamp': (int, float), 'structure': dict, 'list': list, 'map': dict, 'blob': str,
}


def read_value(value, shape, where):
    """Of parsed JSON, the parameters under the names of the model; null counts as absent."""
    wanted = PYTHON_TYPES[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and shape.type_name != 'boolean'):
        raise ShapeProblem('type', where, value, f'Member must be a {shape.type_name}')
    if shape.type_name == 'structure':
        return _read_structure(value, shape, where)
    if shape.type_name == 'list':
        return [read_value(member, shape.member, f'{where}.{number}') for number, member in enumerate(value, 1)]
    if shape.type_name == 'map':
        return {key: read_value(member, shape.value, f'{where}.{key}') for key, member in value.items()}
    if shape.type_name == 'blob':
        return _read_blob(value, where)
    return value


def _read_structure(value, shape, where):
    by_wire_name = {member.serialization.get('name', name): (name, member) for name, member in shape.members.items()}
    result = {}
    for wire_name, member_value in value.items():
        path = f'{where}.{wire_name}' if where else wire_name
        if wire_name not in by_wire_name:
            raise ShapeProblem('unknown', path)
        name, member = by_wire_name[wire_name]
        if member_value is not None:
            result[name] = read_value(member_value, member, path)
    return result


def _read_blob(value, where):
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ShapeProblem('type', where, value, 'Member must be Base64') from None


def write_value(value, shape):
    if shape.type_name == 'structure':
        return {member.serialization.get('name', name): write_value(value[name], member)
                for name, member in shape.members.items() if value.get(name) is not None}
    if shape.type_name == 'list':
        return [write_value(member, shape.member) for member in value]
    if shape.type_name == 'map':
        return {key: write_value(member, shape.value) for key, member in value.items()}
    if shape.type_name == 'timestamp':
        return round(value, 3)
    return value


def parse_json(body):
    try:
        parsed = json.loads(body.content() or b'{}')
    except (ValueError, UnicodeDecodeError):
        raise ServiceError('SerializationException', 'The body is not JSON', 400, by_gateway=True) from None
    if not isinstance(parsed, dict):
        raise ServiceError('SerializationException', 'The body is not a JSON object', 400, by_gateway=True)
    return parsed


class JsonProtocol:
    def __init__(self, model):
        self.model = model
        self.content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"

    def identify(self, request):
        if request.method != 'POST' or request.path != '/' or request.query:
            raise ServiceError('UnknownOperationException', '', 404, by_gateway=True)
        if request.header('content-type', '') != self.content_type:
            raise ServiceError('SerializationException', f'The Content-Type has to be {self.content_type}', 400,
                               by_gateway=True)
        prefix, _, name = request.header('x-amz-target', '').rpartition('.')
        if prefix != self.model.metadata['targetPrefix'] or name not in self.model.operation_names:
            raise ServiceError('UnknownOperationException', '', 400, by_gateway=True)
        return name

    def parse(self, request, operation):
        params = read_value(parse_json(request.body), operation.input_shape, '')
        shapes.check(params, operation.input_shape)
        return params

    def render(self, operation, result, request_id):
        body = write_value(result or {}, operation.output_shape) if operation.output_shape else {}
        return self._response(200, body, request_id)

    def render_error(self, error, request_id, _request):
        kind = f'com.amazon.coral.service#{error.code}' if error.by_gateway else error.code
        return self._response(error.status, {'__type': kind, 'message': error.message, **error.members}, request_id)

    def _response(self, status, body, request_id):
        return Response(status, [('Content-Type', self.content_type), ('x-amzn-RequestId', request_id)],
                        json.dumps(body).encode())

    def refuse_shape(self, problem):
        if problem.kind in ('unknown', 'type'):
            return ServiceError('SerializationException', problem.sentence(), 400, by_gateway=True)
        return ServiceError('ValidationException', f'1 validation error detected: {problem.sentence()}', 400,
                            by_gateway=True)
