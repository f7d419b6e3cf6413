"""Items that an application wants in its tables from the beginning.

A `Seed` names a file and a table; `read` takes the file apart, `sow` puts its items into the table. Files hold a list
of items (or one item), plain (`{"id": 1}`) or, where `marshalled`, as DynamoDB spells them (`{"id": {"N": "1"}}`).

https://github.com/raisenational/serverless-dynamodb#seeding-serverless-dynamodb-seed
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.app.resources import Call
from dayfly.app.yaml import ApplicationError, Mark, text_of
from dayfly.identity import Caller

_BATCH = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
_SPACE = re.compile(r"\s*")


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    table: str
    """The table's name."""
    file: Path
    marshalled: bool = False
    mark: Mark | None = None
    """Where the application names it."""


class Sown(msgspec.Struct, frozen=True, kw_only=True):
    """A seed as it was read: its items as DynamoDB spells them, each with its line in the file."""

    seed: Seed
    items: tuple[tuple[int, dict[str, Any]], ...]


class _Number(str):
    """A number as it is written: DynamoDB keeps more digits than a float has."""

    __slots__ = ()


_decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number)


def read(seed: Seed) -> Sown:
    """Raises ApplicationError, with the line, for a file that is not there or holds no items. Blocking."""
    if not seed.file.is_file():
        raise ApplicationError.at(f"the seed of table {seed.table}, {seed.file}, does not exist", seed.mark)
    text = text_of(seed.file)
    try:
        found = list(_values(text))
    except json.JSONDecodeError as error:
        why = f"the seed of table {seed.table} is not JSON: {error.msg}"
        raise ApplicationError(why, seed.file, error.lineno) from error
    items: list[tuple[int, dict[str, Any]]] = []
    for line, value in found:
        if not isinstance(value, dict):
            raise ApplicationError(f"what is to be put into table {seed.table} is no item", seed.file, line)
        try:
            item = {name: _spelt(one) if seed.marshalled else _marshalled(one) for name, one in value.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ApplicationError(f"an item for table {seed.table}: {error}", seed.file, line) from error
        items.append((line, item))
    return Sown(seed=seed, items=tuple(items))


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """The values of a list, or the only one, with their lines."""
    begin = _after_space(text, 0)
    if text[begin : begin + 1] != "[":
        value, end = _decoder.raw_decode(text, begin)
        yield _line(text, begin), value
    else:
        end = _after_space(text, begin + 1)
        while text[end : end + 1] != "]":
            value, after = _decoder.raw_decode(text, end)
            yield _line(text, end), value
            end = _after_space(text, after)
            if text[end : end + 1] == ",":
                end = _after_space(text, end + 1)
            elif text[end : end + 1] != "]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, end)
        end += 1
    if (rest := _after_space(text, end)) != len(text):
        raise json.JSONDecodeError("Extra data", text, rest)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _marshalled(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case _Number():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [_marshalled(one) for one in value]}
        case {"type": "Buffer", "data": list(data)}:  # as Node.js writes one
            return {"B": bytes(int(one) for one in data)}
        case dict():
            return {"M": {str(name): _marshalled(one) for name, one in value.items()}}
        case _:
            raise ValueError(f"{value!r} is no value of an item")


def _spelt(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's own spelling, in which bytes are Base64."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{json.dumps(value)} is not in DynamoDB's own form, such as {{'S': 'text'}}")
    ((kind, one),) = value.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(one)}
        case "BS":
            return {"BS": [base64.b64decode(part) for part in one]}
        case "L":
            return {"L": [_spelt(part) for part in one]}
        case "M":
            return {"M": {name: _spelt(part) for name, part in one.items()}}
        case "N":
            return {"N": str(one)}
        case "NS":
            return {"NS": [str(part) for part in one]}
        case _:
            return {kind: one}


async def sow(sown: Sown, call: Call, caller: Caller) -> None:
    """Put the items into the table. Raises ApplicationError, with the line of the item that is refused."""
    for begin in range(0, len(sown.items), _BATCH):
        batch = sown.items[begin : begin + _BATCH]
        try:
            await call(caller, "dynamodb", "BatchWriteItem", {"RequestItems": {sown.seed.table: _puts(batch)}})
        except Refused:
            # Which of them it is, and whether the others are all right: one key twice is no fault of an item.
            await _one_by_one(sown, batch, call, caller)


def _puts(batch: Sequence[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": item}} for _, item in batch]


async def _one_by_one(sown: Sown, batch: Sequence[tuple[int, dict[str, Any]]], call: Call, caller: Caller) -> None:
    for line, item in batch:
        try:
            await call(caller, "dynamodb", "PutItem", {"TableName": sown.seed.table, "Item": item})
        except Refused as refused:
            why = f"the item cannot be put into table {sown.seed.table}: {refused.message}"
            raise ApplicationError(why, sown.seed.file, line) from refused
