"""Identifiers and randomness, handed in through the door so that tests can foresee them."""

from __future__ import annotations

import os
import random
import string
from typing import Protocol

_AHEAD = 128
_VERSION_CLEARED = bytes.fromhex("ffffffffffff0fff3fffffffffffffff")
_VERSION = bytes.fromhex("00000000000040008000000000000000")
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


def _uuids_of(raw: bytes) -> list[str]:
    """An id of each 16 bytes, with the bits that say "version 4, variant 1" set in all of them at once."""
    count = len(raw) // 16
    clear, bits = (int.from_bytes(sixteen * count, "big") for sixteen in (_VERSION_CLEARED, _VERSION))
    text = (int.from_bytes(raw, "big") & clear | bits).to_bytes(len(raw), "big").hex()
    ids = [text[at : at + 32] for at in range(0, len(text), 32)]
    return [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in ids]


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
            self._made = made = _uuids_of(raw)
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
        return _uuids_of(self._random.randbytes(16))[0]

    def token(self, length: int) -> str:
        raw = self._random.randbytes(length)
        return string.ascii_lowercase[raw[0] % 26] + "".join(_ALPHANUMERIC[byte % 36] for byte in raw[1:])

    def fraction(self) -> float:
        return self._random.random()
