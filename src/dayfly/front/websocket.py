"""WebSockets: from an upgrade request that was accepted to messages, framed by picows.

Our own connection reads the upgrade request, so that whoever answers may think about it (a `$connect` route) before
the handshake goes out. Then the transport changes hands: picows' protocol object is given the transport and a minimal
handshake (only what the accept key is computed from), answers 101 with the headers of our choice, and from there every
byte is its own. permessage-deflate is not offered (AWS does not offer it either).

Limits as https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: message 128 KB, frame 32 KB.
"""

from __future__ import annotations

import logging
from typing import Any

from multidict import CIMultiDict
from picows import WSCloseCode, WSListener, WSMsgType, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from dayfly.front.limits import Limits
from dayfly.front.messages import Headers, Request
from dayfly.front.upgrade import WebSocketHandler

log = logging.getLogger(__name__)
# picows tells of every connection at level INFO: that is what our own lines are for.
_quiet = logging.getLogger("dayfly.front.picows")
_quiet.setLevel(logging.ERROR)
_NO_CODE = 1005  # RFC 6455: the client's close frame had no status
_ABNORMAL = 1006  # RFC 6455: the connection was lost without a close frame


class Socket:
    """The sending side of an open WebSocket."""

    __slots__ = ("_limit", "_transport", "_ws")

    def __init__(self, ws: Any, limit: int) -> None:
        self._ws = ws
        self._transport = ws.underlying_transport
        self._limit = limit

    @property
    def open(self) -> bool:
        return not (self._ws.is_disconnected or self._ws.is_close_frame_sent)

    def send(self, message: str | bytes) -> None:
        """Send one message. Does nothing on a socket that is closed; `closed` has been or will be called."""
        if not self.open:
            return
        if isinstance(message, str):
            self._ws.send(WSMsgType.TEXT, message.encode())
        else:
            self._ws.send(WSMsgType.BINARY, message)
        if self._transport.get_write_buffer_size() > self._limit:
            self._ws.disconnect(graceful=False)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame (reason at most 123 bytes) and end the connection."""
        if self.open:
            self._ws.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode()[:123])
        self._ws.disconnect()

    def abort(self) -> None:
        self._ws.disconnect(graceful=False)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.open:
            self._transport.resume_reading()


class _Frames(WSListener):
    """Frames from picows put together to messages for a handler."""

    def __init__(self, handler: WebSocketHandler, limits: Limits, sockets: set[Socket]) -> None:
        self._handler = handler
        self._limits = limits
        self._sockets = sockets
        self._socket: Socket | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._text = False

    def on_ws_connected(self, transport: Any) -> None:
        self._socket = Socket(transport, self._limits.unsent_bytes)
        self._sockets.add(self._socket)
        self._handler.opened(self._socket)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        kind = frame.msg_type
        if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY or kind is WSMsgType.CONTINUATION:
            if frame.fin and not self._parts and kind is not WSMsgType.CONTINUATION:
                self._take(transport, frame.get_payload_as_bytes(), kind is WSMsgType.TEXT)
            else:
                self._gather(transport, frame, kind)
        elif kind is WSMsgType.CLOSE:
            self._answer_close(transport, frame)

    def _gather(self, transport: Any, frame: Any, kind: Any) -> None:
        if (kind is WSMsgType.CONTINUATION) != bool(self._parts):
            self._fail(transport, 1002, "unexpected continuation")
            return
        if kind is not WSMsgType.CONTINUATION:
            self._text = kind is WSMsgType.TEXT
        part = frame.get_payload_as_bytes()
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._limits.message_bytes:
            self._fail(transport, 1009, "message too big")
        elif frame.fin:
            whole, self._parts, self._size = b"".join(self._parts), [], 0
            self._take(transport, whole, self._text)

    def _take(self, transport: Any, payload: bytes, text: bool) -> None:
        if not text:
            self._handler.received(payload)
            return
        try:
            message = payload.decode()
        except UnicodeDecodeError:
            self._fail(transport, 1007, "text is not UTF-8")
            return
        self._handler.received(message)

    def _fail(self, transport: Any, code: int, reason: str) -> None:
        transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode())
        transport.disconnect()

    def _answer_close(self, transport: Any, frame: Any) -> None:
        if not transport.is_close_frame_sent:
            payload = frame.get_payload_as_bytes()
            transport.send(WSMsgType.CLOSE, payload[:2] if len(payload) >= 2 else None)
        transport.disconnect()

    def on_ws_disconnected(self, transport: Any) -> None:
        if self._socket is not None:
            self._sockets.discard(self._socket)
        info = transport.close_handshake
        received = info.recv if info is not None else None
        if received is None:
            self._handler.closed(_ABNORMAL, "")
        else:
            code = received.code.value if isinstance(received.code, WSCloseCode) else int(received.code)
            self._handler.closed(code or _NO_CODE, received.reason or "")

    def pause_writing(self) -> None:
        """Nothing to do: `Socket.send` looks at the size of what waits."""

    def resume_writing(self) -> None:
        """See pause_writing."""


def open_socket(
    transport: Any,
    request: Request,
    handler: WebSocketHandler,
    rest: bytes,
    limits: Limits,
    sockets: set[Socket],
    headers: Headers | None = None,
) -> None:
    """Answer 101 and hand the transport, whose reading is paused, to picows. `rest` is what came behind the request."""
    extra = CIMultiDict(headers or [])
    if handler.subprotocol is not None:
        extra["Sec-WebSocket-Protocol"] = handler.subprotocol
    frames = _Frames(handler, limits, sockets)

    def accept(_request: Any) -> Any:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(extra), frames)

    protocol = WSProtocol(
        None, None, False, accept, _quiet, True, None, False, 60, 60, 1, True, limits.frame_bytes, None, 2048
    )
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    key = request.header("sec-websocket-key")
    _feed(
        protocol,
        b"GET / HTTP/1.1\r\nHost: dayfly\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n" + rest,
    )
    if not transport.is_closing():
        transport.resume_reading()


def _feed(protocol: Any, data: bytes) -> None:
    while data:
        room = protocol.get_buffer(-1)
        size = min(len(room), len(data))
        room[:size] = data[:size]
        data = data[size:]
        protocol.buffer_updated(size)
