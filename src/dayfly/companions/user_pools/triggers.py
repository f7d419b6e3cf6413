"""How a user pool asks a function, and what becomes of its answer.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import msgspec

from dayfly.api import Refused
from dayfly.companions.user_pools.call import Found
from dayfly.errors import NOT_JSON, Error
from dayfly.identity import Scope

_log = logging.getLogger("dayfly.user_pools")
LIMIT_S = 5.0
ATTEMPTS = 3
"""A function has five seconds; one that does not answer is asked three times in all."""
SENDERS = {"email": "CustomEmailSender", "phone_number": "CustomSMSSender"}
"""Triggers that dayfly does not run; `letters.py` says so where one would be."""


class Run(Protocol):
    def __call__(self, scope: Scope, arn: str, event: bytes, /) -> Awaitable[tuple[bytes, bool]]:
        """Run a function now: what it answered, and whether that is an error document. Raises errors.Error."""
        ...


class Triggers:
    def __init__(self, run: Run | None, *, limit_s: float = LIMIT_S) -> None:
        self._run = run
        self._limit_s = limit_s

    async def ask(
        self,
        found: Found,
        trigger: str,
        source: str,
        user_name: str,
        request: Mapping[str, Any],
        response: Mapping[str, Any] | None = None,
        *,
        version: str = "1",
    ) -> dict[str, Any] | None:
        """The `response` of the function that the pool names for this trigger; None where it names none.

        `source` is what comes after the underscore of AWS's `triggerSource` or, with one, the whole of it. Members of
        the request that are None are left out. Raises Refused as AWS does.
        """
        arn = function_of(found, trigger)
        if not arn:
            return None
        event = {
            "version": version,
            "region": found.region,
            "userPoolId": found.id,
            "userName": user_name,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": found.client_id},
            "triggerSource": source if "_" in source else f"{trigger}_{source}",
            "request": {name: value for name, value in request.items() if value is not None},
            "response": dict(response or {}),
        }
        payload, failed = await self._answer(found, trigger, arn, msgspec.json.encode(event))
        try:
            answered = msgspec.json.decode(payload or b"null")
        except NOT_JSON as error:
            raise Refused(
                "InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON", 400
            ) from error
        if failed:
            said = answered.get("errorMessage") if isinstance(answered, dict) else answered
            raise Refused("UserLambdaValidationException", f"{trigger} failed with error {said}.", 400)
        if not isinstance(answered, dict) or not isinstance(answered.get("response"), dict):
            raise unrecognizable()
        return dict(answered["response"])

    async def _answer(self, found: Found, trigger: str, arn: str, event: bytes) -> tuple[bytes, bool]:
        if self._run is None:
            raise _failed(trigger, "ServiceUnavailableException.")
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout(self._limit_s):
                    return await self._run(found.scope, arn, event)
            except TimeoutError:
                _log.warning("The %s function %s did not answer within %g s", trigger, arn, self._limit_s)
            except Error as error:
                _log.warning("The %s function %s cannot be run: %s", trigger, arn, error.message)
                # What AWS says of a function that is gone or may not be invoked.
                raise _failed(trigger, "AccessDeniedException.") from error
        raise _failed(trigger, "Socket timeout while invoking Lambda function.")


def function_of(found: Found, trigger: str) -> str:
    """The ARN of the function that a pool names; '' where it names none."""
    configured = found.pool.get("LambdaConfig") or {}
    if trigger == "PreTokenGeneration":
        versioned = configured.get("PreTokenGenerationConfig") or {}
        return str(versioned.get("LambdaArn") or configured.get(trigger) or "")
    return str(configured.get(trigger) or "")


def unrecognizable() -> Refused:
    return Refused("InvalidLambdaResponseException", "Unrecognizable lambda output", 400)


def _failed(trigger: str, why: str) -> Refused:
    return Refused("UnexpectedLambdaException", f"{trigger} invocation failed due to error {why}", 400)
