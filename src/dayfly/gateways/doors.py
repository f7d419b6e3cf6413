"""What the gateways need from the rest of the platform, handed in by whoever builds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from dayfly.gateways.traffic import Headers, Incoming, Reply
from dayfly.identity import Caller, Scope


class Outcome(Protocol):
    """What came of an invocation (`functions.Outcome`)."""

    @property
    def payload(self) -> bytes: ...
    @property
    def error(self) -> str | None: ...


class Functions(Protocol):
    async def invoke(
        self,
        scope: Scope,
        name_or_arn: str,
        payload: bytes,
        *,
        source: str,
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> Outcome: ...

    def url(self, url_id: str) -> Any:
        """Scope, function name (with qualifier), auth type, CORS and invoke mode of a function URL."""
        ...


class Call(Protocol):
    async def __call__(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One AWS operation in this process."""
        ...


Verify = Callable[[Incoming], "Caller | Awaitable[Caller]"]
"""Who signed this request; raises errors.Error for a signature that does not hold."""
Count = Callable[[Scope, str, str, str], object]
"""Meters one event: scope, kind, name, metric."""


class ServiceCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an AWS service as an `AWS` integration makes it."""

    region: str
    service: str
    """As in the service's host name, e.g. `states`."""
    action: str
    """The operation to put into the request; empty where `path`, headers and body say it."""
    method: str
    path: str
    query: dict[str, str]
    headers: Headers
    body: bytes


Ask = Callable[[Caller, ServiceCall], Awaitable[Reply]]
"""One AWS request in a caller's name, in the service's own protocol."""
