"""The root of everything dayfly refuses or fails at.

Each domain derives its own classes, one per thing that can go wrong; the docstring is the default sentence. The API
module of a service says in one table (`FAULTS`) which AWS error code and status each class becomes.
"""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON: invalid UTF-8 and too deep nesting are Python's own errors."""


class Error(Exception):
    """Something was refused or failed."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        super().__init__(self.message)


class Unsupported(Error):
    """A feature of AWS that dayfly does not have yet; the message names it."""


class Unavailable(Error):
    """The platform cannot do this at the moment; the same call may succeed later."""
