"""A user signs in: before, after, and what his tokens say.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
"""

from __future__ import annotations

from typing import Any

from dayfly.companions.user_pools import challenges
from dayfly.companions.user_pools.call import Call, Found
from dayfly.companions.user_pools.migration import migrate
from dayfly.companions.user_pools.tokens import shape
from dayfly.companions.user_pools.triggers import function_of

_WITH_PASSWORD = ("USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")
_REFRESHING = ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")


async def initiate_auth(call: Call) -> dict[str, Any]:
    """InitiateAuth and AdminInitiateAuth."""
    flow, given = call.params.get("AuthFlow"), call.params.get("AuthParameters") or {}
    if flow in _REFRESHING:
        found = await call.find(refresh=str(given.get("REFRESH_TOKEN") or ""))
        return await finished(call, found, await call.forward(), "RefreshTokens", None)
    name = str(given.get("USERNAME") or "")
    found = await call.find(name)
    if found is not None and found.user is None and flow in _WITH_PASSWORD:
        found = await migrate(call, found, name, str(given.get("PASSWORD") or "")) or found
    if found is not None and (found.user is not None or found.hides_absence):
        await _before(call, found, name)
    if flow == "CUSTOM_AUTH" and found is not None:
        answer = await challenges.begin(call, found, name)
    else:
        answer = await call.forward()
    # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html: the client's
    # metadata of this request goes to what runs before, not to what runs after.
    return await finished(call, found, answer, "Authentication", None)


async def respond_to_auth_challenge(call: Call) -> dict[str, Any]:
    """RespondToAuthChallenge and AdminRespondToAuthChallenge."""
    given = call.params.get("ChallengeResponses") or {}
    challenge, session = call.params.get("ChallengeName"), str(call.params.get("Session") or "")
    if challenge == "PASSWORD_VERIFIER":
        session = str(given.get("PASSWORD_CLAIM_SECRET_BLOCK") or session)
    name = str(given.get("USERNAME") or "")
    found = await call.find(name, session=session)
    if found is not None and challenge == challenges.NAME:
        answer = await challenges.answered(call, found, session, str(given.get("ANSWER") or ""))
    else:
        answer = await call.forward()
    source = "NewPasswordChallenge" if challenge == "NEW_PASSWORD_REQUIRED" else "Authentication"
    return await finished(call, found, answer, source, call.metadata)


async def finished(
    call: Call, found: Found | None, answer: dict[str, Any], source: str, metadata: dict[str, str] | None
) -> dict[str, Any]:
    """Where the answer has tokens: tell the PostAuthentication function, and have the tokens shaped.

    They are made by now, but nobody has seen them: a function that refuses keeps them from the user.
    """
    if found is None or found.user is None or not answer.get("AuthenticationResult"):
        return answer
    if not function_of(found, "PostAuthentication") and not function_of(found, "PreTokenGeneration"):
        return answer
    user = await call.existing(found, found.user.username)
    if source != "RefreshTokens":
        request = {"userAttributes": user.shown, "newDeviceUsed": False, "clientMetadata": metadata}
        await call.desk.triggers.ask(found, "PostAuthentication", "Authentication", user.username, request)
    return await shape(call, found, user, answer, source, metadata)


async def _before(call: Call, found: Found, name: str) -> None:
    user = found.user
    request = {
        "userAttributes": user.shown if user else {},
        "validationData": call.metadata or {},
        "userNotFound": (user is None) if found.hides_absence else None,
    }
    user_name = user.username if user else name
    await call.desk.triggers.ask(found, "PreAuthentication", "Authentication", user_name, request)
