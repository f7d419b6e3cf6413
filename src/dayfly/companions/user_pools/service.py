"""Which flow answers which operation."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.companions.user_pools import attributes, passwords, sign_in, sign_up
from dayfly.companions.user_pools.call import AnsweredByCompanion, Ask, Call
from dayfly.companions.user_pools.challenges import Sessions
from dayfly.companions.user_pools.codes import Codes
from dayfly.companions.user_pools.letters import Letters, Post
from dayfly.companions.user_pools.triggers import Run, Triggers
from dayfly.errors import NOT_JSON
from dayfly.front.messages import Request, Response
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.store import Journal

Flow = Callable[[Call], Awaitable[dict[str, Any]]]

FLOWS: Mapping[str, Flow] = {
    "SignUp": sign_up.sign_up,
    "AdminCreateUser": sign_up.admin_create_user,
    "ConfirmSignUp": sign_up.confirm_sign_up,
    "AdminConfirmSignUp": sign_up.admin_confirm_sign_up,
    "ResendConfirmationCode": sign_up.resend_confirmation_code,
    "ForgotPassword": passwords.forgot_password,
    "ConfirmForgotPassword": passwords.confirm_forgot_password,
    "AdminResetUserPassword": passwords.admin_reset_user_password,
    "UpdateUserAttributes": attributes.update_user_attributes,
    "AdminUpdateUserAttributes": attributes.update_user_attributes,
    "GetUserAttributeVerificationCode": attributes.get_user_attribute_verification_code,
    "VerifyUserAttribute": attributes.verify_user_attribute,
    "InitiateAuth": sign_in.initiate_auth,
    "AdminInitiateAuth": sign_in.initiate_auth,
    "RespondToAuthChallenge": sign_in.respond_to_auth_challenge,
    "AdminRespondToAuthChallenge": sign_in.respond_to_auth_challenge,
}


class UserPools:
    """What flows share. `ask` reaches the companion, `run` functions, `post` the inbox."""

    def __init__(
        self, *, journal: Journal, clock: Clock, ids: Ids, ask: Ask, run: Run | None = None, post: Post | None = None
    ) -> None:
        self.clock = clock
        self.ids = ids
        self._ask = ask
        self.triggers = Triggers(run)
        self.codes = Codes(journal, clock, ids)
        self.letters = Letters(self.triggers, post)
        self.sessions = Sessions()

    async def ask(self, request: Request, scope: Scope, inside: Mapping[str, Any]) -> Response:
        """Have the companion answer, and know what time it is and what to draw ids and tokens from: repeated, they must
        come out the same, whatever else is asked at the same time."""
        given = {"now": self.clock.now_ms() // 1000, "seed": secrets.randbits(128)}
        return await self._ask(request, scope, given | dict(inside))

    async def answer(self, request: Request, operation: str, scope: Scope) -> Response:
        """Answer one request. Raises api.Refused in AWS's words."""
        flow = FLOWS.get(operation)
        if flow is None:
            return await self.ask(request, scope, {})
        try:
            params = msgspec.json.decode(request.body or b"{}")
        except NOT_JSON:
            params = None
        if not isinstance(params, dict):
            return await self.ask(request, scope, {})  # the companion says what is wrong with it
        try:
            answer = await flow(Call(self, request, operation, params, scope))
        except AnsweredByCompanion as answered:
            return answered.response
        return Response(200, [("Content-Type", "application/x-amz-json-1.1")], msgspec.json.encode(answer))
