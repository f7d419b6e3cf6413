"""What one connection may ask of us before it is refused. Sizes in bytes, times in seconds."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    head_bytes: int = 64 * 1024
    """Request line and headers together; beyond it 431."""
    body_bytes: int = 64 * 1024 * 1024
    """Beyond it 413."""
    head_s: float = 15.0
    """From a request's first byte to the end of its headers; beyond it 408."""
    body_s: float = 30.0
    """The longest pause while a body arrives; beyond it 408."""
    idle_s: float = 75.0
    """How long a connection without a request is kept."""
    pipelined: int = 32
    """Requests of one connection waiting for their turn; reading pauses beyond it."""
    message_bytes: int = 128 * 1024
    """One WebSocket message; beyond it the socket is closed with 1009."""
    frame_bytes: int = 32 * 1024
    """One WebSocket frame; beyond it the socket is closed with 1009."""
    unsent_bytes: int = 8 * 1024 * 1024
    """What may wait for a WebSocket client that does not read; beyond it the connection is aborted."""
