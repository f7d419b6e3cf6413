"""Frames between the platform and an environment, over an inherited socketpair.

A frame is 4 bytes of length (of all that follows, big endian), one byte of kind, and a body:

    to the environment                        from the environment
    I  init: JSON description of the function  H  hello: the process waits for `I`
    E  event: header, strings, payload         D  init done: ok (1 byte), microseconds (4 bytes)
                                               R  response; or the end of a streamed one
                                               Q  response; the pipe of what was printed is empty
                                               F  error document
                                               X  error document; the process ends after it
                                               S  a stream begins: its content type
                                               C  a chunk of it

The event header is timeout ms (4), lengths of request id, ARN, trace id (2 each) and client context (4). The deadline
counts from the event's arrival, as both ends read different clocks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dayfly.runtime import Invoke

_EVENT = struct.Struct(">IBIHHHI")
_HEAD = struct.Struct(">IB")
DONE = struct.Struct(">BI")
_EVENT_SIZE = _EVENT.size - 4


def encode(kind: bytes, body: bytes = b"") -> bytes:
    return _HEAD.pack(len(body) + 1, kind[0]) + body


def encode_event(invoke: Invoke, timeout_ms: int) -> bytes:
    request_id = invoke.request_id.encode()
    arn = invoke.invoked_arn.encode()
    trace = invoke.trace_id.encode()
    client = invoke.client_context
    payload = invoke.payload
    strings = len(request_id) + len(arn) + len(trace) + len(client)
    head = _EVENT.pack(
        _EVENT_SIZE + strings + len(payload), 69, timeout_ms, len(request_id), len(arn), len(trace), len(client)
    )
    return b"".join((head, request_id, arn, trace, client, payload))


class FrameReader:
    """Cuts a byte stream into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that `data` completes, as (kind, body)."""
        buffer = self._buffer
        # The common case: exactly one whole frame and nothing before it.
        if not buffer and len(data) >= 5 and int.from_bytes(data[:4], "big") == len(data) - 4:
            yield data[4], data[5:]
            return
        buffer += data
        start, size = 0, len(buffer)
        while size - start >= 5:
            end = start + 4 + int.from_bytes(buffer[start : start + 4], "big")
            if end > size:
                break
            yield buffer[start + 4], bytes(buffer[start + 5 : end])
            start = end
        del buffer[:start]
