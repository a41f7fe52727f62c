"""The query protocol (STS) and EC2's dialect of it: form-encoded requests, XML answers."""

import urllib.parse
from xml.sax.saxutils import escape

from endpoint.errors import ServiceError, ShapeProblem
from endpoint.http import Response
from endpoint.wire import scalars, shapes, xml_out

FORM = 'application/x-www-form-urlencoded'


class QueryProtocol:
    """Names lists `Name.member.N`."""

    def __init__(self, model):
        self.model = model

    def identify(self, request):
        """The operation's name; fills `request.form`."""
        if request.method != 'POST' or request.path != '/' or request.query:
            raise ServiceError('InvalidAction', 'Requests are POST to / without a query', 400)
        if request.header('content-type', '').split(';')[0].strip().lower() != FORM:
            raise ServiceError('MalformedQueryString', f'The Content-Type has to be {FORM}', 400)
        request.form = self._form(request)
        action = request.form.pop('Action', None)
        if action is None:
            raise ServiceError('MissingAction', 'The request must contain the parameter Action', 400)
        if action not in self.model.operation_names:
            raise ServiceError('InvalidAction', f'The action {action} is not valid for this web service.', 400)
        version = request.form.pop('Version', None)
        if version != self.model.api_version:
            raise self._bad_version(action, version)
        return action

    def _bad_version(self, action, version):
        return ServiceError('InvalidAction', f'Could not find operation {action} for version {version}', 400)

    def _form(self, request):
        try:
            pairs = urllib.parse.parse_qsl(request.body.content().decode(), keep_blank_values=True, strict_parsing=True,
                                           errors='strict')
        except ValueError:
            raise ServiceError('MalformedQueryString', 'The body is not form-encoded UTF-8', 400) from None
        form = dict(pairs)
        if len(form) != len(pairs):
            raise ServiceError('MalformedQueryString', 'A parameter is given twice', 400)
        return form

    def parse(self, request, operation):
        shape = operation.input_shape
        tree = _tree(request.form)
        if shape is None:
            for name in tree:
                raise ShapeProblem('unknown', name)
            return {}
        params = self._structure(tree, shape, '')
        shapes.check(params, shape)
        return params

    def _structure(self, tree, shape, where):
        if not isinstance(tree, dict):
            raise ShapeProblem('type', where, tree, 'Member must be a structure')
        by_wire_name = {self.wire_name(member, name): (name, member) for name, member in shape.members.items()}
        result = {}
        for wire_name, value in tree.items():
            path = f'{where}.{wire_name}' if where else wire_name
            if wire_name not in by_wire_name:
                raise ShapeProblem('unknown', path)
            name, member = by_wire_name[wire_name]
            result[name] = self._value(value, member, path)
        return result

    def _value(self, tree, shape, where):
        if shape.type_name == 'structure':
            return self._structure(tree, shape, where)
        if shape.type_name == 'list':
            return self._list(tree, shape, where)
        if isinstance(tree, dict):
            raise ShapeProblem('unknown', f'{where}.{next(iter(tree))}')
        return scalars.from_text(tree, shape, where)

    def _list(self, tree, shape, where):
        if tree == '':
            return []
        tree, where = self.list_members(tree, shape, where)
        numbers = sorted(int(key) for key in tree if key.isdigit())
        if len(numbers) != len(tree) or numbers != list(range(1, len(numbers) + 1)):
            raise ShapeProblem('unknown', f'{where}.{next(iter(tree))}')
        return [self._value(tree[str(number)], shape.member, f'{where}.{number}') for number in numbers]

    def list_members(self, tree, shape, where):
        name = shape.member.serialization.get('name', 'member')
        if not isinstance(tree, dict) or set(tree) != {name}:
            raise ShapeProblem('unknown', where)
        return tree[name], f'{where}.{name}'

    def wire_name(self, member, name):
        return member.serialization.get('name', name)

    def render(self, operation, result, request_id):
        wrapper = operation.output_shape.serialization.get("resultWrapper") if operation.output_shape else None
        namespace = self.model.metadata['xmlNamespace']
        inner = xml_out.members_of(result or {}, operation.output_shape) if operation.output_shape else ''
        if wrapper:
            inner = f'<{wrapper}>{inner}</{wrapper}>'
        return xml_response(200, (
            f'<{operation.name}Response xmlns="{namespace}">{inner}'
            f'<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>'))

    def render_error(self, error, request_id, _request):
        kind = 'Sender' if error.status < 500 else 'Receiver'
        namespace = self.model.metadata['xmlNamespace']
        return xml_response(error.status, (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>'
            f'<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>'))

    def refuse_shape(self, problem):
        code = {'unknown': 'MalformedInput', 'type': 'MalformedInput'}.get(problem.kind, 'ValidationError')
        return ServiceError(code, f'1 validation error detected: {problem.sentence()}')


class Ec2Protocol(QueryProtocol):
    """Names lists `Name.N` and capitalises the names of the wire."""

    def _bad_version(self, action, version):
        if version is None:
            return ServiceError('MissingParameter', 'The request must contain the parameter Version')
        return ServiceError('NoSuchVersion', f"The requested version ({version}) of service AmazonEC2 does not exist")

    def wire_name(self, member, name):
        query_name = member.serialization.get('queryName')
        if query_name:
            return query_name
        wire_name = member.serialization.get('name', name)
        return wire_name[0].upper() + wire_name[1:] if 'name' in member.serialization else name

    def list_members(self, tree, shape, where):
        if not isinstance(tree, dict):
            raise ShapeProblem('type', where, tree, 'Member must be a list')
        return tree, where

    def render(self, operation, result, request_id):
        namespace = self.model.metadata['xmlNamespace']
        if operation.output_shape is None:
            inner = '<return>true</return>'
        else:
            inner = xml_out.members_of(result or {}, operation.output_shape)
        return xml_response(200, (
            f'<{operation.name}Response xmlns="{namespace}/"><requestId>{request_id}</requestId>{inner}'
            f'</{operation.name}Response>'))

    def render_error(self, error, request_id, _request):
        return xml_response(error.status, (
            f'<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>'
            f'</Error></Errors><RequestID>{request_id}</RequestID></Response>'))

    def refuse_shape(self, problem):
        if problem.kind == 'unknown':
            return ServiceError('UnknownParameter', f'The parameter {problem.where} is not recognized')
        if problem.kind == 'missing':
            return ServiceError('MissingParameter', f'The request must contain the parameter {problem.where}')
        return ServiceError('InvalidParameterValue',
                            f'Value ({problem.value}) for parameter {problem.where} is invalid. {problem.detail}')


def xml_response(status, text):
    return Response(status, [('Content-Type', 'text/xml;charset=UTF-8')],
                    ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode())


def _tree(form):
    """`A.B.1` -> {'A': {'B': {'1': ...}}}."""
    root = {}
    for key, value in form.items():
        node = root
        *folders, leaf = key.split('.')
        for folder in folders:
            node = node.setdefault(folder, {})
            if not isinstance(node, dict):
                raise ShapeProblem('unknown', key)
        if leaf in node:
            raise ShapeProblem('unknown', key)
        node[leaf] = value
    return root
