"""Messages of `application/vnd.amazon.eventstream`: a prelude with lengths, headers, payload, and two checksums.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping

HeaderValue = str | bytes | bool | int


def encode(headers: Mapping[str, HeaderValue], payload: bytes) -> bytes:
    """One message."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    body = prelude + struct.pack("!I", crc32(prelude)) + block + payload
    return body + struct.pack("!I", crc32(body))


def _header(name: str, value: HeaderValue) -> bytes:
    key = name.encode()
    return bytes((len(key),)) + key + _value(value)


def _value(value: HeaderValue) -> bytes:
    match value:
        case True:
            return b"\x00"
        case False:
            return b"\x01"
        case int():
            return b"\x05" + struct.pack("!q", value)
        case bytes():
            return b"\x06" + struct.pack("!H", len(value)) + value
        case str():
            raw = value.encode()
            return b"\x07" + struct.pack("!H", len(raw)) + raw
