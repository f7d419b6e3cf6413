"""Constraints of the service model, checked in AWS's words.

Compiled per operation: what has no constraint costs nothing. The sentences are those that AWS's services answer, e.g.
https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html#API_CreateFunction_Errors for their codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dayfly.wire.query_format import query_name
from dayfly.wire.refusals import Rejected
from dayfly.wire.shapes import Shape

Problems = list[tuple[str, str, Any]]
"""Path, sentence about the constraint, and the offending value."""
Check = Callable[[Any, str, Problems], None]


class Missing:
    """Stands for the value of a required member that is not there."""

    def __repr__(self) -> str:
        return "null"


_MISSING = Missing()
_NULL = "Member must not be null"


class Validator:
    """Makes the check of one service's operations."""

    def __init__(self, service: str, protocol: str, error_codes: Mapping[str, str]) -> None:
        self._service = service
        self._protocol = protocol
        self._errors = error_codes
        self._structures: dict[str, Check | None] = {}

    def of(self, shape: Shape | None) -> Callable[[dict[str, Any]], None]:
        """What raises Rejected where parameters break a constraint."""
        if shape is None:
            return lambda _params: None
        if self._service == "sqs":
            return _sqs_check(shape)
        check = self._structure(shape)
        if check is None:
            return lambda _params: None
        code = self._code()

        def validate(params: dict[str, Any]) -> None:
            problems: Problems = []
            check(params, "", problems)
            if problems:
                raise Rejected(code, sentence(problems))

        return validate

    def _code(self) -> str:
        if self._service == "sns":
            return "InvalidParameter"
        if self._protocol == "query":
            return "ValidationError"
        if "ValidationException" not in self._errors and "BadRequestException" in self._errors:
            return "BadRequestException"
        return "ValidationException"

    def _check(self, shape: Shape) -> Check | None:
        match shape.kind:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "string":
                return _all_of([_length(shape), _pattern(shape), _enum(shape)])
            case "blob":
                return None if shape.streaming else _length(shape)
            case "integer" | "long" | "float" | "double" | "short" | "byte":
                return _range(shape)
            case _:
                return None

    def _structure(self, shape: Shape) -> Check | None:
        if shape.identity in self._structures:
            return self._structures[shape.identity]
        # Within itself a structure is checked by whatever comes out; a recursive one always gets a check.
        self._structures[shape.identity] = lambda value, path, problems: _later(self, shape, value, path, problems)
        required = [
            name
            for name in shape.members
            if name in shape.required and not shape.members[name].traits.get("idempotencyToken")
        ]
        checks = {name: check for name, member in shape.members.items() if (check := self._check(member)) is not None}
        if not required and not checks:
            self._structures[shape.identity] = None
            return None

        def check_members(value: Any, path: str, problems: Problems) -> None:
            for name in required:
                if name not in value:
                    problems.append((_joined(path, name), _NULL, _MISSING))
            for name, item in value.items():
                check = checks.get(name)
                if check is not None:
                    check(item, _joined(path, name), problems)

        self._structures[shape.identity] = check_members
        return check_members

    def _list(self, shape: Shape) -> Check | None:
        length, item = _length(shape), self._check(shape.member)
        if item is None:
            return length
        check_item = item

        def check(value: Any, path: str, problems: Problems) -> None:
            if length is not None:
                length(value, path, problems)
            for position, member in enumerate(value, 1):
                if member is not None:
                    check_item(member, f"{path}.{position}.member", problems)

        return check

    def _map(self, shape: Shape) -> Check | None:
        length, key, item = _length(shape), self._check(shape.key), self._check(shape.value)
        if key is None and item is None:
            return length

        def check(value: Any, path: str, problems: Problems) -> None:
            if length is not None:
                length(value, path, problems)
            for name, member in value.items():
                if key is not None:
                    key(name, f"{path}.{name}.key", problems)
                if item is not None and member is not None:
                    item(member, f"{path}.{name}.member", problems)

        return check


def _later(validator: Validator, shape: Shape, value: Any, path: str, problems: Problems) -> None:
    check = validator._structures.get(shape.identity)
    if check is not None:
        check(value, path, problems)


def sentence(problems: Problems) -> str:
    """All problems in one sentence, as AWS's services say it."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
    return count + "; ".join(
        f"Value {_shown(value)} at '{path}' failed to satisfy constraint: {text}" for path, text, value in problems
    )


def _shown(value: Any) -> str:
    if isinstance(value, Missing):
        return "null"
    return f"'{value.decode('utf-8', 'replace') if isinstance(value, bytes) else value}'"


def _joined(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _all_of(checks: list[Check | None]) -> Check | None:
    real = [check for check in checks if check is not None]
    if len(real) < 2:
        return real[0] if real else None

    def check_all(value: Any, path: str, problems: Problems) -> None:
        for check in real:
            check(value, path, problems)

    return check_all


def _bounds(shape: Shape) -> tuple[float, float] | None:
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if least is None and most is None:
        return None
    return float("-inf") if least is None else float(least), float("inf") if most is None else float(most)


def _length(shape: Shape) -> Check | None:
    bounds = _bounds(shape)
    if bounds is None:
        return None
    least, most = bounds

    def check(value: Any, path: str, problems: Problems) -> None:
        size = len(value)
        if size < least:
            problems.append((path, f"Member must have length greater than or equal to {least:.0f}", value))
        elif size > most:
            problems.append((path, f"Member must have length less than or equal to {most:.0f}", value))

    return check


def _range(shape: Shape) -> Check | None:
    bounds = _bounds(shape)
    if bounds is None:
        return None
    least, most = bounds

    def check(value: Any, path: str, problems: Problems) -> None:
        if value < least:
            problems.append((path, f"Member must have value greater than or equal to {least:g}", value))
        elif value > most:
            problems.append((path, f"Member must have value less than or equal to {most:g}", value))

    return check


def _pattern(shape: Shape) -> Check | None:
    pattern = shape.traits.get("pattern")
    if not pattern:
        return None
    try:
        # FutureWarnings of odd Java classes such as [[a-z]] mean that Python would read them otherwise: skip those.
        if "[[" in pattern or "&&" in pattern:
            return None
        match = re.compile(pattern, re.DOTALL).fullmatch
    except re.error:
        return None  # a Java pattern that Python has no words for; what uses it checks for itself

    def check(value: Any, path: str, problems: Problems) -> None:
        if match(value) is None:
            problems.append((path, f"Member must satisfy regular expression pattern: {pattern}", value))

    return check


def _enum(shape: Shape) -> Check | None:
    values = shape.traits.get("enum")
    if not values:
        return None
    allowed = frozenset(values)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value not in allowed:
            problems.append((path, f"Member must satisfy enum value set: [{', '.join(values)}]", value))

    return check


def _sqs_check(shape: Shape) -> Callable[[dict[str, Any]], None]:
    """SQS words it in its own way; all other constraints are its queues' to judge.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    """
    required = [(name, query_name(name, member)) for name, member in shape.members.items() if name in shape.required]

    def validate(params: dict[str, Any]) -> None:
        for name, said in required:
            if name not in params:
                # An empty list cannot be written in a form; the queue answers EmptyBatchRequest for it.
                if name == "Entries":
                    raise Rejected("EmptyBatchRequest", f"There should be at least one {said} in the request.", 400)
                raise Rejected("MissingParameter", f"The request must contain the parameter {said}.", 400)

    return validate
