"""What each CloudFormation resource type does when it is created, updated and deleted.

A resource type is a small class that turns properties into calls of the AWS APIs that dayfly itself serves, made
through `Site.call`: the same operations, validation and errors that an SDK meets. One module per service; each has a
`TYPES` table, gathered by `app/resources/table.py`. Services of companions (DynamoDB, S3 …) are called the same way.
What types share: `properties.py` reads what templates may write, `naming.py` names what has no name, `absent.py`
deletes what may be gone.

References: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from dayfly.identity import Caller, Scope
from dayfly.stacks.responses import Responses

Properties = dict[str, Any]


class Physical(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that exists: its `Ref` and what `Fn::GetAtt` can ask of it (dotted names for nested ones)."""

    id: str
    attributes: dict[str, Any] = {}


class Call(Protocol):
    async def __call__(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One AWS operation (`"sqs", "CreateQueue", {...}`) in this process. Raises api.Refused."""
        ...


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stack is being built."""

    caller: Caller
    stack: str
    stack_id: str
    call: Call
    endpoint: str
    """The platform's own URL, e.g. `http://127.0.0.1:4566`."""
    source: Path | None = None
    """The application's directory where the platform may read it (`dayfly dev`), else None."""
    responses: Responses | None = None
    """Where the functions of custom resources answer."""
    code: Mapping[str, Path] = {}
    """Directories that hold the code of functions and layers, by logical id; mounted from where they are."""

    @property
    def scope(self) -> Scope:
        return self.caller.scope

    async def do(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation, leaving out parameters that are None."""
        given = {name: value for name, value in params.items() if value is not None}
        return await self.call(self.caller, service, operation, given)


class Replace(Exception):
    """Raised by `update`: this change needs a new resource, after which the old one is deleted."""


class ResourceType(Protocol):
    ignored: frozenset[str]
    """Properties that are read and have no effect here; the compatibility report names them where they are used."""
    known: frozenset[str]
    """Properties that have an effect. Anything else is reported as unsupported."""

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical: ...

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical: ...

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None: ...


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """Something inside a property that the compatibility report names."""

    level: Literal["ignored", "unsupported"]
    what: str
    """As the report says it, before `of {type} ({logical id})`: `StageDescription.TracingEnabled`."""
    holder: Any = None
    """The mapping that it stands in, and under which key: where the report points to."""
    key: str | None = None


@runtime_checkable
class Remarking(Protocol):
    """A resource type some of whose properties have parts with an effect and parts without."""

    def remarks(self, properties: Properties) -> Iterable[Remark]:
        """Of properties as the template has them: intrinsic functions may stand anywhere."""
        ...
