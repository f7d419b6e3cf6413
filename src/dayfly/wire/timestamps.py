"""Timestamps as AWS writes them, to and from seconds since the epoch.

https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
"""

from __future__ import annotations

from datetime import UTC, datetime

from dayfly.wire.refusals import Malformed

DEFAULTS = {"header": "rfc822", "headers": "rfc822", "querystring": "iso8601", "uri": "iso8601"}
"""The format of a timestamp at a place of an HTTP message, where the model names none."""


def parse(value: object) -> float:
    """A number of seconds, ISO 8601 or an HTTP date, whichever it is, as AWS's services read. Raises Malformed."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Malformed(f"{value!r} can not be converted to a timestamp")
    text = value.strip()
    try:
        if text[:1].isdigit() and "-" in text[1:]:
            moment = datetime.fromisoformat(text)
            return _plain((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if text[:1].isalpha():
            # Loaded when first needed: it takes longer than all of the wire, and few requests carry HTTP dates.
            from email.utils import parsedate_to_datetime

            return _plain(parsedate_to_datetime(text).timestamp())
        return _plain(float(text))
    except (ValueError, TypeError, OverflowError) as error:
        raise Malformed(f"{value!r} is not a timestamp") from error


def _plain(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def text(seconds: float, form: str) -> str:
    """The timestamp as text: `iso8601`, `rfc822` or `unixTimestamp`."""
    if form == "unixTimestamp":
        return str(number(seconds))
    moment = datetime.fromtimestamp(seconds, UTC)
    if form == "rfc822":
        return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    milliseconds = moment.microsecond // 1000
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{milliseconds:03d}Z" if milliseconds else f"{whole}Z"


def number(seconds: float) -> float:
    """Seconds with milliseconds at most, whole where they are whole."""
    return int(seconds) if seconds == int(seconds) else round(seconds, 3)
