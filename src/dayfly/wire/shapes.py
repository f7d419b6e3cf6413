"""The types in a service model, with the traits of the place they are used at laid over their own.

A member refers to a shape and may add traits (`locationName`, `location`, `flattened`, `timestampFormat` …); the same
shape used twice is therefore two `Shape` objects that share their raw definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dayfly.wire.models import Raw


class Shape:
    """One type at one place of use. `kind` is the model's type: structure, list, map, string, blob, …"""

    def __init__(self, shapes: Mapping[str, Raw], reference: Mapping[str, Any]) -> None:
        self._shapes = shapes
        self.name: str = reference["shape"]
        raw = shapes[self.name]
        self.traits: dict[str, Any] = {**raw, **reference}
        self.kind: str = raw["type"]
        # `required` of a reference would be a flag; only the structure's own list counts.
        self.required: frozenset[str] = frozenset(raw.get("required", ()))
        self.wire_name: str | None = reference.get("locationName")
        """What the place of use calls it; a name of the definition itself counts for whole documents only."""

    @property
    def identity(self) -> str:
        """The same for every use of this definition; what compiled closures of structures are kept under."""
        return self.name

    @property
    def document_name(self) -> str | None:
        """What its element is called where it is a whole XML document."""
        name: str | None = self.traits.get("locationName")
        return name

    @property
    def location(self) -> str | None:
        """Where in an HTTP message it goes: header, headers, uri, querystring, statusCode; None is the body."""
        place: str | None = self.traits.get("location")
        return place

    @property
    def flattened(self) -> bool:
        return bool(self.traits.get("flattened"))

    @property
    def streaming(self) -> bool:
        return bool(self.traits.get("streaming"))

    @property
    def event_stream(self) -> bool:
        return bool(self.traits.get("eventstream"))

    @property
    def payload(self) -> str | None:
        name: str | None = self.traits.get("payload")
        return name

    @property
    def json_value(self) -> bool:
        return bool(self.traits.get("jsonvalue"))

    @property
    def timestamp_format(self) -> str | None:
        form: str | None = self.traits.get("timestampFormat")
        return form

    @cached_property
    def members(self) -> dict[str, Shape]:
        return {name: self._of(reference) for name, reference in self.traits.get("members", {}).items()}

    @cached_property
    def body_members(self) -> dict[str, Shape]:
        """The members that go into the body, where the body is not one payload member."""
        return {name: member for name, member in self.members.items() if member.location is None}

    @cached_property
    def output_members(self) -> dict[str, Shape]:
        """The members that go into an answer's body: places that only requests have do not count there."""
        outside = ("header", "headers", "statusCode")
        return {name: member for name, member in self.members.items() if member.location not in outside}

    @cached_property
    def member(self) -> Shape:
        return self._of(self.traits["member"])

    @cached_property
    def key(self) -> Shape:
        return self._of(self.traits["key"])

    @cached_property
    def value(self) -> Shape:
        return self._of(self.traits["value"])

    def _of(self, reference: Mapping[str, Any]) -> Shape:
        return Shape(self._shapes, reference)

    def __repr__(self) -> str:
        return f"<Shape {self.name} {self.kind}>"
