"""One HTTP request and its answer, as the listener hands them on: bytes parsed, nothing interpreted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property
from urllib.parse import parse_qsl, unquote

Headers = list[tuple[str, str]]


class Request:
    """A whole request. Header names keep the case the client sent, in its order; look-ups ignore case.

    `target` is the request target as sent (path and query, still percent-encoded).
    """

    __slots__ = (
        "__dict__",
        "body",
        "headers",
        "method",
        "peer",
        "port",
        "raw_path",
        "raw_query",
        "scheme",
        "target",
        "version",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        port: int = 4566,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
        self.port = port  # of the listener that took it
        self.scheme = scheme
        self.version = "1.1"  # of HTTP
        self.raw_path, _, self.raw_query = target.partition("?")

    def header(self, name: str, default: str = "") -> str:
        """The first header of this name (give it in lower case)."""
        return self._by_name.get(name, default)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), value)
        return found

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs, decoded, in order; a name without `=` has the value ''."""
        return parse_qsl(self.raw_query, keep_blank_values=True)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target} {len(self.body)} bytes>"


class Response:
    """An answer: a whole body, or an asynchronous iterator of chunks that are sent as they come."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int = 200, headers: Headers | None = None, body: bytes | AsyncIterator[bytes] = b""
    ) -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


Answer = Callable[[Request], Awaitable[Response]]
"""What a listener is given: a request's whole life as one coroutine."""
