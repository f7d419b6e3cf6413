"""Which route serves a request: compiled once per change, matched in the number of the path's segments.

HTTP APIs: the most specific match wins, full match over parameters over greedy `{proxy+}` over `$default`, and a
method over ANY.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
REST APIs: the same on the tree of resources, without `$default`.
"""

from __future__ import annotations

from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


class _Node(Generic[T]):
    __slots__ = ("exact", "greedy", "greedy_name", "methods", "parameter", "parameter_name")

    def __init__(self) -> None:
        self.exact: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.greedy: _Node[T] | None = None
        self.parameter_name = ""
        self.greedy_name = ""
        self.methods: dict[str, tuple[T, tuple[str, ...]]] = {}


class Routes(Generic[T]):
    """A table of `(method, path template)` to anything."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._plain: dict[str, _Node[T]] = {}
        """Nodes of paths without parameters: nothing is more specific, and most requests are for one of them."""
        self.default: T | None = None

    def add(self, method: str, path: str, value: T) -> None:
        node = self._root
        names: list[str] = []
        for segment in _segments(path):
            if segment.startswith("{") and segment.endswith("+}"):
                names.append(segment[1:-2])
                node.greedy = node.greedy or _Node()
                node = node.greedy
            elif segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.exact.setdefault(segment, _Node())
        node.methods[method.upper()] = (value, tuple(names))
        if not names:
            self._plain["/".join(_segments(path))] = node

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The value and the decoded path parameters. `$default` is the last resort."""
        plain = self._plain.get(path.strip("/"))
        entry = plain and (plain.methods.get(method) or plain.methods.get("ANY"))
        if entry:
            return entry[0], {}
        found = self._walk(self._root, method, _segments(path), 0, [])
        if found is not None:
            (value, names), values = found
            return value, dict(zip(names, values, strict=True))
        return (self.default, {}) if self.default is not None else None

    def _walk(
        self, node: _Node[T], method: str, segments: list[str], at: int, values: list[str]
    ) -> tuple[tuple[T, tuple[str, ...]], list[str]] | None:
        if at == len(segments):
            entry = node.methods.get(method) or node.methods.get("ANY")
            return (entry, values) if entry is not None else None
        segment = segments[at]
        exact = node.exact.get(segment)
        if exact is not None:
            found = self._walk(exact, method, segments, at + 1, values)
            if found is not None:
                return found
        if node.parameter is not None and segment:
            found = self._walk(node.parameter, method, segments, at + 1, [*values, unquote(segment)])
            if found is not None:
                return found
        if node.greedy is not None:
            entry = node.greedy.methods.get(method) or node.greedy.methods.get("ANY")
            if entry is not None:
                return entry, [*values, unquote("/".join(segments[at:]))]
        return None


def _segments(path: str) -> list[str]:
    trimmed = path.strip("/")
    if not trimmed:
        return []
    # A trailing slash does not make another resource, as on AWS's edge for both kinds of API.
    return trimmed.split("/")
