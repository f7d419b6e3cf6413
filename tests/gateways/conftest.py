from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dayfly.api.apigateway import ApiGateway
from dayfly.api.apigatewayv2 import ApiGatewayV2
from dayfly.api.connections import Connections
from dayfly.api.registry import Registry
from dayfly.clock import ManualClock
from dayfly.front.messages import Request
from dayfly.functions.errors import FunctionNotFound
from dayfly.gateways import Gateways
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal

SCOPE = Scope("000000000000", "us-east-1")
CALLER = Caller(scope=SCOPE)


class Outcome(msgspec.Struct):
    payload: bytes
    error: str | None = None


class FakeFunctions:
    """Functions by name: each a callable from event to result; raising makes an unhandled error."""

    def __init__(self) -> None:
        self.code: dict[str, Any] = {}
        self.events: list[Any] = []
        self.urls: dict[str, Any] = {}

    async def invoke(self, scope, name_or_arn, payload, *, source, on_chunk=None):
        name = name_or_arn.split(":function:")[-1].partition(":")[0]
        if name not in self.code:
            raise FunctionNotFound(name_or_arn)
        event = msgspec.json.decode(payload)
        self.events.append(event)
        run = self.code[name]
        try:
            result = run(event) if on_chunk is None else run(event, on_chunk)
            if hasattr(result, "__await__"):
                result = await result
        except ValueError as error:
            return Outcome(msgspec.json.encode({"errorMessage": str(error), "errorType": "Error"}), "Unhandled")
        return Outcome(b"" if result is None and on_chunk is not None else msgspec.json.encode(result))

    def url(self, url_id):
        return self.urls[url_id]


class World:
    """Gateways with their APIs, and everything around them faked."""

    scope = SCOPE
    caller = CALLER

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.journal = MemoryJournal()
        self.functions = FakeFunctions()
        self.calls: list[tuple[str, str, dict]] = []
        self.results: dict[str, dict] = {}
        self.counted: list[tuple] = []
        self.verify: Any = None
        self.gateways = self.build(self.journal)
        self.registry = Registry(
            {
                "apigateway": lambda: ApiGateway(self.gateways),
                "apigatewayv2": lambda: ApiGatewayV2(self.gateways),
                "apigatewaymanagementapi": lambda: Connections(self.gateways),
            },
            clock=self.clock,
            ids=SeededIds(1),
        )

    def check(self, request):
        return self.verify(request)

    def build(self, journal) -> Gateways:
        async def call(caller, service, operation, params):
            self.calls.append((service, operation, dict(params)))
            return self.results.get(operation, {})

        return Gateways(
            journal=journal,
            clock=self.clock,
            ids=SeededIds(),
            functions=self.functions,
            call=call,
            verify=self.check,
            count=lambda *what: self.counted.append(what),
        )

    async def v2(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.registry.call(CALLER, "apigatewayv2", operation, params)

    async def rest(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.registry.call(CALLER, "apigateway", operation, params)

    def function(self, name: str, run: Any) -> str:
        self.functions.code[name] = run
        return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"

    async def http_api(self, *keys: str, run: Any = None, payload: str = "2.0", **more: Any) -> str:
        """An HTTP API whose routes all lead to one function."""
        arn = self.function("f", run or (lambda event: {"statusCode": 200, "body": "ok"}))
        api = (await self.v2("CreateApi", Name="a", ProtocolType="HTTP", **more))["ApiId"]
        integration = await self.v2(
            "CreateIntegration",
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=arn,
            PayloadFormatVersion=payload,
        )
        target = f"integrations/{integration['IntegrationId']}"
        for key in keys or ("$default",):
            await self.v2("CreateRoute", ApiId=api, RouteKey=key, Target=target)
        await self.v2("CreateStage", ApiId=api, StageName="$default", AutoDeploy=True)
        return api

    async def rest_api(self, path: str = "/x", *, method: str = "ANY", run: Any = None, **more: Any) -> str:
        """A REST API with one method on one path that leads to a function, deployed to the stage `dev`."""
        arn = self.function("f", run or (lambda event: {"statusCode": 200, "body": "ok"}))
        made = await self.rest("CreateRestApi", name="r")
        api, parent = made["id"], made["rootResourceId"]
        for part in path.strip("/").split("/"):
            parent = (await self.rest("CreateResource", restApiId=api, parentId=parent, pathPart=part))["id"]
        where = {"restApiId": api, "resourceId": parent, "httpMethod": method}
        await self.rest("PutMethod", **where, **{"authorizationType": "NONE", **more})
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        await self.rest("PutIntegration", **where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        await self.rest("CreateDeployment", restApiId=api, stageName="dev")
        return api

    async def ask(self, api: str, method: str, target: str, headers: Any = (), body: bytes = b"") -> Any:
        """The reply to one request."""
        given = [("Host", "a.execute-api.localhost:4566"), *headers]
        request = Request(method, target, given, body)
        return await self.gateways.answer(request, api, None, request.raw_path)

    @property
    def event(self) -> dict[str, Any]:
        """The last event a function was given."""
        return self.functions.events[-1]


@pytest.fixture
async def world() -> World:
    return World()
