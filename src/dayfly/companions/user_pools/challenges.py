"""Signing in by questions that functions ask: CUSTOM_AUTH.

Define says what is next, Create makes the question, Verify judges the answer, and round again. What has been asked and
answered lives in memory, for the few minutes that a session lasts.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Call, Found
from dayfly.companions.user_pools.triggers import function_of, unrecognizable

NAME = "CUSTOM_CHALLENGE"
_LASTS_MS = 180_000
"""https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
(AuthSessionValidity)"""
_WRONG = "Incorrect username or password."


class Session(msgspec.Struct, kw_only=True):
    client: str
    sub: str
    """Whose it is; '' where there is no such user and the client is not told."""
    name: str
    """As the user gave it."""
    answered: list[dict[str, Any]] = []
    private: dict[str, Any] = {}
    metadata: str | None = None
    until_ms: int


class Sessions(dict[str, Session]):
    """Those that go on, by the text that the client has of them."""

    def keep(self, key: str, session: Session, now_ms: int) -> None:
        for old in [one for one, kept in self.items() if kept.until_ms <= now_ms]:
            del self[old]
        self[key] = session


async def begin(call: Call, found: Found, name: str) -> dict[str, Any]:
    """The first question, or tokens at once. Raises Refused."""
    for trigger in ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"):
        if not function_of(found, trigger):
            text = "Custom auth lambda trigger is not configured for the user pool."
            raise Refused("InvalidUserPoolConfigurationException", text, 400)
    user = found.user
    if user is None and not found.hides_absence:
        raise Refused("UserNotFoundException", "User does not exist.", 400)
    if user is not None and not user.enabled:
        raise Refused("NotAuthorizedException", "User is disabled.", 400)
    if user is not None and user.status == "UNCONFIRMED":
        raise Refused("UserNotConfirmedException", "User is not confirmed.", 400)
    if (call.params.get("AuthParameters") or {}).get("SRP_A"):
        text = "dayfly cannot begin CUSTOM_AUTH with SRP_A yet"
        raise Refused("InvalidParameterException", text, 400)
    return await _next(
        call, found, Session(client=found.client_id, sub=user.sub if user else "", name=name, until_ms=0), None
    )


async def answered(call: Call, found: Found, key: str, answer: str) -> dict[str, Any]:
    """What follows from an answer: tokens, or another question. Raises Refused."""
    session = call.desk.sessions.pop(key, None)
    theirs = (found.client_id, found.user.sub if found.user else "")
    if session is None or (session.client, session.sub) != theirs or session.until_ms <= call.desk.clock.now_ms():
        raise Refused("NotAuthorizedException", "Invalid session for the user.", 400)
    request = {
        **_about(found, call.metadata),
        "privateChallengeParameters": session.private,
        "challengeAnswer": answer,
    }
    said = await _ask(call, found, "VerifyAuthChallengeResponse", session, request, {"answerCorrect": None})
    session.answered.append(
        {
            "challengeName": NAME,
            "challengeResult": said.get("answerCorrect") is True,
            "challengeMetadata": session.metadata,
        }
    )
    return await _next(call, found, session, call.metadata)


async def _next(call: Call, found: Found, session: Session, metadata: dict[str, str] | None) -> dict[str, Any]:
    about = _about(found, metadata) | {"session": session.answered}
    asked = {"challengeName": None, "issueTokens": None, "failAuthentication": None}
    said = await _ask(call, found, "DefineAuthChallenge", session, about, asked)
    if said.get("failAuthentication") is True:
        raise Refused("NotAuthorizedException", _WRONG, 400)
    if said.get("issueTokens") is True:
        if found.user is None:
            raise Refused("NotAuthorizedException", _WRONG, 400)
        issue = {"pool": found.id, "client": found.client_id, "username": found.user.username}
        return await call.tell("IssueTokens", issue=issue)
    if not said.get("challengeName"):
        raise unrecognizable()
    if said["challengeName"] != NAME:
        text = f"dayfly cannot continue CUSTOM_AUTH with {said['challengeName']} yet, only with {NAME}"
        raise Refused("InvalidLambdaResponseException", text, 400)
    asked = {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None}
    made = await _ask(call, found, "CreateAuthChallenge", session, {**about, "challengeName": NAME}, asked)
    session.private = made.get("privateChallengeParameters") or {}
    session.metadata = made.get("challengeMetadata")
    now_ms = call.desk.clock.now_ms()
    session.until_ms = now_ms + int(found.client.get("AuthSessionValidity") or 0) * 60_000 or now_ms + _LASTS_MS
    key = call.desk.ids.uuid() + call.desk.ids.uuid()
    call.desk.sessions.keep(key, session, now_ms)
    shown = {str(name): str(value) for name, value in (made.get("publicChallengeParameters") or {}).items()}
    return {
        "ChallengeName": NAME,
        "Session": key,
        "ChallengeParameters": {"USERNAME": found.user.username if found.user else session.name, **shown},
    }


def _about(found: Found, metadata: dict[str, str] | None) -> dict[str, Any]:
    return {
        "userAttributes": found.user.shown if found.user else {},
        "userNotFound": (found.user is None) if found.hides_absence else None,
        "clientMetadata": metadata,
    }


async def _ask(
    call: Call, found: Found, trigger: str, session: Session, request: dict[str, Any], asked: dict[str, Any]
) -> dict[str, Any]:
    name = found.user.username if found.user else session.name
    return await call.desk.triggers.ask(found, trigger, "Authentication", name, request, asked) or {}
