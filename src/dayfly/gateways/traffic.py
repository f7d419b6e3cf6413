"""HTTP as the gateways see it: what they need of a request, and the answer they give.

The listener's `Request` fits `Incoming`, so nothing is copied on the way in; `Reply` is turned into the listener's
`Response` by whoever connects the two (`front.routing`). This keeps the domain free of the listener.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

Headers = list[tuple[str, str]]


class Incoming(Protocol):
    method: str
    target: str
    headers: Headers
    body: bytes
    peer: str
    port: int
    scheme: str
    raw_path: str
    raw_query: str

    def header(self, name: str, default: str = "") -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> list[tuple[str, str]]: ...


class Reply:
    """`refused`: the error that the gateway itself answers with, in place of an integration."""

    __slots__ = ("body", "headers", "refused", "status")

    def __init__(
        self, status: int, headers: Headers, body: bytes | AsyncIterator[bytes] = b"", refused: str = ""
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.refused = refused

    def __repr__(self) -> str:
        return f"<Reply {self.status}>"


JSON = ("content-type", "application/json")


def message(status: int, text: str, *, key: str = "message", error_type: str = "") -> Reply:
    """AWS's usual short error: `{"message": "Not Found"}`."""
    headers = [JSON]
    if error_type:
        headers.append(("x-amzn-ErrorType", error_type))
    return Reply(status, headers, b'{"%b":"%b"}' % (key.encode(), text.encode()), error_type)
