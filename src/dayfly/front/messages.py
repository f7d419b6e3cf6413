"""One HTTP request and its answer, as the listener hands them on: bytes parsed, nothing interpreted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qsl, unquote

Headers = list[tuple[str, str]]


class Request:
    """A whole request. Header names keep the case the client sent, in its order; look-ups ignore case.

    `target` is the request target as sent (path and query, still percent-encoded).
    """

    __slots__ = (
        "__dict__",
        "_by_name",
        "_query",
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
        by_name: dict[str, str] | None = None,
    ) -> None:
        """`by_name`: the first value of each header by its name in lower case, for who has it anyway."""
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
        self.port = port  # of the listener that took it
        self.scheme = scheme
        self.version = "1.1"  # of HTTP
        self._by_name = by_name
        self._query: list[tuple[str, str]] | None = None
        self.raw_path, _, self.raw_query = target.partition("?")

    # Looked up at most once each, and most of them on every request: `cached_property` takes a lock before Python 3.12.

    def header(self, name: str, default: str = "") -> str:
        """The first header of this name (give it in lower case)."""
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for given, value in self.headers:
                found.setdefault(given.lower(), value)
        return found.get(name, default)

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.raw_path)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs, decoded, in order; a name without `=` has the value ''."""
        if self._query is None:
            self._query = parse_qsl(self.raw_query, keep_blank_values=True) if self.raw_query else []
        return self._query

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
