"""Which operation of a REST service a method, a path and a query mean."""

import re
import urllib.parse


class Route:
    def __init__(self, operation):
        self.operation = operation
        path, _, query = operation.http['requestUri'].partition('?')
        self.method = operation.http['method']
        self.literals = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.pattern = re.compile(_pattern_of(path) + ('/?' if path == '/{Bucket}' else ''))
        self.required_query, self.required_headers = _required(operation.input_shape)

    def match(self, request):
        """The parameters in the path by their wire names, still percent-encoded; None where the route is another's."""
        if request.method != self.method:
            return None
        found = self.pattern.fullmatch(request.path)
        if found is None or any(request.query_value(name) != value for name, value in self.literals.items()):
            return None
        if any(request.query_value(name) is None for name in self.required_query):
            return None
        if any(request.header(name) is None for name in self.required_headers):
            return None
        return found.groupdict()

    def weight(self):
        return len(self.literals) + len(self.required_query) + len(self.required_headers)


def _pattern_of(path):
    parts = re.split(r'(\{[A-Za-z]+\+?\})', path)
    result = ''
    for part in parts:
        if part.endswith('+}'):
            result += f'(?P<{part[1:-2]}>.+)'
        elif part.startswith('{'):
            result += f'(?P<{part[1:-1]}>[^/]+)'
        else:
            result += re.escape(part)
    return result


def _required(shape):
    members = shape.members if shape else {}
    required = shape.required_members if shape else []
    located = [(members[name].serialization.get('location'), members[name].serialization.get('name', name))
               for name in required]
    # Only a copy is told from a put by a header; a missing header elsewhere is a missing parameter.
    return ([name for where, name in located if where == 'querystring'],
            [name for where, name in located if where == 'header' and name == 'x-amz-copy-source'])


class Router:
    """Ties (an object's PUT and its PUT ?acl) go to the route that asks for most, then to those served here."""

    def __init__(self, model, served):
        routes = [Route(model.operation_model(name)) for name in model.operation_names]
        self.routes = sorted(routes, key=lambda route: (-route.weight(), route.operation.name not in served))

    def find(self, request):
        for route in self.routes:
            path_parameters = route.match(request)
            if path_parameters is not None:
                return route, path_parameters
        return None, None
