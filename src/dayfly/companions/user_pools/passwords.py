"""A forgotten password: a code by mail, and a new password for who tells it back.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ForgotPassword.html
"""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Call, Found, User
from dayfly.companions.user_pools.migration import migrate
from dayfly.companions.user_pools.sign_up import confirmed_by

_LEGACY = ("verified_phone_number", "verified_email")
"""https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AccountRecoverySettingType.html"""


async def forgot_password(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name)
    if found is not None and found.user is None:
        found = await migrate(call, found, name, None) or found
    if found is None or found.user is None:
        return await call.forward()
    user = found.user
    if not user.enabled:
        raise Refused("NotAuthorizedException", "User is disabled.", 400)
    if user.status == "FORCE_CHANGE_PASSWORD":
        raise Refused("NotAuthorizedException", "User password cannot be reset in the current state.", 400)
    return {"CodeDeliveryDetails": await _send_code(call, found, user, name)}


async def admin_reset_user_password(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    answer = await call.forward()
    found = await call.find(name)
    if found is not None and found.user is not None:
        await _send_code(call, found, found.user, name)
    return answer


async def confirm_forgot_password(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name, password=str(call.params.get("Password") or ""))
    if found is None or found.user is None:
        return await call.forward()
    if not found.password_fits:
        raise Refused("InvalidPasswordException", "Password does not conform to policy.", 400)
    user = found.user
    await call.desk.codes.check(found, user, "password", str(call.params.get("ConfirmationCode") or ""))
    answer = await call.forward(status="CONFIRMED" if user.status == "RESET_REQUIRED" else "")
    await call.desk.codes.used(found, user, "password")
    await confirmed_by(call, found, await call.existing(found, name), "ConfirmForgotPassword")
    return answer


async def _send_code(call: Call, found: Found, user: User, name: str) -> dict[str, str]:
    attribute = _recovery(found, user)
    code = await call.desk.codes.make(found, user, "password", attribute)
    return await call.desk.letters.write(
        found, user, "ForgotPassword", attribute, code, name=name, metadata=call.metadata
    )


def _recovery(found: Found, user: User) -> str:
    """Where a code may go to: the first way of the pool that the user has proved to own. Raises Refused."""
    ways = (found.pool.get("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or ()
    names = [str(one["Name"]) for one in sorted(ways, key=lambda one: int(one.get("Priority", 1)))] or list(_LEGACY)
    if names == ["admin_only"]:
        raise Refused("NotAuthorizedException", "Contact administrator to reset password.", 400)
    for name in names:
        attribute = name.removeprefix("verified_")
        if user.attributes.get(attribute) and user.attributes.get(f"{attribute}_verified") == "true":
            return attribute
    text = "Cannot reset password for the user as there is no registered/verified email or phone_number"
    raise Refused("InvalidParameterException", text, 400)
