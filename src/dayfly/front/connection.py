"""One client's connection: HTTP/1.1 requests in, answers out in the same order.

    idle -> head -> body -> (request complete: answered now, or queued behind the one being answered) -> idle
    any  -> refused (400, 408, 413, 431: answer, stop parsing, close)        any -> upgrading -> a WebSocket (picows)

Requests are answered one at a time; those that arrive meanwhile wait in `_waiting`, and reading pauses when too many
do. One task answers all requests of a connection (a task for each would cost more than parsing it); losing the client
cancels it (what the domain has committed stays committed). There are no timers here: `deadline` is looked at by the
listener's sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from dayfly.front.head import bodiless, write_head
from dayfly.front.limits import Limits
from dayfly.front.messages import Answer, Headers, Request, Response
from dayfly.front.upgrade import Upgrade, websocket_wanted

if TYPE_CHECKING:
    from dayfly.front.listener import Listener

log = logging.getLogger(__name__)
FOREVER = float("inf")
_LINGER_S = 2.0


_MOST_NAMES = 1000
_names: dict[bytes, tuple[str, str]] = {}
"""Header names as text, and in lower case: most requests have the same few."""


def _name_of(name: bytes) -> tuple[str, str]:
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    text = name.decode("latin-1")
    known = _names[name] = text, text.lower()
    return known


def _internal_error() -> Response:
    return Response(500, [("content-type", "text/plain")], b"Internal error; dayfly's log has the reason.\n")


def _report(what: str, request: Request, error: Exception) -> None:
    log.error("%s: %s %s", what, request.method, request.target, exc_info=error)


class _Refused(Exception):
    """Raised inside the parser's callbacks to stop it; the answer is in `Connection._refusal`."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_answer",
        "_body",
        "_body_size",
        "_busy",
        "_by_name",
        "_continue_due",
        "_discarding",
        "_head_raw",
        "_head_size",
        "_headers",
        "_in_body",
        "_in_head",
        "_keep_alive",
        "_limits",
        "_listener",
        "_loop",
        "_parser",
        "_peer",
        "_port",
        "_reading_paused",
        "_refusal",
        "_scheme",
        "_task",
        "_transport",
        "_unsent",
        "_upgrade",
        "_url",
        "_waiting",
        "_wanted",
        "deadline",
    )

    def __init__(self, listener: Listener, answer: Answer, upgrade: Upgrade | None, port: int, scheme: str) -> None:
        self._listener = listener
        self._loop = listener.loop
        self._limits: Limits = listener.limits
        self._answer = answer
        self._upgrade = upgrade
        self._port = port
        self._scheme = scheme
        self._transport: Any = None
        self._peer = ""
        self._parser: Any = None
        self._url = b""
        self._headers: Headers = []
        self._by_name: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_size = 0
        self._head_size = 0
        self._head_raw = 0
        self._in_head = False
        self._in_body = False
        self._keep_alive = True
        self._continue_due = False
        self._discarding = False
        self._refusal: tuple[int, str] | None = None
        self._reading_paused = False
        self._task: asyncio.Task[None] | None = None
        self._busy = False
        """A request is being answered."""
        self._wanted: asyncio.Future[tuple[Request, bool] | None] | None = None
        """What the task waits for between requests; None in it ends the task."""
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._unsent: asyncio.Future[None] | None = None
        self.deadline = FOREVER

    def __repr__(self) -> str:
        state = "answering" if self._busy else "body" if self._in_body else "head" if self._in_head else "idle"
        return f"<Connection from {self._peer} {state}>"

    @property
    def idle(self) -> bool:
        return not self._busy and not self._waiting

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"
        self._parser = httptools.HttpRequestParser(self)
        self._listener.connections.add(self)
        self.deadline = self._listener.now + self._limits.head_s

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._discarding = True
        self._waiting.clear()
        if self._unsent is not None and not self._unsent.done():
            self._unsent.set_exception(ConnectionResetError("the client went away"))
            self._unsent.exception()  # whoever waits sees it; nobody waiting is no news
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        # A client that is gone and one that has only closed its sending side look the same; the first is the common
        # one by far, and what it asked for must not go on running. Closing cancels it.
        return False

    def pause_writing(self) -> None:
        if self._unsent is None:
            self._unsent = self._loop.create_future()

    def resume_writing(self) -> None:
        unsent, self._unsent = self._unsent, None
        if unsent is not None and not unsent.done():
            unsent.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade_request(data[upgrade.args[0] :])
            return
        except (httptools.HttpParserCallbackError, _Refused):
            status, sentence = self._refusal or (500, "The request could not be read.")
            self._refuse(status, sentence)
            return
        except httptools.HttpParserError as error:
            self._refuse(400, f"This is not HTTP that can be understood: {error}.")
            return
        if self._in_body:
            self.deadline = self._listener.now + self._limits.body_s
        elif self._in_head:
            # The parser tells of a header only once it is whole: an endless one shows in the bytes alone.
            self._head_raw += len(data) if in_head else len(data) - data.rfind(b"\r\n\r\n") - 1
            if self._head_raw > self._limits.head_bytes:
                self._refuse(431, self._too_large_head())

    # -- httptools ---------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._by_name = {}
        self._body = []
        self._body_size = self._head_size = self._head_raw = 0
        self._in_head = True
        self.deadline = self._listener.now + self._limits.head_s

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_size += len(url)
        if self._head_size > self._limits.head_bytes:
            self._stop(431, self._too_large_head())

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _names.get(name) or _name_of(name)
        text = value.decode("latin-1")
        self._headers.append((known[0], text))
        self._by_name.setdefault(known[1], text)
        length = len(name)
        self._head_size = size = self._head_size + length + len(value) + 4
        if size > self._limits.head_bytes:
            self._stop(431, self._too_large_head())
        # The only headers that matter here are told apart by their length first: this runs for every header.
        if length == 14 and name.lower() == b"content-length":
            if value.isdigit() and int(value) > self._limits.body_bytes:
                self._stop(413, self._too_large_body())
        elif length == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._continue_due = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_body = True
        if self._continue_due:
            self._continue_due = False
            # Behind an unfinished answer it would be taken for that one's; the client then waits a little, or sends.
            if self.idle and self._parser.get_http_version() == "1.1":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > self._limits.body_bytes:
            self._stop(413, self._too_large_body())
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self.deadline = FOREVER
        parser = self._parser
        keep_alive = parser.should_keep_alive()
        upgrade = parser.should_upgrade()
        body = self._body
        request = Request(
            parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            b"" if not body else body[0] if len(body) == 1 else b"".join(body),
            peer=self._peer,
            port=self._port,
            scheme=self._scheme,
            by_name=self._by_name,
        )
        request.version = parser.get_http_version()
        if upgrade:
            self._waiting.append((request, keep_alive))  # `_after_upgrade_request` decides what becomes of it
        elif not self._busy:
            self._start(request, keep_alive)
        else:
            self._waiting.append((request, keep_alive))
            if len(self._waiting) > self._limits.pipelined and not self._reading_paused:
                self._reading_paused = True
                self._transport.pause_reading()

    # -- answering ---------------------------------------------------------------------------------------------------

    def _start(self, request: Request, keep_alive: bool) -> None:
        self._busy = True
        if self._wanted is None:
            self._task = self._loop.create_task(self._serve(request, keep_alive))
        elif not self._wanted.done():  # else the client is gone
            self._wanted.set_result((request, keep_alive))

    async def _serve(self, request: Request, keep_alive: bool) -> None:
        """Answer this request and those that follow on the connection."""
        try:
            while self._goes_on(await self._exchange(request, keep_alive)):
                if self._waiting:
                    request, keep_alive = self._waiting.popleft()
                    continue
                self._busy = False
                self._wanted = self._loop.create_future()
                wanted = await self._wanted
                if wanted is None:
                    return
                request, keep_alive = wanted
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        self._busy = False

    async def _exchange(self, request: Request, keep_alive: bool) -> bool:
        """Answer one request. Returns whether the connection may take another."""
        try:
            response = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - the listener must survive whatever answering does
            _report("answering failed", request, error)
            response = _internal_error()
        keep_alive = keep_alive and self._keep_alive and not self._listener.stopping
        try:
            body = response.body
            if not isinstance(body, bytes):
                return await self._stream(request, response, keep_alive)
            self._write(request, response, body, keep_alive)
            if self._unsent is not None:
                await asyncio.shield(self._unsent)
        except ConnectionResetError:
            return False
        except Exception as error:  # noqa: BLE001 - a broken stream ends this connection alone
            # The head is out: all that is left to tell the client is an end it can see is wrong.
            _report("the answer broke off", request, error)
            self._transport.abort()
        return keep_alive

    def _write(self, request: Request, response: Response, body: bytes, keep_alive: bool) -> None:
        status = response.status
        if bodiless(status):
            self._transport.write(
                write_head(status, response.headers, length=None, chunked=False, keep_alive=keep_alive)
            )
            return
        length = len(body)
        if request.method == "HEAD":
            given = next((value for name, value in response.headers if name.lower() == "content-length"), None)
            length, body = int(given) if given and given.isdigit() else length, b""
        old = request.version == "1.0" and keep_alive
        headers = [*response.headers, ("Connection", "keep-alive")] if old else response.headers
        head = write_head(status, headers, length=length, chunked=False, keep_alive=keep_alive)
        self._transport.write(head + body if body else head)

    async def _stream(self, request: Request, response: Response, keep_alive: bool) -> bool:
        """Send chunks as they come, waiting while the client does not read. Returns whether to keep the connection."""
        chunks = response.body
        assert not isinstance(chunks, bytes)
        chunked = request.version != "1.0"
        empty = request.method == "HEAD" or bodiless(response.status)
        keep_alive = keep_alive and chunked
        write = self._transport.write
        try:
            write(
                write_head(
                    response.status, response.headers, length=None, chunked=chunked and not empty, keep_alive=keep_alive
                )
            )
            if empty:
                return keep_alive
            async for chunk in chunks:
                if not chunk:
                    continue
                write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                if self._unsent is not None:
                    await asyncio.shield(self._unsent)
            if chunked:
                write(b"0\r\n\r\n")
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        return keep_alive

    def _goes_on(self, keep_alive: bool) -> bool:
        """After an answer: close, or make ready for the next request."""
        transport = self._transport
        if transport.is_closing():
            return False
        if not keep_alive:
            self._waiting.clear()
            if self._refusal is None:
                transport.close()
            else:
                self._linger()  # more came behind a request that was the last one
            return False
        if not self._waiting:
            if self._refusal is not None:
                self._send_refusal()
            elif not self._in_head and not self._in_body:
                self.deadline = self._listener.now + self._limits.idle_s
        if self._reading_paused and len(self._waiting) <= self._limits.pipelined // 2:
            self._reading_paused = False
            transport.resume_reading()
        return True

    # -- refusing ----------------------------------------------------------------------------------------------------

    def _too_large_head(self) -> str:
        return f"The request line and headers are larger than {self._limits.head_bytes} bytes."

    def _too_large_body(self) -> str:
        return f"The body is larger than {self._limits.body_bytes} bytes."

    def _stop(self, status: int, sentence: str) -> None:
        self._refusal = (status, sentence)
        raise _Refused

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer what cannot be read, behind the answers already owed, and close."""
        self._refusal = (status, sentence)
        self._discarding = True
        if self.idle:
            self._send_refusal()

    def _send_refusal(self) -> None:
        status, sentence = self._refusal or (400, "Bad request.")
        body = sentence.encode() + b"\n"
        headers = [("content-type", "text/plain; charset=utf-8")]
        transport = self._transport
        transport.write(write_head(status, headers, length=len(body), chunked=False, keep_alive=False) + body)
        self._linger()

    def _linger(self) -> None:
        """Close. Doing it with unread bytes would reset the connection and take the answer with it: say that all is
        said, and let the client finish sending for a moment."""
        transport = self._transport
        if transport.can_write_eof():
            transport.write_eof()
            self.deadline = self._listener.now + _LINGER_S
        else:
            transport.close()

    def sweep(self, now: float) -> None:
        """Called by the listener about once a second: end what has waited too long."""
        if now < self.deadline:
            return
        if self._discarding or not (self._in_head or self._in_body):
            self._transport.close()
        else:
            part = "headers" if self._in_head else "body"
            self._refuse(408, f"The request's {part} did not arrive in time.")

    def stop(self) -> None:
        """Close now if nothing is owed, else after the answers that are."""
        self._keep_alive = False
        if self.idle:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    # -- upgrading ---------------------------------------------------------------------------------------------------

    def _after_upgrade_request(self, rest: bytes) -> None:
        """The parser stopped behind a request with an Upgrade header, which is the last in `_waiting`."""
        request, keep_alive = self._waiting.pop()
        if self._upgrade is None or not websocket_wanted(request):
            # HTTP/2 and whatever else is offered: the answer is an ordinary one (RFC 9110, section 7.8).
            self._parser = httptools.HttpRequestParser(self)
            if not self._busy:
                self._start(request, keep_alive)
            else:
                self._waiting.append((request, keep_alive))
            if rest:
                self.data_received(rest)
            return
        if not self.idle:
            self._refuse(400, "A WebSocket can only be opened when earlier requests are answered.")
            return
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        self._transport.pause_reading()
        self._busy = True
        self._task = self._loop.create_task(self._run_upgrade(request, rest))

    async def _run_upgrade(self, request: Request, rest: bytes) -> None:
        assert self._upgrade is not None
        try:
            verdict = await self._upgrade(request)
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except Exception as error:  # noqa: BLE001 - the listener must survive whatever answering does
            _report("opening a WebSocket failed", request, error)
            verdict = _internal_error()
        self._task = None  # the connection's end does not cancel what follows
        self._busy = False
        if isinstance(verdict, Response):
            body = verdict.body if isinstance(verdict.body, bytes) else b""
            self._write(request, verdict, body, keep_alive=False)
            self._transport.close()
            return
        if self._transport.is_closing():
            verdict.closed(1006, "")
            return
        from dayfly.front.websocket import open_socket

        self._listener.connections.discard(self)
        open_socket(self._transport, request, verdict, rest, self._limits, self._listener.sockets)
