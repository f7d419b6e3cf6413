"""`Fn::ForEach` of the transform AWS::LanguageExtensions: one part of a template, written out for each of many values.

`${Name}` in keys and texts, and `Ref: Name`, become the value; `&{Name}` becomes its letters and digits alone.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dayfly.app.yaml import ApplicationError, Map, Mark, Seq, mark_of

TRANSFORM = "AWS::LanguageExtensions"
PREFIX = "Fn::ForEach::"
_SECTIONS = ("Conditions", "Resources", "Outputs")
_NOT_A_LETTER_OR_DIGIT = re.compile(r"[^A-Za-z0-9]")
Known = Callable[[Any], Any]
"""A collection's values as far as parameters and mappings tell them. Raises ApplicationError."""


def unrolled(template: Map, known: Known) -> None:
    """Write out the loops of a template, in place. Raises ApplicationError."""
    for section in _SECTIONS:
        if isinstance(template.get(section), Map):
            template[section] = _written(template[section], {}, known)


def _written(node: Any, values: Mapping[str, str], known: Known) -> Any:
    if isinstance(node, str):
        return _text(node, values)
    if isinstance(node, list):
        items = [_written(item, values, known) for item in node]
        made = node.like() if isinstance(node, Seq) else []
        made.extend(items)
        return made
    if not isinstance(node, dict):
        return node
    if list(node) == ["Ref"] and node["Ref"] in values:
        return values[node["Ref"]]
    mapping = Map(getattr(node, "mark", None))
    for key, value in node.items():
        mark = mark_of(node, key) or mark_of(node)
        if key.startswith(PREFIX):
            for name, content, line in _loop(key, value, values, known, mark):
                _put(mapping, name, content, line)
        else:
            _put(mapping, _text(key, values), _written(value, values, known), mark)
    return mapping


def _put(mapping: Map, key: str, value: Any, mark: Mark | None) -> None:
    mapping[key] = value
    if mark is not None:
        mapping.lines[key] = mark


def _loop(
    key: str, loop: Any, values: Mapping[str, str], known: Known, mark: Mark | None
) -> list[tuple[str, Any, Mark | None]]:
    if not isinstance(loop, list) or len(loop) != 3 or not isinstance(loop[2], dict):
        raise ApplicationError.at(f"{key} must have a name, a list of values and a part to repeat", mark)
    name, collection, part = str(loop[0]), known(_written(loop[1], values, known)), loop[2]
    if not isinstance(collection, list):
        raise ApplicationError.at(f"{key} must go through a list", mark)
    found = []
    for value in collection:
        made = _written(part, {**values, name: str(value)}, known)
        found += [(one, content, mark_of(made, one) or mark) for one, content in made.items()]
    return found


def _text(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
        text = text.replace(f"&{{{name}}}", _NOT_A_LETTER_OR_DIGIT.sub("", value))
    return text
