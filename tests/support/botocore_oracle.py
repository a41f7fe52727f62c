#!/usr/bin/env python3
"""What botocore makes of the same input: signatures ("sign") and requests ("serialise").

Reads a JSON list of cases from the file that is named second, writes a JSON list of results.
"""
import json
import sys
from types import SimpleNamespace

import botocore.session
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.serialize import create_serializer


def sign(case):
    request = AWSRequest(method=case["method"], url=case["url"], data=bytes.fromhex(case["body"]))
    for name, value in case["headers"]:
        request.headers.add_header(name, value)
    request.context.update(timestamp=case["time"], payload_signing_enabled=not case["unsigned"],
                           client_config=SimpleNamespace(s3={"payload_signing_enabled": not case["unsigned"]}))
    credentials = Credentials(case["id"], case["secret"], case["token"] or None)
    auth = (S3SigV4Auth if case["service"] == "s3" else SigV4Auth)(credentials, case["service"], case["region"])
    # As add_auth() does, but with the time of the case.
    auth._modify_request_before_signing(request)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(to_sign, request))
    return {name.lower(): value for name, value in request.headers.items()}


def serialise(case):
    model = botocore.session.Session().get_service_model(case["service"])
    serializer = create_serializer(model.metadata["protocol"])
    parameters = {name: bytes.fromhex(value["hex"]) if isinstance(value, dict) and "hex" in value else value
                  for name, value in case["parameters"].items()}
    request = serializer.serialize_to_request(parameters, model.operation_model(case["operation"]))
    body = request["body"]
    if isinstance(body, (dict, list)):
        text = sorted([name, str(value)] for name, value in dict(body).items())
    else:
        text = (body if isinstance(body, bytes) else body.encode()).hex()
    query = request["query_string"]
    return {"method": request["method"], "path": request["url_path"],
            "query": sorted([name, str(value)] for name, value in (query.items() if query else [])),
            "headers": {name.lower(): str(value) for name, value in request["headers"].items()}, "body": text}


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = json.load(file)
    json.dump([{"sign": sign, "serialise": serialise}[sys.argv[1]](case) for case in cases], sys.stdout)


main()
