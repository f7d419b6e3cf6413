"""User pools with functions and an inbox that a test plays.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("123123123123", "eu-central-1"), access_key_id="123123123123")
ARN = "arn:aws:lambda:eu-central-1:123123123123:function:{}"
PASSWORD = "Correct-horse-1"
ADA = "ada@example.com"
Handler = Callable[[dict[str, Any]], Any]


class World:
    """Companions with functions by the name of their trigger, and the mails that were posted."""

    def __init__(self, directory: Path, records: dict[str, bytes] | None = None) -> None:
        self.functions: dict[str, Handler] = {}
        self.events: list[dict[str, Any]] = []
        self.mails: list[dict[str, str]] = []
        self.pool, self.client = "", ""
        self.companions = Companions(
            journal=MemoryJournal({} if records is None else records),
            clock=SystemClock(),
            directory=directory,
            run=self._run,
            post=self._post,
        )
        self.companions.load()

    async def _run(self, scope: Scope, arn: str, event: bytes) -> tuple[bytes, bool]:
        assert scope == CALLER.scope
        trigger = arn.rpartition(":")[2]
        told = json.loads(event)
        self.events.append(told)
        try:
            return json.dumps(self.functions[trigger](told)).encode(), False
        except ValueError as error:
            return json.dumps({"errorType": "Error", "errorMessage": str(error)}).encode(), True

    async def _post(self, scope: Scope, sender: str, to: str, subject: str, html: str) -> None:
        assert scope == CALLER.scope
        self.mails.append({"from": sender, "to": to, "subject": subject, "html": html})

    async def do(self, operation: str, **params: Any) -> dict[str, Any]:
        of_client = ("SignUp", "ConfirmSignUp", "ForgotPassword", "ConfirmForgotPassword", "ResendConfirmationCode",
                     "InitiateAuth", "RespondToAuthChallenge")  # fmt: skip
        named = {"ClientId": self.client} if operation in of_client else {"UserPoolId": self.pool}
        if operation in ("AdminInitiateAuth", "AdminRespondToAuthChallenge"):
            named["ClientId"] = self.client
        return await self.companions.call(CALLER, "cognito-idp", operation, {**named, **params})

    async def make(self, client: dict[str, Any] | None = None, **pool: Any) -> None:
        """A pool that verifies mails, whose triggers are the functions that are there."""
        triggers = {name: ARN.format(name) for name in self.functions}
        wanted = {"PoolName": "people", "AutoVerifiedAttributes": ["email"], "LambdaConfig": triggers, **pool}
        made = await self.companions.call(CALLER, "cognito-idp", "CreateUserPool", wanted)
        self.pool = made["UserPool"]["Id"]
        of = {"UserPoolId": self.pool, "ClientName": "page", **(client or {})}
        made = await self.companions.call(CALLER, "cognito-idp", "CreateUserPoolClient", of)
        self.client = made["UserPoolClient"]["ClientId"]

    async def sign_up(self, name: str = "ada", **more: Any) -> dict[str, Any]:
        given = {"Password": PASSWORD, "UserAttributes": [{"Name": "email", "Value": ADA}], **more}
        return await self.do("SignUp", Username=name, **given)

    async def sign_in(self, name: str = "ada", password: str = PASSWORD, **more: Any) -> dict[str, Any]:
        given = {"USERNAME": name, "PASSWORD": password}
        return await self.do("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given, **more)

    async def known(self, name: str = "ada") -> None:
        """A confirmed user with a proven mail."""
        attributes = [{"Name": "email", "Value": ADA}, {"Name": "email_verified", "Value": "true"}]
        await self.do("AdminCreateUser", Username=name, MessageAction="SUPPRESS", UserAttributes=attributes)
        await self.do("AdminSetUserPassword", Username=name, Password=PASSWORD, Permanent=True)
        self.events.clear()

    async def user(self, name: str = "ada") -> tuple[str, dict[str, str]]:
        found = await self.do("AdminGetUser", Username=name)
        return found["UserStatus"], {one["Name"]: one["Value"] for one in found["UserAttributes"]}

    @property
    def sources(self) -> list[str]:
        return [event["triggerSource"] for event in self.events]

    def code(self) -> str:
        found = re.search(r"\d{6}", self.mails[-1]["html"])
        assert found is not None
        return found[0]


def answering(**response: Any) -> Handler:
    return lambda event: {**event, "response": {**event["response"], **response}}


def refusing(text: str) -> Handler:
    def handler(event: dict[str, Any]) -> Any:
        raise ValueError(text)

    return handler


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def refused(work: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.code, caught.value.message
