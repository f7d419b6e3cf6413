"""Filter policies and event patterns: compiled once, then matched against attributes or documents.

A pattern maps names to lists of conditions (any of them holds) or to nested patterns; all names must hold. `$or` lists
patterns of which one must hold. A value that is a list satisfies a condition if one of its elements does.

https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and numeric-value-matching.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dayfly.errors import Error
from dayfly.queues import Attachment

Condition = Callable[[Any], bool]
Matcher = Callable[[Any], bool]
_MISSING = object()
_NUMERIC = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class InvalidPattern(Error):
    """The pattern cannot be understood."""


def compile_pattern(pattern: Any, *, nested: bool = True) -> Matcher:
    """A predicate over documents (dicts). Raises InvalidPattern. `nested=False`: attributes have no inner names."""
    if not isinstance(pattern, dict):
        raise InvalidPattern("Filter policy must be an object")
    clauses = [_compile_name(name, value, nested) for name, value in pattern.items()]
    return lambda document: isinstance(document, dict) and all(clause(document) for clause in clauses)


def _compile_name(name: str, value: Any, nested: bool) -> Matcher:
    if name == "$or" and isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) for one in value):
        choices = [compile_pattern(one, nested=nested) for one in value]
        return lambda document: any(choice(document) for choice in choices)
    if isinstance(value, dict):
        if not nested:
            raise InvalidPattern("Filter policy scope MessageAttributes does not support nested filter policy")
        if not value:
            raise InvalidPattern(f'"{name}" must not be an empty object')
        inner = compile_pattern(value)
        return lambda document: _inside(document.get(name), inner)
    if not isinstance(value, list):
        raise InvalidPattern(f'"{name}" must be an object or an array')
    if not value:
        raise InvalidPattern("Empty arrays are not allowed")
    conditions = [_compile_condition(one) for one in value]
    return lambda document: _any(document.get(name, _MISSING), conditions)


def _inside(value: Any, inner: Matcher) -> bool:
    if isinstance(value, list):
        return any(_inside(one, inner) for one in value)
    return inner(value if isinstance(value, dict) else {})


def _any(value: Any, conditions: list[Condition]) -> bool:
    return any(condition(value) for condition in conditions)


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _elements(one)
    elif value is not _MISSING:
        yield value


def _of_each(test: Condition) -> Condition:
    return lambda value: any(test(one) for one in _elements(value))


def _equal(value: Any, wanted: Any) -> bool:
    # True == 1 in Python, not in JSON.
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _compile_condition(condition: Any) -> Condition:
    if not isinstance(condition, dict):
        if isinstance(condition, list):
            raise InvalidPattern("Match value must be String, number, true, false, or null")
        return _of_each(lambda value: _equal(value, condition))
    if len(condition) != 1:
        raise InvalidPattern("Only one key allowed in match expression")
    [(kind, argument)] = condition.items()
    if kind == "exists":
        if not isinstance(argument, bool):
            raise InvalidPattern("exists match pattern must be either true or false.")
        return lambda value: (value is not _MISSING) is argument
    return _of_each(_compile_test(kind, argument))


def _compile_test(kind: str, argument: Any) -> Condition:
    match kind:
        case "prefix" | "suffix" | "equals-ignore-case" | "wildcard":
            return _compile_text(kind, argument)
        case "anything-but":
            return _compile_anything_but(argument)
        case "numeric":
            return _compile_numeric(argument)
        case "cidr":
            return _compile_cidr(argument)
    raise InvalidPattern(f"Unrecognized match type {kind}")


def _compile_text(kind: str, argument: Any) -> Condition:
    if isinstance(argument, dict) and list(argument) == ["equals-ignore-case"] and kind in ("prefix", "suffix"):
        folded = str(argument["equals-ignore-case"]).casefold()
        inner = _compile_text(kind, folded)
        return lambda value: isinstance(value, str) and inner(value.casefold())
    if not isinstance(argument, str):
        raise InvalidPattern(f"{kind} match pattern must be a string")
    if kind == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(argument)
    if kind == "suffix":
        return lambda value: isinstance(value, str) and value.endswith(argument)
    if kind == "equals-ignore-case":
        folded = argument.casefold()
        return lambda value: isinstance(value, str) and value.casefold() == folded
    wild = re.compile(".*".join(re.escape(part) for part in argument.split("*")), re.DOTALL)
    return lambda value: isinstance(value, str) and wild.fullmatch(value) is not None


def _compile_anything_but(argument: Any) -> Condition:
    if isinstance(argument, dict):
        if len(argument) != 1:
            raise InvalidPattern("Only one key allowed in match expression")
        [(kind, inner)] = argument.items()
        tests = [_compile_test(kind, one) for one in (inner if isinstance(inner, list) else [inner])]
        return lambda value: not any(test(value) for test in tests)
    refused = argument if isinstance(argument, list) else [argument]
    if not refused or any(isinstance(one, (dict, list)) for one in refused):
        raise InvalidPattern("anything-but list must contain only strings or numbers")
    return lambda value: not any(_equal(value, one) for one in refused)


def _compile_numeric(argument: Any) -> Condition:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise InvalidPattern("Value of numeric must be an array of one or two comparisons")
    tests = []
    for sign, bound in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _NUMERIC:
            raise InvalidPattern(f"Unrecognized numeric range operator: {sign}")
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise InvalidPattern(f"Value of {sign} must be numeric")
        tests.append((_NUMERIC[sign], bound))
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and all(test(value, bound) for test, bound in tests)
    )


def _compile_cidr(argument: Any) -> Condition:
    try:
        network = ipaddress.ip_network(argument, strict=False)
    except ValueError:
        raise InvalidPattern("Malformed CIDR, one '/' required") from None

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def compile_policy(text: str, scope: str) -> Matcher:
    """A subscription's filter policy. Raises InvalidPattern."""
    try:
        policy = json.loads(text)
    except ValueError:
        raise InvalidPattern("failed to parse JSON") from None
    if _combinations(policy) > 150:
        raise InvalidPattern("Filter policy is too complex")
    return compile_pattern(policy, nested=scope == "MessageBody")


def _combinations(policy: Any) -> int:
    if isinstance(policy, list):
        return max(1, len(policy))
    if not isinstance(policy, dict):
        return 1
    product = 1
    for value in policy.values():
        product *= _combinations(value)
    return product


def document_of(attributes: Mapping[str, Attachment]) -> dict[str, Any]:
    """Message attributes as the document that patterns are matched against."""
    document: dict[str, Any] = {}
    for name, attribute in attributes.items():
        if attribute.type.startswith("Binary"):
            continue
        text: Any = attribute.text
        if attribute.type.startswith(("Number", "String.Array")):
            try:
                text = json.loads(attribute.text)
            except ValueError:
                text = attribute.text
        document[name] = text
    return document
