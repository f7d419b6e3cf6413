"""The records of stacks; times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.errors import Error
from dayfly.identity.names import Scope


class StackNotFound(Error):
    """There is no such stack."""


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    logical_id: str
    type: str
    physical_id: str = ""
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    attributes: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    """As they were given to the resource type, without intrinsics."""
    order: int = 0
    """Its place in the order of creation; deletion goes backwards."""
    retain: bool = False
    placeholder: bool = False
    """It stands for something that is not supported; there is nothing behind it."""
    at_ms: int = 0


class Export(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: Any
    stack_id: str


class Output(msgspec.Struct, frozen=True, kw_only=True):
    value: Any
    description: str = ""
    export: str = ""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    id: str
    account: str
    region: str
    status: str
    reason: str = ""
    description: str = ""
    created_ms: int
    updated_ms: int
    template: str = ""
    """The template as JSON text."""
    parameters: dict[str, str] = {}
    outputs: dict[str, Output] = {}
    tags: dict[str, str] = {}
    functions: dict[str, list[str]] = {}
    """Key → [name, logical id], as in `Application.functions`."""
    endpoint: str = ""
    """The platform's URL when it was built; ids such as a queue's URL begin with it."""
    source: str = ""
    """The file the application was read from, where there is one."""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    stack_id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    at_ms: int
