"""Codes that a user reads in a mail and tells back; kept in the journal, each until it is used or too old.

Keys: `user-pools/<account>/<region>/<pool>/<sub>/<what for>`.
https://docs.aws.amazon.com/cognito/latest/developerguide/limits.html (validity of codes)
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dayfly.api import Refused
from dayfly.clock import Clock
from dayfly.companions.user_pools.call import Found, User
from dayfly.ids import Ids
from dayfly.store import Journal

PREFIX = "user-pools/"
Purpose = Literal["sign-up", "password", "email", "phone_number"]
_DAY_MS = 24 * 3_600_000
_LASTS_MS: dict[Purpose, int] = {
    "sign-up": _DAY_MS, "password": 3_600_000, "email": _DAY_MS, "phone_number": _DAY_MS,
}  # fmt: skip
_MOST_WRONG = 10
"""Six digits must not be found by trying."""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    digits: str
    attribute: str
    """What the one who tells it back has proved to own: `email` or `phone_number`."""
    expires_ms: int
    wrong: int = 0


class Codes:
    def __init__(self, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids

    async def make(self, found: Found, user: User, purpose: Purpose, attribute: str) -> str:
        """A new code, which takes the place of one before it; durable before anybody is told."""
        digits = f"{int(self._ids.fraction() * 1_000_000):06d}"
        expires_ms = self._clock.now_ms() + _LASTS_MS[purpose]
        await self._keep(found, user, purpose, Code(digits=digits, attribute=attribute, expires_ms=expires_ms))
        return digits

    async def check(self, found: Found, user: User, purpose: Purpose, told: str) -> Code:
        """The code that this is. Raises Refused for any other."""
        kept = self._journal.get(_key(found, user, purpose))
        code = msgspec.msgpack.decode(kept, type=Code) if kept is not None else None
        if code is None or code.expires_ms <= self._clock.now_ms():
            raise Refused("ExpiredCodeException", "Invalid code provided, please request a code again.", 400)
        if code.wrong >= _MOST_WRONG:
            raise Refused("LimitExceededException", "Attempt limit exceeded, please try after some time.", 400)
        if told != code.digits:
            await self._keep(found, user, purpose, msgspec.structs.replace(code, wrong=code.wrong + 1))
            raise Refused("CodeMismatchException", "Invalid verification code provided, please try again.", 400)
        return code

    async def used(self, found: Found, user: User, purpose: Purpose) -> None:
        await self._journal.commit([(_key(found, user, purpose), None)])

    async def _keep(self, found: Found, user: User, purpose: Purpose, code: Code) -> None:
        await self._journal.commit([(_key(found, user, purpose), msgspec.msgpack.encode(code))])


def _key(found: Found, user: User, purpose: Purpose) -> str:
    return f"{PREFIX}{found.account}/{found.region}/{found.id}/{user.sub}/{purpose}"
