"""All AWS APIs that dayfly serves, by service: made when first called, reached over HTTP or from within.

Two doors: `answer` takes an HTTP request, `call` takes parameters from this process; both check them against the
service's model and run the same handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from dayfly.api import Api, Params, Refused
from dayfly.api.answer import answer
from dayfly.api.errors import Faults, wire_error
from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.front.messages import Request, Response
from dayfly.identity import Caller, Scope
from dayfly.identity.keys import Keys, account_in
from dayfly.ids import Ids
from dayfly.wire import locate, signing
from dayfly.wire.calls import Call
from dayfly.wire.coercion import coerced
from dayfly.wire.operations import Operation, Service
from dayfly.wire.refusals import Rejected

Handler = Callable[[Caller, Params], Awaitable[Params]]
FallbackCall = Callable[[Caller, str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
OnRequest = Callable[[Caller, str, str, Params, Params], None]
"""Told of each HTTP request at its end: caller, service, operation, parameters and result (both empty if it failed)."""

_NOTHING: Params = {}


class Registry:
    """The services by botocore's names of them.

    Without `keys` any key works: an access key id of twelve digits is the account, every other means the default
    account. With `keys` every request must carry a signature by a key that they know. `on_request` is told of each
    request over HTTP when it ends. `fallback_call` takes `call`s for services that are not here.
    """

    def __init__(
        self,
        apis: Mapping[str, Callable[[], Api]],
        *,
        clock: Clock,
        ids: Ids,
        default_account: str = "000000000000",
        default_region: str = "us-east-1",
        keys: Keys | None = None,
        on_request: OnRequest | None = None,
        fallback_call: FallbackCall | None = None,
        cache_directory: Path | None = None,
    ) -> None:
        self.ids = ids
        self.keys = keys
        self.fallback_call = fallback_call
        self._factories = dict(apis)
        self._clock = clock
        self.default = Scope(default_account, default_region)
        self._on_request = on_request
        self._cache_directory = cache_directory
        self._apis: dict[str, Api] = {}
        self._services: dict[str, Service] = {}
        self._handlers: dict[Operation, Handler] = {}

    @property
    def service_names(self) -> list[str]:
        return sorted(self._factories)

    def answer(self, request: Request) -> Awaitable[Response | None]:
        """Answer an HTTP request; None where no service of ours is meant. Never raises for what a client sent."""
        return answer(self, request)

    async def call(
        self, caller: Caller, service: str, operation: str, params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One operation, from within this process: parameters brought into the model's types and validated as over
        HTTP. Raises Refused in AWS's words; anything unexpected goes through as it is."""
        if service not in self._factories:
            if self.fallback_call is None:
                raise Refused("UnknownService", f"dayfly does not serve {service}", 501)
            return await self.fallback_call(caller, service, operation, self._coerced(service, operation, params or {}))
        try:
            found = self.service(service).operation(operation)
            if found is None:
                raise Rejected("UnknownOperationException", f"{service} has no operation {operation}")
            handler = self.handler(found)
            given = coerced(found.input, params or {}) if found.input is not None else {}
            found.validate(given)
            return await handler(caller, given)
        except Refused:
            raise
        except Error as error:
            said = wire_error(self.faults(service), error)
            raise Refused(said.code, said.message, said.status, said.members) from error

    def _coerced(self, service: str, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """As templates may give them, for a service that is not here."""
        found = self.service(service).operation(operation)
        return coerced(found.input, params) if found is not None and found.input is not None else params

    def service(self, name: str) -> Service:
        """The service's model, read on first use."""
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = Service.load(name, self._cache_directory)
        return found

    def service_for(self, request: Request, scope: locate.Credential | None) -> Service | None:
        """The service of ours that a request is for, or None."""
        name = locate.service_of(request, scope)
        return self.service(name) if name is not None and name in self._factories else None

    def api(self, name: str) -> Api:
        """The service's handlers, made on first use."""
        found = self._apis.get(name)
        if found is None:
            found = self._apis[name] = self._factories[name]()
        return found

    def faults(self, service: str) -> Faults:
        return self._apis[service].FAULTS if service in self._apis else {}

    def handler(self, operation: Operation) -> Handler:
        """The method for an operation. Raises Rejected, naming it, where there is none."""
        found = self._handlers.get(operation)
        if found is None:
            service = operation.service.name
            method = getattr(self.api(service), operation.handler_name, None)
            if method is None:
                text = f"dayfly does not support {service}:{operation.name} yet"
                raise Rejected("UnsupportedOperation", text, 501)
            found = self._handlers[operation] = method
        return found

    async def run(self, caller: Caller, call: Call, request: Request) -> Params:
        """Run the handler of a call, and say how it went: what is counted of a resource must be known to be one."""
        operation = call.operation
        handler = self.handler(operation)
        params = result = _NOTHING
        try:
            given = call.read(request)
            result = await handler(caller, given)
            params = given
        finally:
            if self._on_request is not None:
                self._on_request(caller, operation.service.name, operation.name, params, result)
        return result

    def identify(
        self,
        request: Request,
        scope: locate.Credential | None = None,
        *,
        request_id: str = "",
        protocol: str = "",
    ) -> Caller:
        """Who calls. Raises Rejected (403) where signatures are verified and this one does not hold."""
        scope = scope or locate.credential(request)
        key_id = scope.access_key_id if scope is not None else ""
        region = scope.region if scope is not None and scope.region else self.default.region
        if self.keys is None:
            account = account_in(key_id) or self.default.account
        else:
            # SQS keeps its old codes in JSON, too.
            older = protocol in ("query", "rest-xml") or (scope is not None and scope.signing_name == "sqs")
            claim = signing.claim_of(request, scope, query_protocol=older)
            signing.verify(request, claim, self.keys.find, self._clock.now_ms(), query_protocol=older)
            account = self.keys.account_of(key_id)
        return Caller(
            scope=Scope(account, region),
            access_key_id=key_id or "test",
            request_id=request_id,
            source_ip=request.peer,
            user_agent=request.header("user-agent"),
            session_token=request.header("x-amz-security-token"),
        )
