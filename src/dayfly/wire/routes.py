"""Method and path → operation of a REST service, by the models' `requestUri`: labels, greedy labels, query literals.

https://smithy.io/2.0/spec/http-bindings.html#uri
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote


class Route(NamedTuple):
    name: str
    """The operation's name."""
    segments: tuple[str, ...]
    """Literals, `{label}` or, last but for literals, `{label+}`."""
    literals: frozenset[tuple[str, str]]
    """What the query string must hold."""

    def match(self, path: list[str]) -> dict[str, str] | None:
        """The labels' texts, still percent-encoded, or None."""
        labels: dict[str, str] = {}
        at = 0
        for position, segment in enumerate(self.segments):
            if segment.endswith("+}"):
                rest = len(self.segments) - position - 1
                end = len(path) - rest
                if end <= at:
                    return None
                labels[segment[1:-2]] = "/".join(path[at:end])
                at = end
                continue
            if at >= len(path):
                return None
            if segment.startswith("{"):
                if not path[at]:
                    return None
                labels[segment[1:-1]] = path[at]
            elif segment != path[at] and segment != unquote(path[at]):
                return None
            at += 1
        return labels if at == len(path) else None


class Routes:
    """All routes of a service."""

    def __init__(self, operations: Iterable[tuple[str, str, str]]) -> None:
        """Takes (operation name, method, requestUri)."""
        self._by_method: dict[str, list[Route]] = {}
        for name, method, uri in operations:
            path, _, query = uri.partition("?")
            literals = frozenset(parse_qsl(query, keep_blank_values=True))
            route = Route(name, tuple(segments_of(path)), literals)
            self._by_method.setdefault(method, []).append(route)
        for routes in self._by_method.values():
            # The most particular first: literals before labels before greedy labels before the end of the route, then
            # those that ask for more in the query string.
            routes.sort(key=lambda route: ([*map(_rank, route.segments), 3], -len(route.literals)))

    def find(
        self, method: str, raw_path: str, query: Iterable[tuple[str, str]]
    ) -> tuple[str, Mapping[str, str]] | None:
        path = segments_of(raw_path)
        given: set[tuple[str, str]] | None = None
        for route in self._by_method.get(method, ()):
            labels = route.match(path)
            if labels is None:
                continue
            if route.literals:
                given = set(query) if given is None else given
                if not route.literals <= given:
                    continue
            return route.name, labels
        return None


def _rank(segment: str) -> int:
    return (2 if segment.endswith("+}") else 1) if segment.startswith("{") else 0


def segments_of(path: str) -> list[str]:
    """The path's parts; slashes at the end do not count (`/functions/` is `/functions`)."""
    return path.strip("/").split("/") if path.strip("/") else []
