"""What a service answers when it refuses a request."""


class ServiceError(Exception):
    """An error as the service names it; the protocol decides how it looks on the wire.

    `members` are the further members of the error's shape (EBS: Reason). `by_gateway` marks errors that come from the
    common front of a service and not from its model: their type carries a namespace on the wire.
    """

    def __init__(self, code, message, status=400, members=None, by_gateway=False):
        super().__init__(f'{code}: {message}')
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}
        self.by_gateway = by_gateway


class ShapeProblem(Exception):
    """A request that does not fit the service's model.

    `kind`: unknown, missing, type, enum, range, length or pattern. `where`: the parameter as the client names it.
    """

    def __init__(self, kind, where, value=None, detail=''):
        super().__init__(f'{kind} {where} {value!r} {detail}')
        self.kind = kind
        self.where = where
        self.value = value
        self.detail = detail

    def sentence(self):
        return {
            'unknown': f"The parameter '{self.where}' is not recognized",
            'missing': f"Value null at '{self.where}' failed to satisfy constraint: Member must not be null",
        }.get(self.kind, f"Value '{self.value}' at '{self.where}' failed to satisfy constraint: {self.detail}")
