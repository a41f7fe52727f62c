"""The services' models: botocore's, with what they lack."""

import functools

import botocore.loaders
import botocore.model

from endpoint.wire.overlay import OVERLAYS

API_VERSIONS = {'ebs': '2019-11-02', 'ec2': '2016-11-15', 'ssm': '2014-11-06', 'sts': '2011-06-15', 's3': '2006-03-01'}


@functools.cache
def load_model(service):
    text = botocore.loaders.Loader().load_service_model(service, 'service-2', API_VERSIONS[service])
    OVERLAYS.get(service, lambda model: None)(text)
    return botocore.model.ServiceModel(text, service)
