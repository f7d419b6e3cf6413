"""Identifiers and randomness, handed in through the door so that tests can foresee them."""

from __future__ import annotations

import os
import random
import string
from typing import Protocol

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
    text = (raw[:6] + bytes((raw[6] & 0x0F | 0x40, raw[7], raw[8] & 0x3F | 0x80)) + raw[9:]).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class RandomIds:
    """Ids from the operating system's randomness: unguessable."""

    def uuid(self) -> str:
        return _uuid_of(os.urandom(16))

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
