"""A user whom the pool does not know: the UserMigration function may know him from elsewhere.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
"""

from __future__ import annotations

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Call, Found
from dayfly.companions.user_pools.triggers import function_of

_ASKED = {
    "userAttributes": None,
    "finalUserStatus": None,
    "messageAction": None,
    "desiredDeliveryMediums": None,
    "forceAliasCreation": None,
}


async def migrate(call: Call, found: Found, name: str, password: str | None) -> Found | None:
    """The pool with the user, made as the function says; None where the pool has no such function. `password` is what
    he signs in with, None where he has forgotten it. Raises Refused."""
    if not function_of(found, "UserMigration") or not name:
        return None
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
    # (client metadata): signing in, it is called validation data.
    of_client = "validationData" if password is not None else "clientMetadata"
    source = "Authentication" if password is not None else "ForgotPassword"
    request = {"password": password, of_client: call.metadata}
    said = await call.desk.triggers.ask(found, "UserMigration", source, name, request, _ASKED) or {}
    attributes = said.get("userAttributes")
    if not isinstance(attributes, dict):
        text = f"Exception migrating user in app client {found.client_id}"
        raise Refused("UserNotFoundException", text, 400)
    attributes = {str(key): str(value) for key, value in attributes.items() if key not in ("sub", "username")}
    given = [{"Name": key, "Value": value} for key, value in attributes.items()]
    status = said.get("finalUserStatus") or ("" if password is not None else "RESET_REQUIRED")
    made = {
        "Username": name,
        "UserAttributes": given,
        "TemporaryPassword": password or call.desk.ids.token(24),
        "MessageAction": "SUPPRESS",
    }
    await call.administer(found, "AdminCreateUser", made, sub=call.desk.ids.uuid(), status=status)
    return await call.find(name)
