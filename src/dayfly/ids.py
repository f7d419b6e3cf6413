"""Identifiers and randomness, handed in through the door so that tests can foresee them."""

from __future__ import annotations

import os
import random
import string
from typing import Protocol

_AHEAD = 128
_ALPHANUMERIC = string.ascii_lowercase + string.digits


class Ids(Protocol):
    def uuid(self) -> str:
        """A random UUID (version 4) in its usual form of 36 characters."""
        ...

    def token(self, length: int) -> str:
        """Lower-case letters and digits, the first one a letter."""
        ...

    def fraction(self) -> float:
        """A number in [0, 1), for jitter."""
        ...


def _uuid_of(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[raw[8] >> 4 & 3]}{text[17:20]}-{text[20:]}"


class RandomIds:
    """Ids from the operating system's randomness: unguessable. May be used from several threads, not across a fork."""

    def __init__(self) -> None:
        self._made: list[str] = []

    def uuid(self) -> str:
        try:
            return self._made.pop()
        except IndexError:
            # Many at once: asking the operating system costs ten times as much as the id itself.
            raw = os.urandom(_AHEAD * 16)
            self._made = made = [_uuid_of(raw[at : at + 16]) for at in range(0, len(raw), 16)]
            return made.pop()

    def token(self, length: int) -> str:
        raw = os.urandom(length)
        # A byte modulo 36 leans a little to the first letters; tokens are names, not keys.
        return string.ascii_lowercase[raw[0] % 26] + "".join(_ALPHANUMERIC[byte % 36] for byte in raw[1:])

    def fraction(self) -> float:
        return int.from_bytes(os.urandom(7), "big") / (1 << 56)


class SeededIds:
    """The same ids in the same order for the same seed; for tests."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        return _uuid_of(self._random.randbytes(16))

    def token(self, length: int) -> str:
        raw = self._random.randbytes(length)
        return string.ascii_lowercase[raw[0] % 26] + "".join(_ALPHANUMERIC[byte % 36] for byte in raw[1:])

    def fraction(self) -> float:
        return self._random.random()
