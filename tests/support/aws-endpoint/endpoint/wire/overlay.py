"""What the services have and the models of botocore 1.29 (December 2022) lack."""

STRING = 'String'
BOOLEAN = 'Boolean'
IMAGE_OPERATION_RESULT = {
    'type': 'structure', 'members': {'Return': {'shape': BOOLEAN, 'locationName': 'return'}},
}


def add_members(model, shape, members):
    model['shapes'][shape]['members'].update(members)


def add_enum_values(model, shape, *values):
    known = model['shapes'][shape]['enum']
    known.extend(value for value in values if value not in known)


def add_image_operation(model, name, further_members=None):
    members = {'ImageId': {'shape': 'ImageId'}, 'DryRun': {'shape': BOOLEAN}}
    members.update(further_members or {})
    model['shapes'][f'{name}Request'] = {'type': 'structure', 'required': ['ImageId'], 'members': members}
    model['shapes'][f'{name}Result'] = IMAGE_OPERATION_RESULT
    model['operations'][name] = {
        'name': name,
        'http': {'method': 'POST', 'requestUri': '/'},
        'input': {'shape': f'{name}Request'},
        'output': {'shape': f'{name}Result'},
    }


def overlay_ec2(model):
    tag_specifications = {'TagSpecifications': {'shape': 'TagSpecificationList', 'locationName': 'TagSpecification'}}
    add_enum_values(model, 'BootModeValues', 'uefi-preferred')
    add_enum_values(model, 'ImageState', 'disabled')
    add_enum_values(model, 'ImageAttributeName', 'deregistrationProtection')
    add_members(model, 'RegisterImageRequest', tag_specifications)
    add_members(model, 'CopyImageRequest', tag_specifications)
    add_members(model, 'ModifyImageAttributeRequest', {'ImdsSupport': {'shape': 'AttributeValue'}})
    add_members(model, 'ImageAttribute', {
        'DeregistrationProtection': {'shape': 'AttributeValue', 'locationName': 'deregistrationProtection'}})
    add_members(model, 'Image', {
        'DeregistrationProtection': {'shape': STRING, 'locationName': 'deregistrationProtection'}})
    add_members(model, 'DeregisterImageRequest', {'DeleteAssociatedSnapshots': {'shape': BOOLEAN}})
    add_members(model, 'DescribeImagesRequest', {
        'IncludeDisabled': {'shape': BOOLEAN}, 'MaxResults': {'shape': 'Integer'}, 'NextToken': {'shape': STRING}})
    add_members(model, 'DescribeImagesResult', {'NextToken': {'shape': STRING, 'locationName': 'nextToken'}})
    add_image_operation(model, 'DisableImage')
    add_image_operation(model, 'EnableImage')
    add_image_operation(model, 'EnableImageDeregistrationProtection', {'WithCooldown': {'shape': BOOLEAN}})
    add_image_operation(model, 'DisableImageDeregistrationProtection')


def overlay_ebs(model):
    # The API reference: "up to 64 ASCII characters"; the model says 255.
    model['shapes']['IdempotencyToken'].update({'max': 64, 'pattern': r'^[\x21-\x7e]+$'})
    model['shapes']['VolumeSize']['max'] = 65536


def overlay_s3(model):
    add_members(model, 'PutObjectRequest', {
        'IfNoneMatch': {'shape': 'IfNoneMatch', 'location': 'header', 'locationName': 'If-None-Match'},
        'IfMatch': {'shape': 'IfMatch', 'location': 'header', 'locationName': 'If-Match'},
    })


OVERLAYS = {'ec2': overlay_ec2, 'ebs': overlay_ebs, 's3': overlay_s3}
