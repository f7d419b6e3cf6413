"""Requests for services that dayfly does not serve itself, and the same in this process for stacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dayfly.clock import Clock
from dayfly.companions import machines, replay
from dayfly.companions.child import Child
from dayfly.companions.inprocess import Clients
from dayfly.companions.proxy import Proxy
from dayfly.errors import Unavailable
from dayfly.front.messages import Headers, Request, Response
from dayfly.identity import Caller, Scope
from dayfly.store import Changes, Journal

_log = logging.getLogger("dayfly.companions")
Watch = Callable[[Request, Response, str, Scope], Awaitable[Changes]]
"""Given a request that changed something, its answer, the service and whose it is: what to commit with it."""
_FORM = "application/x-www-form-urlencoded"
ACCOUNT_HEADER = "x-moto-account-id"
"""http://docs.getmoto.org/en/latest/docs/multi_account.html"""


class Companions:
    """Who answers for other services. `endpoints` names real ones by service (botocore's names), e.g.
    `{"dynamodb": "http://127.0.0.1:8000"}`; moto answers for the rest. `directory` takes the child's output."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        directory: Path,
        endpoints: Mapping[str, str] | None = None,
        environment: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._journal = journal
        self._endpoints = {service: url.rstrip("/") for service, url in (endpoints or {}).items()}
        self._proxy = Proxy()
        self._clock = clock
        self._child = Child(directory=directory, clock=clock, prepare=self._restore, environment=environment)
        self._clients = Clients()
        self._drawing = asyncio.Lock()
        self._next = 1
        self.watch: Watch | None = None
        """Told of every change that a companion made, before it is acknowledged."""

    def load(self) -> None:
        """Find where the record of calls ends; the calls themselves are read when the child starts."""
        self._next = 1
        for key, _ in self._journal.load(replay.PREFIX):
            self._next = int(key.removeprefix(replay.PREFIX)) + 1

    @property
    def running(self) -> bool:
        """Whether the child process runs."""
        return self._child.running

    @property
    def pid(self) -> int | None:
        return self._child.pid

    async def answer(self, request: Request, service: str, scope: Scope) -> Response:
        """Answer one request. A companion that cannot be had is a 503 in the form the SDK expects."""
        try:
            named = self._endpoints.get(service)
            if named is not None:
                return await self._ask_named(named, request, service, scope)
            response = await self._ask_child(request, service, scope)
            return failed(request, service) if _is_page(response) else response
        except Unavailable as error:
            _log.warning("No answer for %s: %s", service, error.message)
            return unavailable(request, service, error.message)

    async def _ask_named(self, named: str, request: Request, service: str, scope: Scope) -> Response:
        target = urlsplit(named).path + request.target
        headers = _rehosted(request.headers, named)
        response = await self._proxy.forward(_base(named), request.method, target, headers, request.body)
        if response.status < 400 and replay.changes_state(request, replay.operation(request)):
            changes = await self._watched(request, response, service, scope)
            if changes:
                await self._journal.commit(changes)
        return response

    async def _watched(self, request: Request, response: Response, service: str, scope: Scope) -> Changes:
        return await self.watch(request, response, service, scope) if self.watch is not None else ()

    async def _ask_child(self, request: Request, service: str, scope: Scope) -> Response:
        url = await self._child.url()
        headers = [(name, value) for name, value in request.headers if name.lower() != ACCOUNT_HEADER]
        headers.append((ACCOUNT_HEADER, scope.account))
        if service == "s3" and request.method == "PUT":
            headers = _as_bytes(headers)
        name = replay.operation(request)
        if name == machines.OPERATION:
            return await machines.start_sync(lambda one: self._ask_child(one, service, scope), self._clock, request)
        if name == machines.STARTS:
            request = machines.named(request)
        if not replay.changes_state(request, name):
            return await self._proxy.forward(url, request.method, request.target, headers, request.body)
        if not replay.draws_ids(name):
            return await self._ask_and_keep(url, request, headers, service, scope, 0)
        async with self._drawing:
            seed = self._next
            await self._seed(url, seed)
            return await self._ask_and_keep(url, request, headers, service, scope, seed)

    async def _ask_and_keep(
        self, url: str, request: Request, headers: Headers, service: str, scope: Scope, seed: int
    ) -> Response:
        response = await self._proxy.forward(url, request.method, request.target, headers, request.body)
        if response.status < 400:
            key = f"{replay.PREFIX}{self._next:012d}"
            self._next += 1
            changes = await self._watched(request, response, service, scope)
            await self._journal.commit([(key, replay.kept(scope.account, request, headers, seed)), *changes])
        return response

    async def _seed(self, url: str, seed: int) -> None:
        # http://docs.getmoto.org/en/latest/docs/configuration/recorder/index.html (deterministic identifiers)
        await self._proxy.forward(url, "POST", f"/moto-api/seed?a={seed}", [], b"")

    async def _restore(self, url: str) -> None:
        """Repeat every call that was acknowledged to a fresh child."""
        count = 0
        for _, value in list(self._journal.load(replay.PREFIX)):
            call = replay.read(value)
            if call.seed:
                await self._seed(url, call.seed)
            response = await self._proxy.forward(url, call.method, call.target, call.headers, call.body)
            count += 1
            if response.status >= 400:
                _log.warning("A call could not be repeated: %s %s: %d", call.method, call.target, response.status)
        if count:
            _log.info("Companion services have their state again (%d calls)", count)

    async def call(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One operation (`"dynamodb", "CreateTable", {...}`) by botocore. Raises Refused."""
        return await self._clients.call(self._answer_for(caller, service), caller, service, operation, params)

    def _answer_for(self, caller: Caller, service: str) -> Any:
        async def answer(request: Request) -> Response:
            return await self.answer(request, service, caller.scope)

        return answer

    async def reset(self, account: str | None = None) -> None:
        """Forget what an account (or everybody) has here; endpoints that the user named are left alone."""
        gone: list[tuple[str, bytes | None]] = []
        for key, value in self._journal.load(replay.PREFIX):
            if account in (None, replay.read(value).account):
                gone.append((key, None))
        if gone:
            await self._journal.commit(gone)
            await self._child.restart()

    async def close(self) -> None:
        await self._proxy.close()
        await self._child.close()


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _as_bytes(headers: Headers) -> Headers:
    """An object that calls itself a form (as many HTTP clients do unasked) is kept, not read as a form."""
    return [
        (name, "binary/octet-stream" if name.lower() == "content-type" and value.startswith(_FORM) else value)
        for name, value in headers
    ]


def _rehosted(headers: Headers, url: str) -> Headers:
    """The user's own endpoint is asked by its own name; the signature stays the client's."""
    return [(name, value) for name, value in headers if name.lower() != "host"] + [("Host", urlsplit(url).netloc)]


def _is_page(response: Response) -> bool:
    """Whether this is the web server's own page for what its application stumbled over."""
    kinds = [value for name, value in response.headers if name.lower() == "content-type"]
    return response.status == 500 and kinds[:1] == ["text/html; charset=utf-8"]


def unavailable(request: Request, service: str, message: str) -> Response:
    """A 503 as JSON or XML, whichever the service's clients read."""
    return _error(request, 503, "ServiceUnavailable", f"The companion for {service} cannot answer: {message}")


def failed(request: Request, service: str) -> Response:
    """A 501, which SDKs do not try again: the same request would fail in the same way."""
    name = replay.operation(request) or f"{request.method} {request.raw_path}"
    text = f"dayfly does not serve {service} itself, and moto, which stands in for it, failed at this request ({name})"
    return _error(request, 501, "NotImplemented", text)


def _error(request: Request, status: int, code: str, text: str) -> Response:
    if request.header("x-amz-target") or "json" in request.header("content-type"):
        body = msgspec.json.encode({"__type": f"{code}Exception", "message": text})
        kind = "application/x-amz-json-1.1"
    else:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Error>'
            f"<Code>{code}</Code><Message>{escape(text, quote=False)}</Message></Error></ErrorResponse>"
        ).encode()
        kind = "text/xml"
    return Response(status, [("Content-Type", kind), ("x-amzn-errortype", f"{code}Exception")], body)
