"""What the PreTokenGeneration function says about the claims of tokens.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dayfly.companions.user_pools.call import Call, Found, User

_FIXED = frozenset({
    "acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "identities", "iss", "jti", "nbf", "nonce", "origin_jti",
    "sub", "token_use",
})  # fmt: skip
_FIXED_OF = {
    "IdToken": _FIXED | {"aud", "cognito:username"},
    "AccessToken": _FIXED | {"client_id", "device_key", "event_id", "scope", "username", "version"},
}
"""Claims that no function changes."""


async def shape(
    call: Call, found: Found, user: User, answer: dict[str, Any], source: str, metadata: dict[str, str] | None
) -> dict[str, Any]:
    """The answer with tokens as the function wants them. Raises Refused."""
    result: dict[str, Any] = answer["AuthenticationResult"]
    tokens = {name: str(result[name]) for name in ("IdToken", "AccessToken") if result.get(name)}
    configured = (found.pool.get("LambdaConfig") or {}).get("PreTokenGenerationConfig") or {}
    version = str(configured.get("LambdaVersion") or "V1_0")[1:2]
    scopes = str(_payload(tokens.get("AccessToken", "")).get("scope") or "").split()
    groups = {
        "groupsToOverride": user.groups,
        "iamRolesToOverride": user.roles,
        "preferredRole": user.roles[0] if user.roles else None,
    }
    request = {
        "userAttributes": user.shown,
        "groupConfiguration": groups,
        "scopes": scopes if version != "1" else None,
        "clientMetadata": metadata,
    }
    member = "claimsOverrideDetails" if version == "1" else "claimsAndScopeOverrideDetails"
    named = f"TokenGeneration_{source}"
    said = await call.desk.triggers.ask(
        found, "PreTokenGeneration", named, user.username, request, {member: None}, version=version
    )
    details = (said or {}).get(member)
    if not isinstance(details, dict) or not details:
        return answer
    by_token = {"IdToken": details} if version == "1" else {
        "IdToken": details.get("idTokenGeneration") or {},
        "AccessToken": details.get("accessTokenGeneration") or {},
    }  # fmt: skip
    claims = {name: _claims(name, by_token.get(name) or {}, details, scopes) for name in tokens}
    if any(one["set"] or one["drop"] for one in claims.values()):
        result |= await call.tell("ShapeTokens", shape={"pool": found.id, "tokens": tokens, "claims": claims})
    return answer


def _claims(
    token: str, wanted: Mapping[str, Any], details: Mapping[str, Any], scopes: list[str]
) -> dict[str, dict[str, Any] | list[str]]:
    """What to `set` and to `drop`."""
    fixed = _FIXED_OF[token]
    given: dict[str, Any] = {
        name: value
        for name, value in (wanted.get("claimsToAddOrOverride") or {}).items()
        if name not in fixed and not name.startswith("dev:")
    }
    dropped = [name for name in _texts(wanted.get("claimsToSuppress")) if name not in fixed]
    if "groupOverrideDetails" in details:
        # Present but empty means no groups; absent, they stay as they are.
        groups = details["groupOverrideDetails"] or {}
        named: dict[str, Any] = {"cognito:groups": list(_texts(groups.get("groupsToOverride")))}
        if token == "IdToken":
            named["cognito:roles"] = list(_texts(groups.get("iamRolesToOverride")))
            named["cognito:preferred_role"] = groups.get("preferredRole")
        given |= {name: value for name, value in named.items() if value}
        dropped += [name for name, value in named.items() if not value]
    if token == "AccessToken":
        without = set(_texts(wanted.get("scopesToSuppress")))
        kept = [one for one in [*scopes, *_texts(wanted.get("scopesToAdd"))] if one not in without]
        if kept != scopes:
            given["scope"] = " ".join(dict.fromkeys(kept))
    return {"set": given, "drop": [name for name in dropped if name not in given or name in _suppressed(wanted)]}


def _suppressed(wanted: Mapping[str, Any]) -> set[str]:
    """A claim that is both added and suppressed is suppressed."""
    return set(_texts(wanted.get("claimsToSuppress")))


def _texts(value: Any) -> Iterable[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1] if token.count(".") == 2 else ""
    return dict(msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)) or b"{}"))
