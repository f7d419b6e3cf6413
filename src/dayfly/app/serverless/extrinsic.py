"""The functions that serverless-plugin-extrinsic-functions adds to CloudFormation's, computed while compiling.

https://www.npmjs.com/package/serverless-plugin-extrinsic-functions
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from dayfly.app.yaml import ApplicationError, Mark, Seq, mark_of

PLUGIN = "serverless-plugin-extrinsic-functions"


def compute(node: Any, mark: Mark | None = None) -> Any:
    """The node with the plugin's functions replaced by their values, in place. Raises ApplicationError."""
    mark = mark_of(node) or mark
    if isinstance(node, dict):
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in _FUNCTIONS:
                return _value(name, argument, mark_of(node, name) or mark)
        for key, value in node.items():
            node[key] = compute(value, mark_of(node, key) or mark)
    elif isinstance(node, list):
        node[:] = [compute(item, mark_of(node, index) or mark) for index, item in enumerate(node)]
    return node


def _value(name: str, argument: Any, mark: Mark | None) -> Any:
    given = compute(argument, mark)
    if not isinstance(given, list) or any(isinstance(one, Mapping | Seq) for one in given):
        raise ApplicationError.at(
            f"{name} takes a list of plain values, which the plugin computes before deploying", mark
        )
    try:
        return _FUNCTIONS[name](*given)
    except (TypeError, ValueError) as error:
        raise ApplicationError.at(f"{name} cannot be computed: {error}", mark) from error


def _substr(text: str, start: int, length: int | None = None) -> str:
    begin = max(len(text) + start, 0) if start < 0 else start
    return text[begin:] if length is None else text[begin : begin + max(length, 0)]


def _substring(text: str, start: int, end: int | None = None) -> str:
    first, last = sorted((max(start, 0), len(text) if end is None else max(end, 0)))
    return text[first:last]


def _json_path(text: str, path: str) -> Any:
    found: Any = json.loads(text)
    for key in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(found, list):
            found = found[int(key)] if key.isdigit() and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::StartsWith": lambda text, prefix: str(text).startswith(str(prefix)),
    "Fn::EndsWith": lambda text, suffix: str(text).endswith(str(suffix)),
    "Fn::Substr": lambda text, *numbers: _substr(str(text), *map(int, numbers)),
    "Fn::Substring": lambda text, *numbers: _substring(str(text), *map(int, numbers)),
    "Fn::RandomNumber": lambda least, most: math.floor((least + most) / 2),
    "Fn::GreaterThan": lambda left, right: left > right,
    "Fn::LessThan": lambda left, right: left < right,
    "Fn::Max": max,
    "Fn::Min": min,
    "Fn::JsonPath": lambda text, path: _json_path(str(text), str(path)),
}
"""A random number is the middle one: a plan that is made twice must be the same plan."""
