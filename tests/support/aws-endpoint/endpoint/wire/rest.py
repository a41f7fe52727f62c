"""REST-JSON (EBS direct) and REST-XML (S3)."""

import base64
import json
import urllib.parse
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from endpoint.errors import ServiceError, ShapeProblem
from endpoint.http import Response
from endpoint.wire import json11, scalars, shapes, xml_out
from endpoint.wire.routes import Router

# Headers of the transport and of signing; all other x-amz-* ones have to be parameters of the operation.
TRANSPORT_HEADERS = {
    'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token', 'x-amz-user-agent', 'x-amz-sdk-checksum-algorithm',
}
FORM = 'application/x-www-form-urlencoded'


class RestProtocol:
    FURTHER_HEADERS = set()

    def __init__(self, model, served):
        self.model = model
        self.router = Router(model, served)

    def identify(self, request):
        route, path_parameters = self.router.find(request)
        if route is None:
            raise self.unknown_operation(request)
        request.route, request.path_parameters = route, path_parameters
        return route.operation.name

    def parse(self, request, operation):
        shape = operation.input_shape
        members = shape.members if shape else {}
        known_query = set(request.route.literals) | {'x-id'}
        known_headers = TRANSPORT_HEADERS | self.FURTHER_HEADERS
        params, body_members = {}, {}
        for name, member in members.items():
            location = member.serialization.get('location')
            wire_name = member.serialization.get('name', name)
            if location == 'uri':
                text = urllib.parse.unquote(request.path_parameters[wire_name])
                params[name] = scalars.from_text(text, member, wire_name)
            elif location == 'querystring':
                known_query.add(wire_name)
                self._read_text(params, name, member, request.query_value(wire_name), wire_name)
            elif location == 'header':
                known_headers.add(wire_name.lower())
                self._read_text(params, name, member, request.header(wire_name), wire_name)
            elif location == 'headers':
                params.update(self._read_prefixed(request, name, wire_name.lower(), known_headers))
            else:
                body_members[name] = member
        self._refuse_unknown(request, known_query, known_headers)
        self._read_body(params, request, shape, body_members)
        if shape:
            shapes.check({name: value for name, value in params.items() if name not in self._streamed(shape)},
                         _Without(shape, self._streamed(shape)))
        return params

    @staticmethod
    def _streamed(shape):
        payload = shape.serialization.get('payload')
        return {payload} if payload and shape.members[payload].type_name == 'blob' else set()

    @staticmethod
    def _read_text(params, name, member, text, where):
        if text is not None:
            params[name] = scalars.from_text(text, member, where)

    @staticmethod
    def _read_prefixed(request, name, prefix, known_headers):
        found = {}
        for header, value in request.headers:
            if header.lower().startswith(prefix):
                known_headers.add(header.lower())
                found[header.lower()[len(prefix):]] = value
        return {name: found} if found else {}

    @staticmethod
    def _refuse_unknown(request, known_query, known_headers):
        for name, _ in request.query_pairs:
            if name not in known_query:
                raise ShapeProblem('unknown', name)
        for header, _ in request.headers:
            if header.lower().startswith('x-amz-') and header.lower() not in known_headers:
                raise ShapeProblem('unknown', header)

    def _read_body(self, params, request, shape, body_members):
        payload = shape.serialization.get('payload') if shape else None
        if payload and shape.members[payload].type_name == 'blob':
            params[payload] = request.body
        elif payload:
            if request.body.length:
                params[payload] = self.read_document(request, shape.members[payload])
        elif body_members:
            params.update(self.read_members(request, shape, body_members))
        elif request.body.length:
            raise ShapeProblem('unknown', 'body', request.body.length)

    def render(self, operation, result, request_id):
        shape = operation.output_shape
        status = result.get('_status', operation.http.get('responseCode', 200)) if result else \
            operation.http.get('responseCode', 200)
        headers = [self.request_id_header(request_id)]
        result = result or {}
        if shape is None:
            return Response(status, headers, b'')
        in_body = {}
        for name, member in shape.members.items():
            value = result.get(name)
            if value is None:
                continue
            location = member.serialization.get('location')
            wire_name = member.serialization.get('name', name)
            if location == 'header':
                headers.append((wire_name, scalars.to_text(value, member)))
            elif location == 'headers':
                headers.extend((wire_name + key, text) for key, text in value.items())
            else:
                in_body[name] = value
        payload = shape.serialization.get('payload')
        if payload and shape.members[payload].type_name == 'blob':
            return Response(status, headers, result.get(payload, b''))
        body, content_type = self.write_body(operation, shape, payload, in_body)
        return Response(status, headers + ([('Content-Type', content_type)] if body else []), body)


class _Without:
    """A shape without the members that are checked elsewhere (the streamed body)."""

    def __init__(self, shape, names):
        self.type_name = 'structure'
        self.members = shape.members
        self.required_members = [name for name in shape.required_members if name not in names]


class RestJsonProtocol(RestProtocol):
    def identify(self, request):
        if request.header('content-type', '').startswith(FORM):
            raise ServiceError('UnsupportedMediaTypeException', f'{FORM} is not taken here', 415, by_gateway=True)
        return super().identify(request)

    def unknown_operation(self, _request):
        return ServiceError('UnknownOperationException', '', 404, by_gateway=True)

    def read_document(self, request, shape):
        return json11.read_value(json11.parse_json(request.body), shape, '')

    def read_members(self, request, shape, body_members):
        names = {member.serialization.get('name', name) for name, member in body_members.items()}
        parsed = json11.parse_json(request.body)
        for name in parsed:
            if name not in names:
                raise ShapeProblem('unknown', name)
        return json11.read_value(parsed, shape, '')

    def write_body(self, _operation, shape, payload, in_body):
        if not in_body and not any('location' not in member.serialization for member in shape.members.values()):
            return b'', ''
        return json.dumps(json11.write_value(in_body, shape)).encode(), 'application/json'

    @staticmethod
    def request_id_header(request_id):
        return 'x-amzn-RequestId', request_id

    def render_error(self, error, request_id, _request):
        kind = error.code
        if error.by_gateway:
            kind += ':http://internal.amazon.com/coral/com.amazon.coral.service/'
        body = {('message' if error.by_gateway else 'Message'): error.message, **error.members}
        return Response(error.status, [('Content-Type', 'application/json'), ('x-amzn-ErrorType', kind),
                                       self.request_id_header(request_id)], json.dumps(body).encode())

    def refuse_shape(self, problem):
        if problem.kind in ('unknown', 'type') and '.' in problem.where:
            return ServiceError('SerializationException', problem.sentence(), 400, by_gateway=True)
        return ServiceError('ValidationException', f'1 validation error detected: {problem.sentence()}', 400,
                            {'Reason': 'INVALID_PARAMETER_VALUE'})


class RestXmlProtocol(RestProtocol):
    FURTHER_HEADERS = {'x-amz-checksum-sha256'}
    NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

    def unknown_operation(self, _request):
        return ServiceError('MethodNotAllowed', 'The specified method is not allowed against this resource.', 405)

    def parse(self, request, operation):
        if operation.http_checksum.get('requestChecksumRequired'):
            _check_integrity(request)
        return super().parse(request, operation)

    def read_document(self, request, shape):
        try:
            root = ElementTree.fromstring(request.body.content())
        except ElementTree.ParseError:
            raise malformed_xml() from None
        if _local_name(root) != shape.serialization.get('name', shape.name):
            raise malformed_xml()
        return self._read_xml(root, shape)

    def _read_xml(self, node, shape):
        if shape.type_name != 'structure':
            return scalars.from_text(node.text or '', shape, _local_name(node))
        by_wire_name = {}
        for name, member in shape.members.items():
            is_flat = member.type_name == 'list' and member.serialization.get('flattened')
            fallback = member.member.serialization.get('name', name) if is_flat else name
            by_wire_name[member.serialization.get('name', fallback)] = (name, member)
        result = {}
        for child in node:
            if _local_name(child) not in by_wire_name:
                raise malformed_xml()
            name, member = by_wire_name[_local_name(child)]
            if member.type_name == 'list' and member.serialization.get('flattened'):
                result.setdefault(name, []).append(self._read_xml(child, member.member))
            elif name in result:
                raise malformed_xml()
            elif member.type_name == 'list':
                result[name] = [self._read_xml(item, member.member) for item in child]
            else:
                result[name] = self._read_xml(child, member)
        return result

    def read_members(self, request, shape, body_members):
        raise ServiceError('NotImplemented', 'Bodies without a payload member', 501)

    def write_body(self, operation, shape, payload, in_body):
        if payload:
            return b'', ''
        if not any('location' not in member.serialization for member in shape.members.values()):
            return b'', ''
        name = XML_ROOTS.get(operation.name, f'{operation.name}Result')
        located = [member for member, value in shape.members.items() if 'location' in value.serialization
                   and value.serialization['location'] in ('header', 'headers', 'statusCode')]
        inner = xml_out.members_of(in_body, shape, skip=located)
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{self.NAMESPACE}">{inner}</{name}>'
        return text.encode(), 'application/xml'

    @staticmethod
    def request_id_header(request_id):
        return 'x-amz-request-id', request_id

    def render_error(self, error, request_id, request):
        headers = [('Content-Type', 'application/xml'), self.request_id_header(request_id)]
        if request.method == 'HEAD' or error.status == 304:
            return Response(error.status, headers, b'')
        further = ''.join(f'<{name}>{escape(str(value))}</{name}>' for name, value in error.members.items())
        return Response(error.status, headers, (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{further}'
            f'<Resource>{escape(request.path)}</Resource><RequestId>{request_id}</RequestId></Error>').encode())

    def refuse_shape(self, problem):
        return ServiceError('InvalidArgument', problem.sentence(), 400, {'ArgumentName': problem.where})


XML_ROOTS = {
    'ListObjectsV2': 'ListBucketResult', 'CreateMultipartUpload': 'InitiateMultipartUploadResult',
    'DeleteObjects': 'DeleteResult', 'ListBuckets': 'ListAllMyBucketsResult',
}


def _check_integrity(request):
    """Of operations that change much by a small document."""
    md5 = request.header('content-md5')
    sha256 = request.header('x-amz-checksum-sha256')
    if md5 is None and sha256 is None:
        raise ServiceError('InvalidRequest',
                           'Missing required header for this request: Content-MD5 OR x-amz-checksum-*')
    if md5 is not None and md5 != base64.b64encode(request.body.md5()).decode():
        raise ServiceError('BadDigest', 'The Content-MD5 you specified did not match what we received.')
    if sha256 is not None and sha256 != base64.b64encode(bytes.fromhex(request.body.sha256)).decode():
        raise ServiceError('BadDigest', 'The SHA256 you specified did not match the calculated checksum.')


def malformed_xml():
    return ServiceError('MalformedXML', 'The XML you provided was not well-formed or did not validate against our '
                        'published schema', 400)


def _local_name(node):
    return node.tag.rpartition('}')[2]
