"""Event patterns: does this event match? A pure function.

A pattern mirrors the event: objects are looked into, arrays list what a field may be, and a field that is an array
matches when one of its elements does. Several fields must all match; `$or` takes a list of alternatives.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dayfly.errors import Error

_MISSING = object()
_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class InvalidPattern(Error):
    """Event pattern is not valid."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether the event has all that the pattern asks for. The pattern must have passed `check`."""
    if isinstance(event, list):
        return any(matches(pattern, element) for element in event)
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            if not any(matches(alternative, event) for alternative in wanted):
                return False
        elif not _field(wanted, event.get(name, _MISSING) if isinstance(event, dict) else _MISSING):
            return False
    return True


def check(pattern: Any) -> None:
    """Raises InvalidPattern."""
    if not isinstance(pattern, dict):
        raise InvalidPattern("Filter is not an object")
    if not pattern:
        raise InvalidPattern("Empty patterns are not allowed")
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list):
            if len(wanted) < 2:
                raise InvalidPattern('"$or" must have at least two alternatives')
            for alternative in wanted:
                check(alternative)
        elif isinstance(wanted, dict):
            check(wanted)
        elif isinstance(wanted, list):
            if not wanted:
                raise InvalidPattern("Empty arrays are not allowed")
            for element in wanted:
                _check_element(element)
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')


def _field(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        return value is not _MISSING and matches(wanted, value)
    present = value is not _MISSING
    values = value if isinstance(value, list) else [value] if present else []
    for element in wanted:
        if isinstance(element, dict) and "exists" in element:
            # Existence holds for leaves: a nested object does not count.
            if element["exists"] == (present and not isinstance(value, dict)):
                return True
        elif any(_leaf(element, each) for each in values):
            return True
    return False


def _leaf(wanted: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_leaf(wanted, each) for each in value)
    if not isinstance(wanted, dict):
        return _equal(wanted, value)
    (operator, operand), *_ = wanted.items()
    return _OPERATORS[operator](operand, value)


def _equal(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return (type(wanted) is type(value) and wanted == value) or (
        _is_number(wanted) and _is_number(value) and wanted == value
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text_test(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """A test of texts whose operand may be `{"equals-ignore-case": text}`."""

    def run(operand: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(operand, dict):
            return test(value.lower(), str(operand["equals-ignore-case"]).lower())
        return test(value, operand)

    return run


_prefix = _text_test(str.startswith)
_suffix = _text_test(str.endswith)


def _ignore_case(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and value.lower() == operand.lower()


def _wildcard(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and _wildcard_pattern(operand).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _wildcard_pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", text)
    written = "".join(
        ".*" if part == "*" else re.escape(part[1] if len(part) == 2 and part[0] == "\\" else part) for part in parts
    )
    return re.compile(written, re.DOTALL)


def _numeric(operand: Any, value: Any) -> bool:
    if not _is_number(value):
        return False
    return all(_NUMERIC[sign](value, bound) for sign, bound in zip(operand[::2], operand[1::2], strict=True))


def _cidr(operand: Any, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    except (ValueError, TypeError):
        return False


def _anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        (operator, inner), *_ = operand.items()
        many = inner if isinstance(inner, list) else [inner]
        return not any(_OPERATORS[operator](each, value) for each in many)
    many = operand if isinstance(operand, list) else [operand]
    return not any(_equal(each, value) for each in many)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}


def _check_element(element: Any) -> None:
    if isinstance(element, list):
        raise InvalidPattern("Match value must be String, number, true, false, or null")
    if not isinstance(element, dict):
        return
    if len(element) != 1:
        raise InvalidPattern("Only one key allowed in match expression")
    ((operator, operand),) = element.items()
    if operator == "exists":
        if not isinstance(operand, bool):
            raise InvalidPattern("exists match pattern must be either true or false")
    elif operator not in _OPERATORS:
        raise InvalidPattern(f"Unrecognized match type {operator}")
    else:
        _check_operand(operator, operand)


def _check_operand(operator: str, operand: Any) -> None:
    if operator == "numeric":
        _check_numeric(operand)
    elif operator == "anything-but":
        _check_anything_but(operand)
    elif operator in {"prefix", "suffix"} and isinstance(operand, dict):
        if not isinstance(operand.get("equals-ignore-case"), str):
            raise InvalidPattern(f"{operator} match pattern must be a string")
    elif operator == "cidr":
        try:
            ipaddress.ip_network(operand, strict=False)
        except (ValueError, TypeError):
            raise InvalidPattern(f"Malformed CIDR: {operand}") from None
    elif not isinstance(operand, str):
        raise InvalidPattern(f"{operator} match pattern must be a string")


def _check_numeric(operand: Any) -> None:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise InvalidPattern("Value of numeric must be an array of one or two comparisons.")
    for sign, bound in zip(operand[::2], operand[1::2], strict=True):
        if sign not in _NUMERIC:
            raise InvalidPattern(f"Unrecognized numeric range operator: {sign}")
        if not _is_number(bound):
            raise InvalidPattern("Value of a numeric comparison must be numeric")


def _check_anything_but(operand: Any) -> None:
    if not isinstance(operand, dict):
        if isinstance(operand, list) and not operand:
            raise InvalidPattern("Empty arrays are not allowed")
        return
    allowed = {"prefix", "suffix", "equals-ignore-case", "wildcard"}
    if len(operand) != 1 or next(iter(operand)) not in allowed:
        raise InvalidPattern("Unsupported anything-but pattern")
    ((operator, inner),) = operand.items()
    for each in inner if isinstance(inner, list) else [inner]:
        _check_operand(operator, each)
