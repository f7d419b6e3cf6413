"""STS: who am I, and temporary keys. https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html

Trust policies are not enforced yet: any role's ARN is assumed, whether the role is stored or not, in its account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dayfly.api import Fault, Params, Refused
from dayfly.errors import Error
from dayfly.identity import Caller, parse_arn
from dayfly.identity.keys import Issuer, Temporary
from dayfly.identity.names import InvalidArn

_REMEMBERED = 10_000


class Sts:
    service: ClassVar[str] = "sts"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {}

    def __init__(self, *, issuer: Issuer) -> None:
        self._issuer = issuer
        # Who a temporary key stands for; forgotten at a restart, when its caller is shown as the account's root.
        self._principals: dict[str, tuple[str, str]] = {}

    async def get_caller_identity(self, caller: Caller, params: Params) -> Params:
        arn, user_id = self._principals.get(caller.access_key_id, (caller.arn, caller.scope.account))
        return {"UserId": user_id, "Account": caller.scope.account, "Arn": arn}

    async def assume_role(self, caller: Caller, params: Params) -> Params:
        try:
            role = parse_arn(params["RoleArn"])
        except InvalidArn as error:
            raise Refused("ValidationError", f"{params['RoleArn']} is invalid") from error
        if role.service != "iam" or not role.account.isdecimal() or len(role.account) != 12:
            raise Refused("ValidationError", f"{params['RoleArn']} is invalid")
        session, name = params["RoleSessionName"], role.resource.rpartition("/")[2]
        arn = f"arn:{role.partition}:sts::{role.account}:assumed-role/{name}/{session}"
        key = self._issuer.temporary(role.account, arn, params.get("DurationSeconds", 3600))
        user_id = f"AROA{key.access_key_id[4:]}:{session}"
        self._remember(key, arn, user_id)
        return {"Credentials": _credentials(key), "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn}}

    async def get_session_token(self, caller: Caller, params: Params) -> Params:
        duration_s = params.get("DurationSeconds", 43_200)
        return {"Credentials": _credentials(self._issuer.temporary(caller.scope.account, caller.arn, duration_s))}

    def _remember(self, key: Temporary, arn: str, user_id: str) -> None:
        if len(self._principals) >= _REMEMBERED:
            del self._principals[next(iter(self._principals))]
        self._principals[key.access_key_id] = (arn, user_id)


def _credentials(key: Temporary) -> Params:
    return {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
        "Expiration": key.expires_ms // 1000,
    }
