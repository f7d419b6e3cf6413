"""All APIs of the platform, and the life of a request to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Unsupported
from dayfly.gateways.authorize import Authorizers
from dayfly.gateways.cors import is_preflight, preflight, with_cors
from dayfly.gateways.doors import Ask, Call, Count, Functions, Verify
from dayfly.gateways.integrations import Integrations
from dayfly.gateways.model import Api, ApiKey, ApiNotFound, Domain, Stage, UsagePlan
from dayfly.gateways.moment import Moment
from dayfly.gateways.plan import Plan, Step, compile_stage
from dayfly.gateways.refusals import customised
from dayfly.gateways.sockets import Connected, Sockets
from dayfly.gateways.traffic import JSON, Incoming, Reply, message
from dayfly.gateways.urls import UrlAnswers
from dayfly.gateways.validate import refusal as validation_refusal
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.store import Changes, Journal

_pack = msgspec.msgpack.Encoder().encode


class Gateways:
    """State: APIs, keys, usage plans, domains (stored); compiled stages and open sockets (in memory).

    `functions` invokes and resolves function URLs; `call` is the in-process door to AWS operations, `ask` that
    to AWS requests in a service's own protocol; `verify` says who
    signed a request; `endpoint` is the platform's own URL; `count` meters requests.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        functions: Functions,
        call: Call,
        ask: Ask | None = None,
        verify: Verify | None = None,
        endpoint: str = "http://127.0.0.1:4566",
        count: Count | None = None,
    ) -> None:
        self._journal = journal
        self.clock = clock
        self.ids = ids
        self.endpoint = endpoint
        self._count = count
        self.apis: dict[str, Api] = {}
        self.keys: dict[tuple[str, str], dict[str, ApiKey]] = {}
        self.usage_plans: dict[tuple[str, str], dict[str, UsagePlan]] = {}
        self.domains: dict[tuple[str, str], dict[str, Domain]] = {}
        self._plans: dict[tuple[str, str], tuple[Api, Plan]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.integrations = Integrations(functions, call, ask)
        self.authorizers = Authorizers(functions, verify)
        self.sockets = Sockets(self, clock)
        self._urls = UrlAnswers(functions, clock, ids, verify)

    # -- configuration -----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Build memory from the journal."""
        self.apis = {}
        self.keys, self.usage_plans, self.domains = {}, {}, {}
        self._plans.clear()
        for _, value in self._journal.load("apigw/api/"):
            api = msgspec.msgpack.decode(value, type=Api)
            self.apis[api.id] = api
        for part in (ApiKey, UsagePlan, Domain):
            kind, table = self._table(part)
            for key, value in self._journal.load(f"apigw/{kind}/"):
                _, _, account, region, name = key.split("/", 4)
                table.setdefault((account, region), {})[name] = msgspec.msgpack.decode(value, type=part)

    def put(self, api: Api) -> Changes:
        """Create or replace an API."""
        self.apis[api.id] = api
        self.authorizers.forget()
        return [(api.key, _pack(api))]

    def remove(self, api: Api) -> Changes:
        """Delete an API; its sockets are closed."""
        del self.apis[api.id]
        for stage in api.stages:
            self._plans.pop((api.id, stage), None)
        self.sockets.close_api(api.id)
        return [(api.key, None)]

    def put_part(self, scope: Scope, part: ApiKey | UsagePlan | Domain, name: str) -> Changes:
        kind, table = self._table(type(part))
        table.setdefault((scope.account, scope.region), {})[name] = part
        return [(f"apigw/{kind}/{scope.account}/{scope.region}/{name}", _pack(part))]

    def remove_part(self, scope: Scope, part: type[ApiKey | UsagePlan | Domain], name: str) -> Changes:
        kind, table = self._table(part)
        table.get((scope.account, scope.region), {}).pop(name, None)
        return [(f"apigw/{kind}/{scope.account}/{scope.region}/{name}", None)]

    def _table(self, part: type[Any]) -> tuple[str, dict[tuple[str, str], dict[str, Any]]]:
        if part is ApiKey:
            return "key", self.keys
        return ("plan", self.usage_plans) if part is UsagePlan else ("domain", self.domains)

    def commit(self, changes: Changes) -> Awaitable[None]:
        return self._journal.commit(changes)

    def of(self, scope: Scope, api_id: str, *, rest: bool) -> Api:
        """An API of one's own and of the right service. Raises ApiNotFound."""
        api = self.apis.get(api_id)
        if api is None or api.scope != scope or (api.kind == "rest") != rest:
            raise ApiNotFound(f"Invalid API identifier specified {scope.account}:{api_id}")
        return api

    def list(self, scope: Scope, *, rest: bool) -> Iterator[Api]:
        return (api for api in self.apis.values() if api.scope == scope and (api.kind == "rest") == rest)

    def plan_of(self, api: Api, stage: Stage) -> Plan:
        known = self._plans.get((api.id, stage.name))
        if known is not None and known[0] is api:
            return known[1]
        plan = compile_stage(api, stage)
        self._plans[api.id, stage.name] = (api, plan)
        return plan

    # -- requests ----------------------------------------------------------------------------------------------------

    async def answer(
        self, request: Incoming, api_id: str, stage: str | None, path: str, *, own_port: bool = False
    ) -> Reply:
        """One request to an HTTP or REST API.

        `path` is percent-encoded and without what led here; with `stage` None its first part may be a stage.
        `own_port`: it came in by a port of the API's own, which stands for its custom domain.
        """
        api = self.apis.get(api_id)
        if api is None or (api.disable_endpoint and not own_port) or api.kind == "websocket":
            return _nothing_here("rest" if api is None else api.kind, self.ids.uuid())
        found, path = _stage_of(api, stage, path)
        if found is None:
            return _nothing_here(api.kind, self.ids.uuid())
        plan = self.plan_of(api, found)
        moment = Moment(api, found, plan.scope, request, path or "/", self.ids.uuid(), self.clock.now_ms())
        self.count(plan)
        try:
            reply = await self._answer(plan, moment)
        except Unsupported as error:
            reply = Reply(501, [JSON], msgspec.json.encode({"message": error.message}))
        if api.kind == "http":
            if api.cors is not None:
                reply = with_cors(api.cors, request, reply)
            reply.headers.append(("apigw-requestid", moment.request_id))
        else:
            if plan.refusals and reply.refused:
                reply = customised(plan.refusals, reply, moment)
            reply.headers.append(("x-amzn-RequestId", moment.request_id))
            reply.headers.append(("x-amz-apigw-id", moment.request_id))
        return reply

    async def _answer(self, plan: Plan, moment: Moment) -> Reply:
        api, request = moment.api, moment.request
        match = plan.http.find(request.method, moment.path)
        if api.cors is not None and api.kind == "http" and is_preflight(request):
            exact = match is not None and match[0].key.startswith("OPTIONS ")
            if not exact:
                return preflight(api.cors, request)
        if match is None:
            if api.kind == "http":
                return message(404, "Not Found")
            return message(403, "Missing Authentication Token", error_type="MissingAuthenticationTokenException")
        step, moment.parameters = match
        moment.route_key = step.key
        if step.guarded:
            refusal = self._without_key(step, moment) or await self.authorizers.check(step, moment)
            if refusal is None and step.check is not None:
                refusal = validation_refusal(step.check, moment)
            if refusal is not None:
                return refusal
        return await self.integrations.run(step, moment)

    def _without_key(self, step: Step, moment: Moment) -> Reply | None:
        """A method that wants an API key takes an enabled one of a usage plan of this stage.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
        """
        if not step.api_key_required:
            return None
        api = moment.api
        scope = (api.account, api.region)
        value = moment.request.header("x-api-key")
        key = next((key for key in self.keys.get(scope, {}).values() if key.value == value and key.enabled), None)
        if key is not None:
            for plan in self.usage_plans.get(scope, {}).values():
                if key.id in plan.keys and any(
                    stage.get("apiId") == api.id and stage.get("stage") == moment.stage.name
                    for stage in plan.api_stages
                ):
                    return None
        return message(403, "Forbidden", error_type="ForbiddenException")

    async def upgrade(self, request: Incoming, api_id: str, stage: str) -> Reply | Connected:
        """One client that wants a WebSocket: a handler for the listener, or the refusal."""
        api = self.apis.get(api_id)
        found = api.stages.get(stage) if api is not None and api.kind == "websocket" else None
        if api is None or found is None:
            return message(403, "Forbidden", error_type="ForbiddenException")
        plan = self.plan_of(api, found)
        self.count(plan)
        try:
            return await self.sockets.upgrade(request, api, found, plan)
        except Unsupported as error:
            return Reply(501, [JSON], msgspec.json.encode({"message": error.message}))

    async def url(self, request: Incoming, url_id: str) -> Reply:
        """One request to a function URL."""
        return await self._urls.answer(request, url_id)

    def count(self, plan: Plan) -> None:
        """Meter one request or message."""
        if self._count is not None:
            self._count(plan.scope, "api", plan.name, "requests")

    # -- background ----------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, deadline_s: float) -> None:
        """Let the answers to messages and the $disconnect events in flight finish."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=deadline_s)
            for task in late:
                task.cancel()


def _stage_of(api: Api, stage: str | None, path: str) -> tuple[Stage | None, str]:
    """The stage, and the path without it."""
    if stage is not None:
        found = api.stages.get(stage)
        if found is not None or "$default" not in api.stages:
            return found, path
        return api.stages["$default"], f"/{stage}{path}"
    first, slash, rest = path.lstrip("/").partition("/")
    found = api.stages.get(first)
    if found is not None and first != "$default":
        return found, slash + rest or "/"
    return api.stages.get("$default"), path


def _nothing_here(kind: str, request_id: str) -> Reply:
    if kind == "http":
        reply = message(404, "Not Found")
        reply.headers.append(("apigw-requestid", request_id))
        return reply
    reply = message(403, "Forbidden", error_type="ForbiddenException")
    reply.headers.append(("x-amzn-RequestId", request_id))
    return reply
