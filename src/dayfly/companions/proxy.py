"""HTTP to a companion: requests go as they came, answers come as they are; connections are kept and used again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httptools

from dayfly.errors import Unavailable
from dayfly.front.messages import Headers, Response

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_WHOLE = 1024 * 1024
_CHUNK = 256 * 1024
_MOST_IDLE = 64


class CompanionUnreachable(Unavailable):
    """The companion does not answer."""


class _Parser:
    """Collects what httptools finds."""

    def __init__(self) -> None:
        self.headers: Headers = []
        self.chunks: list[bytes] = []
        self.head_done = False
        self.done = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        # An interim answer (100 Continue) is not the answer.
        if self.parser.get_status_code() >= 200:
            self.done = True
        else:
            self.headers, self.head_done = [], False

    def take(self) -> bytes:
        taken = b"".join(self.chunks)
        self.chunks.clear()
        return taken


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def close(self) -> None:
        self.writer.close()

    @property
    def usable(self) -> bool:
        return not self.writer.is_closing() and not self.reader.at_eof()


class Proxy:
    """A pool of connections to any number of base URLs."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Connection]] = {}

    async def forward(self, url: str, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """One exchange. Bodies over a mebibyte are handed on in chunks. Raises CompanionUnreachable."""
        head = _head(url, method, target, headers, len(body))
        while True:
            connection, fresh = await self._connection(url)
            try:
                connection.writer.write(head + body)
                await connection.writer.drain()
                parser = await _read_head(connection)
            except (OSError, EOFError) as error:
                connection.close()
                if fresh:
                    raise CompanionUnreachable(f"{url} does not answer: {error or type(error).__name__}") from error
                # A kept connection may have been closed by the other side just now, before it took this request.
                continue
            except httptools.HttpParserError as error:
                connection.close()
                raise CompanionUnreachable(f"{url} does not speak HTTP: {error}") from error
            except BaseException:
                connection.close()
                raise
            return await self._response(url, method, connection, parser)

    async def _connection(self, url: str) -> tuple[_Connection, bool]:
        idle = self._idle.setdefault(url, [])
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection, False
            connection.close()
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        try:
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or (443 if secure else 80),
                ssl=ssl.create_default_context() if secure else None,
                limit=_CHUNK,
            )
        except OSError as error:
            raise CompanionUnreachable(f"{url} cannot be reached: {error}") from error
        return _Connection(reader, writer), True

    async def _response(self, url: str, method: str, connection: _Connection, parser: _Parser) -> Response:
        status = parser.parser.get_status_code()
        kept = [(name, value) for name, value in parser.headers if name.lower() not in _HOP_BY_HOP]
        if method == "HEAD" or status in (204, 304):
            # httptools waits for the body that Content-Length speaks of; there is none.
            self._release(url, connection, keep=False)
            return Response(status, kept, b"")
        body = b""
        try:
            while not parser.done and len(body) < _WHOLE:
                body += parser.take()
                if not await _feed(connection, parser):
                    break
            body += parser.take()
        except BaseException:
            connection.close()
            raise
        if parser.done or connection.reader.at_eof():
            self._release(url, connection, keep=parser.done and parser.parser.should_keep_alive())
            return Response(status, _without_length(kept), body)
        return Response(status, kept, self._rest(url, connection, parser, body))

    async def _rest(self, url: str, connection: _Connection, parser: _Parser, first: bytes) -> AsyncIterator[bytes]:
        try:
            yield first
            while not parser.done and await _feed(connection, parser):
                if parser.chunks:
                    yield parser.take()
        except BaseException:
            connection.close()
            raise
        self._release(url, connection, keep=parser.done and parser.parser.should_keep_alive())

    def _release(self, url: str, connection: _Connection, *, keep: bool) -> None:
        idle = self._idle.setdefault(url, [])
        if keep and connection.usable and len(idle) < _MOST_IDLE:
            idle.append(connection)
        else:
            connection.close()

    def drop(self, url: str) -> None:
        """Close the idle connections to a companion that is gone."""
        for connection in self._idle.pop(url, []):
            connection.close()

    async def close(self) -> None:
        for url in list(self._idle):
            self.drop(url)


def _without_length(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() != "content-length"]


def _head(url: str, method: str, target: str, headers: Headers, length: int) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    named = set()
    for name, value in headers:
        lower = name.lower()
        if lower in _HOP_BY_HOP or lower in ("content-length", "expect"):
            continue
        named.add(lower)
        lines.append(f"{name}: {value}")
    if "host" not in named:
        lines.append(f"Host: {urlsplit(url).netloc}")
    if length or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _read_head(connection: _Connection) -> _Parser:
    parser = _Parser()
    while not parser.head_done:
        if not await _feed(connection, parser):
            raise EOFError("the connection was closed before an answer")
    return parser


async def _feed(connection: _Connection, parser: _Parser) -> bool:
    """Read some and parse it; False at the end of the stream."""
    data = await connection.reader.read(_CHUNK)
    if data:
        parser.parser.feed_data(data)
    return bool(data)
