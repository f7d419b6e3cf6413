"""Parameters given in this process, brought into the model's types.

CloudFormation templates write numbers and booleans as strings and the other way round, and CloudFormation converts
them: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html#parameters-section-structure-properties-type
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.wire import scalars, timestamps
from dayfly.wire.refusals import Rejected
from dayfly.wire.shapes import Shape


def coerced(shape: Shape, value: Any, path: str = "") -> Any:
    """The value in the model's types. Raises Rejected for members that the model does not know and for values that
    cannot be what it says."""
    match shape.kind:
        case "structure" if not shape.traits.get("document") and not shape.event_stream:
            return _structure(shape, _expect(value, Mapping, path, shape), path)
        case "list":
            items = _expect(value, (list, tuple), path, shape)
            return [coerced(shape.member, item, f"{path}[{index}]") for index, item in enumerate(items)]
        case "map":
            pairs = _expect(value, Mapping, path, shape).items()
            return {str(key): coerced(shape.value, item, f"{path}.{key}") for key, item in pairs}
        case "string":
            return _string(value, path)
        case "boolean" | "integer" | "long" | "float" | "double" if isinstance(value, str):
            return scalars.reader(shape)(value)
        case "integer" | "long" if isinstance(value, float) and value.is_integer():
            return int(value)
        case "blob":
            return value.encode() if isinstance(value, str) else value
        case "timestamp" if isinstance(value, str):
            return timestamps.parse(value)
        case _:
            return value


def _structure(shape: Shape, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    result = {}
    for name, item in value.items():
        member = shape.members.get(name)
        inner = f"{path}.{name}" if path else name
        if member is None:
            known = ", ".join(shape.members)
            raise Rejected("ValidationException", f'Unknown parameter in input: "{inner}", must be one of: {known}')
        if item is not None:
            result[name] = coerced(member, item, inner)
    return result


def _string(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise Rejected("ValidationException", f"Invalid type for parameter {path}: {type(value).__name__} is no string")


def _expect(value: Any, kind: Any, path: str, shape: Shape) -> Any:
    if isinstance(value, kind):
        return value
    raise Rejected("ValidationException", f"Invalid type for parameter {path}: {value!r} is no {shape.kind}")
