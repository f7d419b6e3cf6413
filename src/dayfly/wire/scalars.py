"""Values that are one piece of text: in forms, headers, query strings, labels and XML elements."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import msgspec

from dayfly.wire import timestamps
from dayfly.wire.refusals import Malformed
from dayfly.wire.shapes import Shape

ReadText = Callable[[str], Any]
WriteText = Callable[[Any], str]

_INFINITIES = {"Infinity", "-Infinity", "NaN"}


def reader(shape: Shape, place: str = "body") -> ReadText:
    """Text → value for a scalar shape at a place (`body`, `header`, `querystring`, `uri`); may raise Malformed."""
    if shape.json_value:
        return _read_json_value if place == "header" else _read_json
    match shape.kind:
        case "integer" | "long" | "short" | "byte":
            return _read_integer
        case "float" | "double":
            return _read_float
        case "boolean":
            return _read_boolean
        case "timestamp":
            return timestamps.parse
        case "blob":
            return read_base64
        case _:
            return str


def writer(shape: Shape, place: str = "body", default_time: str = "iso8601") -> WriteText:
    """Value → text for a scalar shape."""
    if shape.json_value:
        return _write_json_value if place == "header" else _write_json
    match shape.kind:
        case "boolean":
            return lambda value: "true" if value else "false"
        case "timestamp":
            form = shape.timestamp_format or timestamps.DEFAULTS.get(place, default_time)
            return lambda value: timestamps.text(value, form)
        case "blob":
            return write_base64
        case "float" | "double":
            return write_float
        case _:
            return str


def read_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed(f"{value!r} can not be converted to a Blob")
    try:
        return b64decode(value, validate=False)
    except (binascii.Error, ValueError) as error:
        raise Malformed("Invalid base64 in a binary value") from error


def write_base64(value: object) -> str:
    return b64encode(value.encode() if isinstance(value, str) else bytes(value)).decode()  # type: ignore[call-overload]


def write_float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _read_integer(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise Malformed(f"{value!r} can not be converted to an Integer") from error


def _read_float(value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise Malformed(f"{value!r} can not be converted to a Double") from error


def _read_boolean(value: str) -> bool:
    match value.lower():
        case "true":
            return True
        case "false":
            return False
    raise Malformed(f"{value!r} can not be converted to a Boolean")


def _read_json(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise Malformed(f"Invalid JSON in a header: {error}") from error


def _read_json_value(value: str) -> Any:
    return _read_json(read_base64(value).decode("utf-8", "replace"))


def _write_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _write_json_value(value: Any) -> str:
    return b64encode(msgspec.json.encode(value)).decode()
