"""Requests for services that dayfly does not serve itself, and the same in this process for stacks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from html import escape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from dayfly.api import Refused
from dayfly.clock import Clock
from dayfly.companions import machines, replay
from dayfly.companions.child import Child
from dayfly.companions.inprocess import Clients
from dayfly.companions.proxy import Proxy
from dayfly.companions.snapshot import CALLS_AT_THE_END, SERVICES, Snapshots, last_number
from dayfly.companions.user_pools import Post, Run, UserPools
from dayfly.errors import Unavailable
from dayfly.front.messages import Headers, Request, Response
from dayfly.identity import Caller, Scope
from dayfly.ids import Ids, RandomIds
from dayfly.store import Changes, Journal, JournalFailed

_log = logging.getLogger("dayfly.companions")
Watch = Callable[[Request, Response, str, Scope], Awaitable[Changes]]
"""Given a request that changed something, its answer, the service and whose it is: what to commit with it."""
_FORM = "application/x-www-form-urlencoded"
T = TypeVar("T")
_AT_THE_END_S = 5
ACCOUNT_HEADER = "x-moto-account-id"
"""http://docs.getmoto.org/en/latest/docs/multi_account.html"""
INSIDE_HEADER = "x-dayfly-inside"
"""What only the platform tells the child with a request (see `pools_inside.py`); taken away from what others send."""
_OURS = frozenset({ACCOUNT_HEADER, INSIDE_HEADER})


class _Restored(msgspec.Struct, frozen=True):
    """What a fresh child took in from a snapshot: whole services, as of a call's number."""

    last: int = 0
    services: frozenset[str] = frozenset()


class Companions:
    """Who answers for other services. `endpoints` names real ones by service (botocore's names), e.g.
    `{"dynamodb": "http://127.0.0.1:8000"}`; moto answers for the rest. `directory` takes the child's output; `run` and
    `post` are how user pools reach functions and the inbox."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        directory: Path,
        endpoints: Mapping[str, str] | None = None,
        environment: Callable[[], Mapping[str, str]] | None = None,
        ids: Ids | None = None,
        run: Run | None = None,
        post: Post | None = None,
    ) -> None:
        self._journal = journal
        self._endpoints = {service: url.rstrip("/") for service, url in (endpoints or {}).items()}
        self._proxy = Proxy()
        self._clock = clock
        self._snapshots = Snapshots(directory)
        self._child = Child(
            directory=directory,
            clock=clock,
            prepare=self._restore,
            environment=environment,
            snapshot=lambda: self._snapshots.path,
        )
        self._clients = Clients()
        self._pools = UserPools(
            journal=journal, clock=clock, ids=ids or RandomIds(), ask=self._ask_pools, run=run, post=post
        )
        self._drawing = asyncio.Lock()
        self._order: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By service: what changes it is asked one after the other, so that repeating it gives the same state."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next = 1
        self._last = 0
        """The number of the last call to a service that snapshots hold."""
        self.watch: Watch | None = None
        """Told of every change that a companion made, before it is acknowledged."""

    def load(self) -> None:
        """Find where the record of calls ends; the calls themselves are read when the child starts."""
        self._last = last_number(self._journal, replay.PREFIX, replay.DIGITS)
        self._next = self._last + 1
        self._snapshots.load(self._journal)

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
            if service == "cognito-idp":
                response = await self._pools.answer(request, replay.operation(request), scope)
            else:
                response = await self._ask_child(request, service, scope)
            return failed(request, service) if _is_page(response) else response
        except Refused as error:
            return refused(request, error.status or 400, error.code, error.message)
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

    async def _ask_pools(self, request: Request, scope: Scope, inside: Mapping[str, Any]) -> Response:
        return await self._ask_child(request, "cognito-idp", scope, inside)

    async def _ask_child(
        self, request: Request, service: str, scope: Scope, inside: Mapping[str, Any] | None = None
    ) -> Response:
        url = await self._child.url()
        headers = [(name, value) for name, value in request.headers if name.lower() not in _OURS]
        headers.append((ACCOUNT_HEADER, scope.account))
        if inside is not None:
            headers.append((INSIDE_HEADER, json.dumps(inside)))
        if service == "s3" and request.method == "PUT":
            headers = _as_bytes(headers)
        name = replay.operation(request)
        if name == machines.OPERATION:
            return await machines.start_sync(lambda one: self._ask_child(one, service, scope), self._clock, request)
        if name == machines.STARTS:
            request = machines.named(request)
        if not replay.changes_state(request, name):
            return await self._proxy.forward(url, request.method, request.target, headers, request.body)
        # Whoever asked may go away; what the companion did is kept all the same, because others may see it.
        return await asyncio.shield(self._task(self._ask_and_keep(url, request, headers, service, scope)))

    async def _ask_and_keep(self, url: str, request: Request, headers: Headers, service: str, scope: Scope) -> Response:
        # User pools draw from a seed of their own, which comes with the request.
        draws = service != "cognito-idp" and replay.draws_ids(replay.operation(request))
        async with self._in_order(service, draws):
            # Secrets are drawn, too: nobody must be able to guess the seed.
            seed = secrets.randbits(62) | 1 if draws else 0
            if seed:
                await self._seed(url, seed)
            response = await self._proxy.forward(url, request.method, request.target, headers, request.body)
            if response.status >= 400:
                return response
            changes = await self._watched(request, response, service, scope)
            # Another service's call may have been kept meanwhile.
            number, self._next = self._next, self._next + 1
            call = replay.kept(scope.account, service, request, headers, seed)
            durable = self._journal.commit([(replay.key_of(number), call), *changes])
            if service in SERVICES:
                self._last = number
        await durable
        if service in SERVICES and self._snapshots.due(number):
            self._snapshots.taken_at = number  # from here on, so that those who wrote at the same time ask for no other
            self._task(self._take_snapshot(url))
        return response

    @asynccontextmanager
    async def _in_order(self, service: str, draws: bool) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            if draws:
                await held.enter_async_context(self._drawing)
            await held.enter_async_context(self._order[service])
            yield

    def _task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits gets it; where nobody does any more it is not news

    async def _take_snapshot(self, url: str, *, wait: bool = False) -> None:
        async with AsyncExitStack() as held:
            for service in sorted(SERVICES):
                await held.enter_async_context(self._order[service])
            # Nobody changes these services now. What they have been told must be durable first: a number that a crash
            # takes back is given again, to a call that the snapshot would seem to hold.
            await self._journal.commit(())
            self._snapshots.taken_at = self._last
            target = f"/dayfly/snapshot?last={self._last}&services={','.join(sorted(SERVICES))}&wait={int(wait)}"
            await self._proxy.forward(url, "GET", target, [], b"")

    async def _seed(self, url: str, seed: int) -> None:
        # http://docs.getmoto.org/en/latest/docs/configuration/recorder/index.html (deterministic identifiers)
        await self._proxy.forward(url, "POST", f"/moto-api/seed?a={seed}", [], b"")

    async def _restore(self, url: str) -> None:
        """Repeat the calls that were acknowledged to a fresh child, but for those that its snapshot holds."""
        restored = (await self._proxy.forward(url, "GET", "/dayfly/restored", [], b"")).body
        snapshot = msgspec.json.decode(restored if isinstance(restored, bytes) else b"{}", type=_Restored)
        self._snapshots.taken_at = snapshot.last
        missing = [
            call
            for key, value in self._journal.load(replay.PREFIX)
            for call in (replay.read(value),)
            if replay.number_of(key) > snapshot.last or call.service not in snapshot.services
        ]
        for call in missing:
            if call.seed:
                await self._seed(url, call.seed)
            response = await self._proxy.forward(url, call.method, call.target, call.headers, call.body)
            if response.status >= 400:
                _log.warning("A call could not be repeated: %s %s: %d", call.method, call.target, response.status)
        if missing:
            _log.info("Companion services have their state again (%d calls)", len(missing))

    async def call(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One operation (`"dynamodb", "CreateTable", {...}`) by botocore. Raises Refused."""
        return await self._clients.call(self._answer_for(caller, service), caller, service, operation, params)

    def _answer_for(self, caller: Caller, service: str) -> Any:
        async def answer(request: Request) -> Response:
            return await self.answer(request, service, caller.scope)

        return answer

    async def reset(self, account: str | None = None) -> None:
        """Forget what an account (or everybody) has here; endpoints that the user named are left alone."""
        gone: list[tuple[str, bytes | None]] = [
            (key, None)
            for key, value in self._journal.load(replay.PREFIX)
            if account in (None, replay.read(value).account)
        ]
        if gone or self._child.running:
            await self._journal.commit([*gone, self._snapshots.begin(f"{self._clock.now_ms():x}")])
            await self._child.restart()

    async def close(self) -> None:
        if self._child.running and self._last - self._snapshots.taken_at >= CALLS_AT_THE_END:
            await self._last_snapshot()
        await self._proxy.close()
        await self._child.close()

    async def _last_snapshot(self) -> None:
        """So that the next start has little to repeat; not worth more than a moment."""
        with contextlib.suppress(TimeoutError, Unavailable, JournalFailed):
            async with asyncio.timeout(_AT_THE_END_S):
                await self._take_snapshot(await self._child.url(), wait=True)


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
    return refused(request, 503, "ServiceUnavailableException", f"The companion for {service} cannot answer: {message}")


def failed(request: Request, service: str) -> Response:
    """A 501, which SDKs do not try again: the same request would fail in the same way."""
    name = replay.operation(request) or f"{request.method} {request.raw_path}"
    text = f"dayfly does not serve {service} itself, and moto, which stands in for it, failed at this request ({name})"
    return refused(request, 501, "NotImplementedException", text)


def refused(request: Request, status: int, code: str, text: str) -> Response:
    """An error as JSON or XML, whichever the service's clients read."""
    if request.header("x-amz-target") or "json" in request.header("content-type"):
        body = msgspec.json.encode({"__type": code, "message": text})
        kind = "application/x-amz-json-1.1"
    else:
        said = f"<Code>{code.removesuffix('Exception')}</Code><Message>{escape(text, quote=False)}</Message>"
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        body = f"{head}<ErrorResponse><Error>{said}</Error></ErrorResponse>".encode()
        kind = "text/xml"
    return Response(status, [("Content-Type", kind), ("x-amzn-errortype", code)], body)
