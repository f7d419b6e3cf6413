"""Whether a request opens a WebSocket, and who is behind it; framing is `websocket.py`, imported for the first one."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from dayfly.front.messages import Request, Response

if TYPE_CHECKING:
    from dayfly.front.websocket import Socket


class WebSocketHandler(Protocol):
    """What happens on one socket. All calls come from the event loop and must not block."""

    subprotocol: str | None
    """The answer's Sec-WebSocket-Protocol, None for none."""

    def opened(self, socket: Socket) -> None:
        """The handshake is out; messages may be sent."""

    def received(self, message: str | bytes) -> None:
        """One whole message: text as str, binary as bytes."""

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone. Called exactly once, also for one that never opened (then with 1006)."""


Upgrade = Callable[[Request], Awaitable[Response | WebSocketHandler]]
"""Whether a WebSocket may open: a handler for it, or the answer that refuses it."""


def websocket_wanted(request: Request) -> bool:
    return request.header("upgrade").lower() == "websocket"


def handshake_fault(request: Request) -> str | None:
    """Why this upgrade request is not a WebSocket handshake (RFC 6455, section 4.2.1), or None."""
    if request.method != "GET":
        return "A WebSocket is opened with GET."
    if request.header("sec-websocket-version") != "13":
        return "Sec-WebSocket-Version must be 13."
    with contextlib.suppress(binascii.Error, ValueError):
        if len(base64.b64decode(request.header("sec-websocket-key"), validate=True)) == 16:
            return None
    return "Sec-WebSocket-Key must be 16 bytes in base64."
