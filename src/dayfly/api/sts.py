"""STS: who am I, and temporary keys. https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html

Trust policies are not enforced yet: any role's ARN is assumed, whether the role is stored or not, in its account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dayfly.api import Fault, Params, Refused
from dayfly.errors import Error
from dayfly.identity import Caller, assumed_role, parse_arn
from dayfly.identity.keys import Issuer, Temporary
from dayfly.identity.names import InvalidArn
from dayfly.identity.roles import Roles


class Sts:
    service: ClassVar[str] = "sts"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {}

    def __init__(self, *, issuer: Issuer, roles: Roles) -> None:
        self._issuer = issuer
        self._roles = roles

    async def get_caller_identity(self, caller: Caller, params: Params) -> Params:
        key = caller.access_key_id
        # In `dayfly dev` the functions of an account share one key: whose call it is, the token says.
        principal = self._issuer.principal_of(key) or self._issuer.named_in(key, caller.session_token) or ""
        user_id = self._user_id(principal)
        if user_id is None:
            return {"UserId": caller.scope.account, "Account": caller.scope.account, "Arn": caller.arn}
        return {"UserId": user_id, "Account": caller.scope.account, "Arn": principal}

    def _user_id(self, principal: str) -> str | None:
        """`{role id}:{session}` of an assumed role; None for whatever else a key may have been made for."""
        try:
            found = parse_arn(principal)
        except InvalidArn:
            return None
        kind, _, rest = found.resource.partition("/")
        role, slash, session = rest.partition("/")
        if found.service != "sts" or kind != "assumed-role" or not slash:
            return None
        return f"{self._roles.id_of(found.account, role)}:{session}"

    async def assume_role(self, caller: Caller, params: Params) -> Params:
        try:
            role = parse_arn(params["RoleArn"])
        except InvalidArn as error:
            raise Refused("ValidationError", f"{params['RoleArn']} is invalid") from error
        if role.service != "iam" or not role.account.isdecimal() or len(role.account) != 12:
            raise Refused("ValidationError", f"{params['RoleArn']} is invalid")
        session, name = params["RoleSessionName"], role.resource.rpartition("/")[2]
        arn = assumed_role(role.account, name, session, role.partition)
        key = self._issuer.temporary(role.account, arn, params.get("DurationSeconds", 3600))
        user = {"AssumedRoleId": f"{self._roles.id_of(role.account, name)}:{session}", "Arn": arn}
        return {"Credentials": _credentials(key), "AssumedRoleUser": user}

    async def get_session_token(self, caller: Caller, params: Params) -> Params:
        duration_s = params.get("DurationSeconds", 43_200)
        return {"Credentials": _credentials(self._issuer.temporary(caller.scope.account, caller.arn, duration_s))}


def _credentials(key: Temporary) -> Params:
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
        "Expiration": key.expires_ms // 1000,
    }
