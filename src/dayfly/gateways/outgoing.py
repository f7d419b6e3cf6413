"""A small HTTP/1.1 client for HTTP_PROXY integrations: one request, one connection, the whole answer.

No redirects are followed and nothing is decompressed: the client behind the gateway gets what the backend said.
AWS's own hosts are this platform: the keys of a Cognito user pool, an API that another API or a topic calls by the
address that its template makes of its id.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from urllib.parse import urlsplit

import httptools

from dayfly.errors import Error
from dayfly.gateways.traffic import Headers, Reply

_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
    }
)
_MAX_BYTES = 10 * 1024 * 1024


_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")


_home: ContextVar[tuple[str, int] | None] = ContextVar("home", default=None)
"""Where the platform answers that this code runs for; a process may have several, each with a loop of its own."""


def answer_for_aws(endpoint: str) -> None:
    """Requests to AWS's hosts, from what is started here, go to this endpoint with the host that was asked for."""
    parts = urlsplit(endpoint)
    _home.set((parts.hostname or "127.0.0.1", parts.port or 80))


def is_ours(url: str) -> bool:
    """Whether a request to this URL is answered by the platform itself."""
    return _home.get() is not None and (urlsplit(url).hostname or "").endswith(_AWS_HOSTS)


class BackendFailed(Error):
    """The backend could not be reached or did not answer in HTTP."""


class _Reading:
    def __init__(self) -> None:
        self.headers: Headers = []
        self.parts: list[bytes] = []
        self.size = 0
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.size += len(body)
        if self.size > _MAX_BYTES:
            raise BackendFailed("the backend's answer is larger than 10 MB")
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.done = True


async def fetch(method: str, url: str, headers: Headers, body: bytes) -> Reply:
    """Raises BackendFailed. The caller sets the deadline (cancelling closes the connection)."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _HOP]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    lines += ["Connection: close", "", ""]
    address, home = (host, parts.port or (443 if secure else 80)), _home.get()
    if home is not None and is_ours(url):
        address, secure = home, False
    try:
        reader, writer = await asyncio.open_connection(*address, ssl=secure or None)
    except OSError as error:
        raise BackendFailed(f"{host} cannot be reached: {error}") from error
    try:
        writer.write("\r\n".join(lines).encode("latin-1", "replace") + body)
        return await _read(reader, method)
    except (OSError, httptools.HttpParserError) as error:
        raise BackendFailed(f"{host} did not answer in HTTP: {error}") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, method: str) -> Reply:
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    head_done = False
    while not reading.done:
        data = await reader.read(65536)
        if not data:
            break
        parser.feed_data(data)
        head_done = parser.get_status_code() > 0 and bool(reading.headers)
        if method == "HEAD" and head_done:
            break
    status = parser.get_status_code()
    if not status:
        raise BackendFailed("the backend closed the connection without an answer")
    headers = [pair for pair in reading.headers if pair[0].lower() not in _HOP]
    return Reply(status, headers, b"".join(reading.parts))
