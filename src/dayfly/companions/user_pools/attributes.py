"""A user's mail or telephone changes: a code proves that the new one is his, too.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-email-phone-verification.html
"""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Call, Found, User, named
from dayfly.companions.user_pools.codes import Purpose

_PURPOSE: dict[str, Purpose] = {"email": "email", "phone_number": "phone_number"}


async def update_user_attributes(call: Call) -> dict[str, Any]:
    """UpdateUserAttributes and AdminUpdateUserAttributes."""
    found = await _found(call)
    if found is None or found.user is None:
        return await call.forward()
    given, before = named(call.params.get("UserAttributes")), found.user.attributes
    changed = [one for one in _PURPOSE if given.get(one) and given[one] != before.get(one)]
    # Only an administrator may say that it is verified already.
    unproven = [one for one in changed if not (call.by_admin and given.get(f"{one}_verified") == "true")]
    attributes = [*call.params["UserAttributes"], *({"Name": f"{one}_verified", "Value": "false"} for one in unproven)]
    answer = await call.forward({**call.params, "UserAttributes": attributes})
    user = await call.existing(found, found.user.username)
    sent = [await _send_code(call, found, user, "UpdateUserAttribute", one) for one in unproven if found.verifies(one)]
    return {**answer, "CodeDeliveryDetailsList": sent} if sent and not call.by_admin else answer


async def get_user_attribute_verification_code(call: Call) -> dict[str, Any]:
    found, user = await _by_token(call)
    name = str(call.params.get("AttributeName") or "")
    if name not in _PURPOSE or not user.attributes.get(name):
        raise Refused("InvalidParameterException", f"User does not have the attribute {name} to verify.", 400)
    return {"CodeDeliveryDetails": await _send_code(call, found, user, "VerifyUserAttribute", name)}


async def verify_user_attribute(call: Call) -> dict[str, Any]:
    found, user = await _by_token(call)
    name = str(call.params.get("AttributeName") or "")
    if name not in _PURPOSE:
        raise Refused("InvalidParameterException", f"The attribute {name} cannot be verified.", 400)
    await call.desk.codes.check(found, user, _PURPOSE[name], str(call.params.get("Code") or ""))
    verified = {"Username": user.username, "UserAttributes": [{"Name": f"{name}_verified", "Value": "true"}]}
    await call.administer(found, "AdminUpdateUserAttributes", verified)
    await call.desk.codes.used(found, user, _PURPOSE[name])
    return {}


async def _found(call: Call) -> Found | None:
    if call.by_admin:
        return await call.find(str(call.params.get("Username") or ""))
    return await call.find(token=str(call.params.get("AccessToken") or ""))


async def _by_token(call: Call) -> tuple[Found, User]:
    found = await _found(call)
    if found is None or found.user is None:
        raise Refused("NotAuthorizedException", "Invalid Access Token", 400)
    return found, found.user


async def _send_code(call: Call, found: Found, user: User, source: str, attribute: str) -> dict[str, str]:
    code = await call.desk.codes.make(found, user, _PURPOSE[attribute], attribute)
    return await call.desk.letters.write(
        found, user, source, attribute, code, name=user.username, metadata=call.metadata
    )
