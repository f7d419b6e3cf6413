"""Filter patterns for log events that are JSON: `{ ($.level = "error" || $.status >= 500) && $.user NOT EXISTS }`.

A selector that leads to no string or number makes a comparison false, `!=` too. `&&` binds closer than `||`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON, Unsupported
from dayfly.logs.records import InvalidParameter

Test = Callable[[Any], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|(?P<both>&&|\|\|)|(?P<operator><=|>=|!=|=|<|>)|"(?P<quoted>(?:[^"\\]|\\.)*)"
    |(?P<word>[^\s()=<>!&|"]+))""",
    re.X,
)
_SELECTOR = re.compile(r"\$((?:\.[\w-]+|\[\d+\])*)")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_NOTHING: Any = object()
"""What a selector leads to that leads nowhere."""


def compile_pattern(text: str) -> Callable[[str], bool]:
    """What tells whether a log event matches. Raises InvalidParameter, Unsupported."""
    stripped = text.strip()
    if not stripped.endswith("}"):
        raise _unreadable(text, "it has no closing brace")
    parser = _Parser(text, _tokens(text, stripped[1:-1]))
    try:
        test = parser.either()
    except RecursionError:
        raise _unreadable(text, "its brackets are too deep") from None
    if parser.left:
        raise _unreadable(text, f"{parser.left[0][1]!r} is not expected")

    def matches(line: str) -> bool:
        if not line.lstrip().startswith("{"):
            return False
        try:
            return test(msgspec.json.decode(line.encode()))
        except NOT_JSON:
            return False

    return matches


def _unreadable(text: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"Invalid filter pattern: {text!r}: {why}")


def _tokens(text: str, inside: str) -> list[tuple[str, str]]:
    """Kind and text of each."""
    found: list[tuple[str, str]] = []
    place, end = 0, len(inside.rstrip())
    while place < end:
        token = _TOKEN.match(inside, place)
        if token is None:
            raise _unreadable(text, f"{inside[place:].strip()[:1]!r} is not expected")
        found.append((str(token.lastgroup), str(token[token.lastgroup or 0])))
        place = token.end()
    return found


class _Parser:
    """By descent; each method takes its tokens from the front of `left` and answers a test."""

    def __init__(self, text: str, tokens: Sequence[tuple[str, str]]) -> None:
        self._text = text
        self.left = list(tokens)

    def either(self) -> Test:
        tests = [self._all()]
        while self._took("both", "||"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._took("both", "&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        if self._took("bracket", "("):
            test = self.either()
            if not self._took("bracket", ")"):
                raise _unreadable(self._text, "a bracket is not closed")
            return test
        steps = self._selector()
        kind, sign = self._next()
        if kind == "operator":
            return self._comparison(steps, sign)
        if kind != "word":
            raise _unreadable(self._text, f"{sign!r} is not expected")
        words = f"{sign} {self._next()[1]}".upper()
        match words:
            case "IS NULL":
                return lambda event: _found(event, steps) is None
            case "IS TRUE":
                return lambda event: _found(event, steps) is True
            case "IS FALSE":
                return lambda event: _found(event, steps) is False
            case "NOT EXISTS":
                return lambda event: _found(event, steps) is _NOTHING
            case _:
                raise _unreadable(self._text, f"{words!r} is not expected")

    def _comparison(self, steps: Sequence[str | int], sign: str) -> Test:
        kind, wanted = self._next()
        if kind == "word" and wanted.startswith("%"):
            raise Unsupported(f"The regular expression in the filter pattern {self._text!r} is not supported yet.")
        if kind not in ("word", "quoted"):
            raise _unreadable(self._text, f"{wanted!r} is not expected")
        number = float(wanted) if kind == "word" and _NUMBER.fullmatch(wanted) else None
        if sign in _ORDERS:
            if number is None:
                raise _unreadable(self._text, f"{wanted!r} is not a number")
            return _ordered(steps, _ORDERS[sign], number)
        equal = _equality(re.sub(r"\\(.)", r"\1", wanted), number)

        def test(event: Any) -> bool:
            value = _found(event, steps)
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                return False
            return equal(value) is (sign == "=")

        return test

    def _selector(self) -> list[str | int]:
        kind, text = self._next()
        whole = _SELECTOR.fullmatch(text) if kind == "word" else None
        if whole is None:
            if kind == "word" and text.startswith("$"):
                raise Unsupported(f"The selector {text} in the filter pattern {self._text!r} is not supported yet.")
            raise _unreadable(self._text, f"{text!r} is not a selector")
        return [name or int(index) for name, index in _STEP.findall(whole[1])]

    def _next(self) -> tuple[str, str]:
        if not self.left:
            raise _unreadable(self._text, "it ends too early")
        return self.left.pop(0)

    def _took(self, kind: str, text: str) -> bool:
        if self.left and self.left[0] == (kind, text):
            del self.left[0]
            return True
        return False


def _found(event: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        if isinstance(step, str):
            event = event.get(step, _NOTHING) if isinstance(event, dict) else _NOTHING
        else:
            event = event[step] if isinstance(event, list) and step < len(event) else _NOTHING
    return event


def _ordered(steps: Sequence[str | int], order: Callable[[Any, Any], bool], number: float) -> Test:
    def test(event: Any) -> bool:
        value = _found(event, steps)
        return isinstance(value, int | float) and not isinstance(value, bool) and order(value, number)

    return test


def _equality(wanted: str, number: float | None) -> Callable[[str | int | float], bool]:
    """An asterisk stands for any text at the beginning and at the end; anywhere else for itself."""
    before, after = wanted.startswith("*"), wanted.endswith("*") and len(wanted) > 1
    part = wanted[int(before) : len(wanted) - int(after)]

    def equal(value: str | int | float) -> bool:
        if number is not None and not isinstance(value, str):
            return value == number
        text = str(value)
        if before and after:
            return part in text
        if before:
            return text.endswith(part)
        return text.startswith(part) if after else text == wanted

    return equal
