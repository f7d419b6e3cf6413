"""What of a record an enrichment or a target gets: all of it, or a text with `<$.path>` in it.

A path looks into bodies and data that are JSON themselves.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.buses.inputs import MISSING, filled, found_at, inside_text
from dayfly.errors import NOT_JSON

_HOLE = re.compile(r"<(\$[^<>\s]*|aws\.pipes\.[^<>\s]+)>")


def opened(record: Any) -> Any:
    """The record with a `body` or `data` that holds JSON taken for what it holds."""
    if not isinstance(record, dict):
        return record
    made = dict(record)
    if isinstance(made.get("body"), str):
        made["body"] = _parsed(made["body"].encode(), made["body"])
    if isinstance(made.get("data"), str):
        with contextlib.suppress(ValueError):  # it is not of a stream
            made["data"] = _parsed(base64.b64decode(made["data"], validate=True), made["data"])
    return made


def _parsed(text: bytes, otherwise: str) -> Any:
    try:
        found = msgspec.json.decode(text)
    except NOT_JSON:
        try:
            return text.decode()
        except UnicodeDecodeError:
            return otherwise
    return found if isinstance(found, dict | list) else otherwise


def given(template: str | None, record: Any, names: Mapping[str, str]) -> Any:
    """The record, or the template filled in: JSON where it is, else text. `names` are those of `aws.pipes.…`."""
    if not template:
        return record
    view = opened(record)
    values: dict[str, Any] = {
        **{f"aws.pipes.{name}": value for name, value in names.items()},
        "aws.pipes.event": record,
        "aws.pipes.event.json": record,
    }
    written: list[str] = []
    at = 0
    for hole in _HOLE.finditer(template):
        before = template[at : hole.start()]
        value = found_at(hole[1], view) if hole[1].startswith("$") else values.get(hole[1], MISSING)
        written += [before, filled(value, quoted=inside_text(template[: hole.start()]))]
        at = hole.end()
    written.append(template[at:])
    text = "".join(written)
    try:
        return msgspec.json.decode(text)
    except NOT_JSON:
        return text


def parameter(value: str | None, record: Any) -> str:
    """A parameter of a target: a text, or what a path (`$.body.id`) finds in the record."""
    if not value or not value.startswith("$"):
        return value or ""
    found = found_at(value, opened(record))
    return "" if found is MISSING or found is None else found if isinstance(found, str) else str(found)
