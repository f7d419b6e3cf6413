"""`custom.serverlessIfElse`: parts of the file that serverless-plugin-ifelse leaves out or sets under a condition.

https://www.npmjs.com/package/serverless-plugin-ifelse
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from dayfly.app.variables import Resolver
from dayfly.app.yaml import ApplicationError, Map, Mark, Seq, mark_of

PLUGIN = "serverless-plugin-ifelse"
_WORDS = {"===": "==", "!==": "!=", "&&": " and ", "||": " or ", "true": "True", "false": "False", "!": " not "}
_TOKEN = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(===|!==|!=|&&|\|\||!|\btrue\b|\bfalse\b)""")
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def apply(resolver: Resolver) -> None:
    """Change the document as the conditions say. Raises ApplicationError for one that cannot be read."""
    rules = resolver.value("custom.serverlessIfElse")
    for index, rule in enumerate(rules if isinstance(rules, Seq) else []):
        if not isinstance(rule, Map):
            continue
        mark = mark_of(rules, index)
        if "If" in rule:
            prefix = "" if _holds(rule["If"], mark) else "Else"
            for path in rule.get(f"{prefix}Exclude") or ():
                _exclude(resolver, str(path))
            for path, value in (rule.get(f"{prefix}Set") or {}).items():
                _set(resolver, str(path), value)
        for path, condition in (rule.get("ExcludeIf") or {}).items():
            if _holds(condition, mark):
                _exclude(resolver, str(path))
    resolver.forget()


def _holds(condition: Any, mark: Mark | None) -> bool:
    """A comparison of texts in JavaScript's words, variables filled in already."""
    if isinstance(condition, bool):
        return condition
    text = _TOKEN.sub(lambda match: match[1] or _WORDS.get(match[2], match[2]), str(condition))
    try:
        return bool(_value(ast.parse(text.strip(), mode="eval").body))
    except (SyntaxError, ValueError, TypeError) as error:
        raise ApplicationError.at(f"the condition {condition} cannot be read here", mark) from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(one) for one in values)
        case ast.BoolOp(values=values):
            return any(_value(one) for one in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand)
        case ast.Compare(left=left, ops=[compared], comparators=[right]) if type(compared) in _COMPARED:
            return _COMPARED[type(compared)](_value(left), _value(right))
    raise ValueError("not a comparison")


def _parent(resolver: Resolver, path: str) -> tuple[Any, str]:
    """What holds the last key of a path, and that key."""
    node: Any = resolver.document
    *above, last = path.split(".")
    for key in above:
        place: Any = int(key) if isinstance(node, list) and key.isdigit() else key
        try:
            child = node[place]
        except (LookupError, TypeError):
            return None, last
        if isinstance(child, str):  # a section in a file of its own
            child = node[place] = resolver.resolve(child)
        node = child
    return node, last


def _exclude(resolver: Resolver, path: str) -> None:
    parent, key = _parent(resolver, path)
    if isinstance(parent, Mapping):
        parent.pop(key, None)  # type: ignore[attr-defined]
    elif isinstance(parent, Seq) and key.isdigit() and int(key) < len(parent):
        del parent[int(key)], parent.lines[int(key)]


def _set(resolver: Resolver, path: str, value: Any) -> None:
    parent, key = _parent(resolver, path)
    if isinstance(parent, Map):
        parent[key] = value
    elif isinstance(parent, Seq) and key.isdigit() and int(key) < len(parent):
        parent[int(key)] = value
