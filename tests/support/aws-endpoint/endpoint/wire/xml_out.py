"""Results as XML, as EC2, the query protocol and REST-XML write them."""

from xml.sax.saxutils import escape

from endpoint.wire.scalars import to_text


def members_of(value, shape, skip=()):
    """The elements of a structure's members, in the order of the model."""
    return ''.join(
        element(member.serialization.get('name', name), value[name], member)
        for name, member in shape.members.items()
        if name not in skip and value.get(name) is not None)


def element(name, value, shape):
    if shape.type_name == 'structure':
        return f'<{name}>{members_of(value, shape)}</{name}>'
    if shape.type_name == 'list':
        return _list(name, value, shape)
    return f'<{name}>{escape(to_text(value, shape))}</{name}>'


def _list(name, value, shape):
    if shape.serialization.get('flattened'):
        return ''.join(element(shape.member.serialization.get('name', name), item, shape.member) for item in value)
    item_name = shape.member.serialization.get('name', 'member')
    return f'<{name}>{"".join(element(item_name, item, shape.member) for item in value)}</{name}>'
