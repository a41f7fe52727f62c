"""STS: who am I, and credentials for a web identity."""

import re
import secrets

from endpoint.errors import ServiceError
from endpoint.state import Credential

ROLE = re.compile(r'arn:aws[a-z-]*:iam::(\d{12}):role/([\w+=,.@/-]+)')
DEFAULT_DURATION_S = 3600


def operations(world):
    service = Sts(world)
    return {'GetCallerIdentity': service.get_caller_identity,
            'AssumeRoleWithWebIdentity': service.assume_role_with_web_identity}


class Sts:
    def __init__(self, world):
        self.world = world

    def get_caller_identity(self, caller, _params):
        return {'UserId': caller.access_key, 'Account': caller.account, 'Arn': caller.principal}

    def assume_role_with_web_identity(self, _caller, params):
        role = ROLE.fullmatch(params['RoleArn'])
        if role is None:
            raise ServiceError('ValidationError', f"{params['RoleArn']} is invalid")
        with self.world.lock:
            identity = self.world.web_identities.get(params['WebIdentityToken'])
            if identity is None:
                raise ServiceError('InvalidIdentityToken', 'The ID Token provided is not a valid JWT.')
            if identity['expired']:
                raise ServiceError('ExpiredTokenException', 'Token expired: current date/time must be before the '
                                   'expiration date/time')
            if identity['role_arn'] != params['RoleArn']:
                raise ServiceError('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity', 403)
            credential = self._new_credential(role, params)
            self.world.add_credential(credential)
        return {
            'Credentials': {'AccessKeyId': credential.access_key, 'SecretAccessKey': credential.secret_key,
                            'SessionToken': credential.session_token, 'Expiration': credential.expires_at},
            'SubjectFromWebIdentityToken': 'test-subject', 'Provider': 'test-provider', 'Audience': 'sts.amazonaws.com',
            'AssumedRoleUser': {'Arn': credential.arn, 'AssumedRoleId': f"AROATEST:{params['RoleSessionName']}"}}

    def _new_credential(self, role, params):
        account, name = role.groups()
        duration = self.world.settings.assumed_role_expires_s or params.get('DurationSeconds', DEFAULT_DURATION_S)
        return Credential(
            'ASIA' + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), account, secrets.token_urlsafe(120),
            self.world.now() + duration,
            f"arn:aws:sts::{account}:assumed-role/{name.rpartition('/')[2]}/{params['RoleSessionName']}")
