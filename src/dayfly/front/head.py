"""The first part of an answer as bytes: status line and headers."""

from __future__ import annotations

import time
from http import HTTPStatus

from dayfly.front.messages import Headers

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# Framing is this module's own business: an answer's idea of it is dropped, so that it can never contradict the body.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade"})
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BODILESS = frozenset({204, 304})
_MOST_NAMES = 1000
_starts: dict[str, str] = {}
"""What a header's line starts with, by its name; '' where it is framing. Most answers have the same few names."""
_date_second = 0
_date_line = ""


def _date() -> str:
    global _date_second, _date_line
    second = int(time.time())
    if second != _date_second:
        _date_second = second
        t = time.gmtime(second)  # email.utils can write this too, but takes long to import
        day = f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year}"
        _date_line = f"date: {day} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT\r\n"
    return _date_line


def _start_of(name: str) -> str:
    if len(_starts) >= _MOST_NAMES:
        _starts.clear()
    start = _starts[name] = "" if name.lower() in _FRAMING else f"{name}: "
    return start


def bodiless(status: int) -> bool:
    return status in _BODILESS or status < 200


def write_head(status: int, headers: Headers, *, length: int | None, chunked: bool, keep_alive: bool) -> bytes:
    """Status line and headers, with the blank line.

    With `length` None and not `chunked` there is no body, or it ends with the connection.
    """
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n"]
    dated = False
    for name, value in headers:
        start = _starts.get(name)
        if start is None:
            start = _start_of(name)
        if start:
            lines.append(f"{start}{value}\r\n")
            if len(start) == 6 and start.lower() == "date: ":
                dated = True
    if not dated:
        lines.append(_date())
    if chunked:
        lines.append("transfer-encoding: chunked\r\n")
    elif length is not None:
        lines.append(f"content-length: {length}\r\n")
    if not keep_alive:
        lines.append("connection: close\r\n")
    head = "".join(lines)
    if head.count("\n") != len(lines) or head.count("\r") != len(lines):
        # A function's header must not be able to start another header.
        head = "".join(line[:-2].replace("\r", " ").replace("\n", " ") + "\r\n" for line in lines)
    head += "\r\n"
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        return head.encode()
