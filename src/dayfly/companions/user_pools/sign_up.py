"""A user signs up, is created by an administrator, is confirmed.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
"""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Call, Found, User, named
from dayfly.companions.user_pools.triggers import unrecognizable

_ASKED = {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}


async def sign_up(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name, password=str(call.params.get("Password") or ""))
    if found is None or found.user is not None or not found.password_fits:
        return await call.forward()  # the companion says what is wrong; no function hears of it
    if (found.pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly") is True:
        raise Refused("NotAuthorizedException", "SignUp is not permitted for this user pool", 400)
    sub = call.desk.ids.uuid()
    attributes = attributes_of(found, call)
    said = await _may_sign_up(call, found, "SignUp", sub, attributes)
    verify = [
        attribute
        for attribute, key in (("email", "autoVerifyEmail"), ("phone_number", "autoVerifyPhone"))
        if said.get(key) is True
    ]
    if any(not attributes.get(attribute) for attribute in verify):
        raise unrecognizable()
    confirmed = said.get("autoConfirmUser") is True
    decided: dict[str, Any] = {"sub": sub, "verify": verify}
    answer = await call.forward(**decided, status="CONFIRMED" if confirmed else "")
    answer.pop("CodeDeliveryDetails", None)
    user = await call.existing(found, name)
    if confirmed:
        await confirmed_by(call, found, user, "ConfirmSignUp")
        return {**answer, "UserConfirmed": True}
    attribute = to_verify(found, user)
    if attribute:
        answer["CodeDeliveryDetails"] = await _send_code(call, found, user, "SignUp", attribute)
    return answer


async def admin_create_user(call: Call) -> dict[str, Any]:
    params, name = dict(call.params), str(call.params.get("Username") or "")
    found = await call.find(name)
    resent = params.get("MessageAction") == "RESEND"
    if found is None or (found.user is not None) != resent:
        return await call.forward()
    sub = call.desk.ids.uuid()
    if not resent:
        await _may_sign_up(call, found, "AdminCreateUser", sub, attributes_of(found, call))
    # Made here and not by the companion, so that it can be both mailed and repeated.
    password = params["TemporaryPassword"] = params.get("TemporaryPassword") or _password(call)
    answer = await call.forward(params, sub="" if resent else sub)
    user = await call.existing(found, name)
    if params.get("MessageAction") != "SUPPRESS":
        # AWS's default is SMS; a user without a telephone is written to all the same.
        media = params.get("DesiredDeliveryMediums") or (["SMS"] if user.attributes.get("phone_number") else ["EMAIL"])
        for medium, attribute in (("EMAIL", "email"), ("SMS", "phone_number")):
            if medium in media and user.attributes.get(attribute):
                await call.desk.letters.write(
                    found, user, "AdminCreateUser", attribute, password, name=name, metadata=call.metadata
                )
    return answer


async def confirm_sign_up(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name)
    if found is None or found.user is None:
        return await call.forward()
    _check_unconfirmed(found.user)
    code = await call.desk.codes.check(found, found.user, "sign-up", str(call.params.get("ConfirmationCode") or ""))
    answer = await call.forward(verify=[code.attribute])
    await call.desk.codes.used(found, found.user, "sign-up")
    await confirmed_by(call, found, await call.existing(found, name), "ConfirmSignUp")
    return answer


async def admin_confirm_sign_up(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name)
    if found is None or found.user is None:
        return await call.forward()
    _check_unconfirmed(found.user)
    answer = await call.forward()
    await confirmed_by(call, found, await call.existing(found, name), "ConfirmSignUp")
    return answer


async def resend_confirmation_code(call: Call) -> dict[str, Any]:
    name = str(call.params.get("Username") or "")
    found = await call.find(name)
    if found is None:
        text = f"User pool client {call.params.get('ClientId')} does not exist."
        raise Refused("ResourceNotFoundException", text, 400)
    if found.user is None:
        raise Refused("UserNotFoundException", "Username/client id combination not found.", 400)
    if found.user.status != "UNCONFIRMED":
        raise Refused("InvalidParameterException", "User is already confirmed.", 400)
    attribute = to_verify(found, found.user)
    if not attribute:
        raise Refused("InvalidParameterException", "Cannot resend codes. Auto verification not turned on.", 400)
    return {"CodeDeliveryDetails": await _send_code(call, found, found.user, "ResendCode", attribute)}


async def confirmed_by(call: Call, found: Found, user: User, source: str) -> None:
    """Tell the PostConfirmation function; the user stays confirmed even if it fails."""
    request = {"userAttributes": user.shown, "clientMetadata": call.metadata}
    await call.desk.triggers.ask(found, "PostConfirmation", source, user.username, request)


def to_verify(found: Found, user: User) -> str:
    """Which attribute a code is sent to: the telephone before the mail; '' where the pool verifies none he has.

    https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html
    """
    wanted = (one for one in ("phone_number", "email") if found.verifies(one) and user.attributes.get(one))
    return next(wanted, "")


def attributes_of(found: Found, call: Call) -> dict[str, str]:
    """The attributes that somebody new is given, with the one that is his name."""
    given, name = named(call.params.get("UserAttributes")), str(call.params.get("Username") or "")
    kind = "email" if "@" in name else "phone_number"
    return {**given, kind: name} if found.named_by(kind) else given


async def _may_sign_up(call: Call, found: Found, source: str, sub: str, attributes: dict[str, str]) -> dict[str, Any]:
    name = sub if found.named_by("email", "phone_number") else str(call.params.get("Username") or "")
    request = {
        "userAttributes": attributes,
        "validationData": named(call.params.get("ValidationData")),
        "clientMetadata": call.metadata,
    }
    return await call.desk.triggers.ask(found, "PreSignUp", source, name, request, _ASKED) or {}


async def _send_code(call: Call, found: Found, user: User, source: str, attribute: str) -> dict[str, str]:
    code = await call.desk.codes.make(found, user, "sign-up", attribute)
    name, metadata = str(call.params.get("Username") or user.username), call.metadata
    return await call.desk.letters.write(found, user, source, attribute, code, name=name, metadata=metadata)


def _check_unconfirmed(user: User) -> None:
    if user.status != "UNCONFIRMED":
        text = f"User cannot be confirmed. Current status is {user.status}"
        raise Refused("NotAuthorizedException", text, 400)


def _password(call: Call) -> str:
    """One that every usual policy takes: letters of both kinds, digits and a sign."""
    digits = f"{int(call.desk.ids.fraction() * 100):02d}"
    return f"{call.desk.ids.token(12).capitalize()}{digits}!x"
