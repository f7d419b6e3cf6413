"""WebSocket APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dayfly.api import Refused
from dayfly.front.messages import Request
from dayfly.gateways.sockets import Connected, PayloadTooLarge, route_key


class Wire:
    def __init__(self) -> None:
        self.sent: list = []
        self.closed: tuple | None = None

    def send(self, message):
        self.sent.append(message)

    def close(self, code=1000, reason=""):
        self.closed = (code, reason)

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def api_of(world, *, selection: str = "$request.body.action", **runs) -> str:
    made = await world.v2("CreateApi", Name="w", ProtocolType="WEBSOCKET", RouteSelectionExpression=selection)
    api = made["ApiId"]
    for name, run in runs.items():
        key = {"connect": "$connect", "disconnect": "$disconnect", "default": "$default"}.get(name, name)
        integration = await world.v2(
            "CreateIntegration", ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=world.function(name, run)
        )
        more = {"RouteResponseSelectionExpression": "$default"} if name == "hello" else {}
        target = f"integrations/{integration['IntegrationId']}"
        await world.v2("CreateRoute", ApiId=api, RouteKey=key, Target=target, **more)
    deployment = await world.v2("CreateDeployment", ApiId=api)
    await world.v2("CreateStage", ApiId=api, StageName="dev", DeploymentId=deployment["DeploymentId"])
    return api


def ok(event):
    return {"statusCode": 200}


async def opened(world, api, target: str = "/dev?token=t", headers=()) -> tuple[Connected, Wire]:
    request = Request("GET", target, [("Host", "x"), *headers])
    connected = await world.gateways.upgrade(request, api, "dev")
    assert isinstance(connected, Connected), connected
    wire = Wire()
    connected.opened(wire)
    return connected, wire


async def say(world, connected, message) -> None:
    connected.received(message)
    await world.gateways.stop(5)


async def test_connect_message_and_disconnect_reach_their_routes(world):
    api = await api_of(world, connect=ok, disconnect=ok, default=ok, move=ok)
    connected, _ = await opened(world, api, headers=[("X-A", "1")])
    event = world.event
    context = event["requestContext"]
    assert (context["eventType"], context["routeKey"], context["stage"]) == ("CONNECT", "$connect", "dev")
    assert (context["connectionId"], context["apiId"]) == (connected.id, api)
    assert event["headers"]["X-A"] == "1"
    assert event["queryStringParameters"] == {"token": "t"}
    await say(world, connected, '{"action":"move","x":1}')
    assert world.event["requestContext"]["routeKey"] == "move"
    assert world.event["requestContext"]["messageId"]
    assert (world.event["body"], world.event["isBase64Encoded"]) == ('{"action":"move","x":1}', False)
    await say(world, connected, "not json")
    assert world.event["requestContext"]["routeKey"] == "$default"
    connected.closed(1001, "left")
    await world.gateways.stop(5)
    context = world.event["requestContext"]
    assert (context["eventType"], context["disconnectStatusCode"]) == ("DISCONNECT", 1001)
    assert len(world.gateways.sockets) == 0


async def test_connect_can_refuse(world):
    api = await api_of(world, connect=lambda event: {"statusCode": 401})
    reply = await world.gateways.upgrade(Request("GET", "/dev", []), api, "dev")
    assert reply.status == 401


async def test_a_connect_that_fails_is_500(world):
    def fails(event):
        raise ValueError("bug")

    api = await api_of(world, connect=fails)
    assert (await world.gateways.upgrade(Request("GET", "/dev", []), api, "dev")).status == 500
    assert (await world.gateways.upgrade(Request("GET", "/x", []), api, "x")).status == 403


async def test_connect_chooses_the_subprotocol(world):
    result = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}
    api = await api_of(world, connect=lambda event: result)
    connected, _ = await opened(world, api)
    assert connected.subprotocol == "chat"


async def test_a_route_with_a_response_answers_the_client(world):
    api = await api_of(world, hello=lambda event: {"statusCode": 200, "body": "Hello"}, default=ok)
    connected, wire = await opened(world, api)
    await say(world, connected, '{"action":"hello"}')
    assert wire.sent == ["Hello"]
    await say(world, connected, '{"action":"other"}')
    assert wire.sent == ["Hello"]


async def test_without_a_matching_route_the_client_is_told(world):
    api = await api_of(world, connect=ok)
    connected, wire = await opened(world, api)
    await say(world, connected, "{}")
    said = msgspec.json.decode(wire.sent[0])
    assert (said["message"], said["connectionId"]) == ("Forbidden", connected.id)


async def test_a_message_whose_function_fails_is_told(world):
    def fails(event):
        raise ValueError("bug")

    api = await api_of(world, default=fails)
    connected, wire = await opened(world, api)
    await say(world, connected, "x")
    assert msgspec.json.decode(wire.sent[0])["message"] == "Internal server error"


@pytest.mark.parametrize(
    ("selection", "message", "key"),
    [
        ("$request.body.action", '{"action":"a"}', "a"),
        ("${request.body.action}", '{"action":"a"}', "a"),
        ("$request.body.x.y", '{"x":{"y":"deep"}}', "deep"),
        ("$request.body.action", "{}", "$default"),
        ("$request.body.action", "plain", "$default"),
        ("$request.body.n", '{"n":5}', "5"),
        ("$request.body.action", b"\x00", "$default"),
    ],
)
def test_the_selection_expression_finds_the_route(selection, message, key):
    assert route_key(selection, message) == key


async def test_a_server_s_message_reaches_the_client(world):
    api = await api_of(world, default=ok)
    connected, wire = await opened(world, api)

    async def call(operation, **params):
        given = {"ConnectionId": connected.id, **params}
        return await world.registry.call(world.caller, "apigatewaymanagementapi", operation, given)

    await call("PostToConnection", Data=b"text")
    await call("PostToConnection", Data=b"\xff\xfe")
    assert wire.sent == ["text", b"\xff\xfe"]
    assert (await call("GetConnection"))["Identity"]["SourceIp"] == "127.0.0.1"
    with pytest.raises(PayloadTooLarge):
        world.gateways.sockets.post(connected.id, b"x" * 131_073)
    await call("DeleteConnection")
    assert wire.closed
    with pytest.raises(Refused) as refused:
        await call("PostToConnection", Data=b"x")
    assert (refused.value.code, refused.value.status) == ("GoneException", 410)


async def test_an_idle_connection_ends_after_ten_minutes_and_any_after_two_hours(world):
    api = await api_of(world, default=ok)
    _, idle_wire = await opened(world, api)
    busy, busy_wire = await opened(world, api)
    for _ in range(13):
        world.clock.advance(9 * 60)
        if busy_wire.closed is None:
            await say(world, busy, "x")
    assert idle_wire.closed == (1001, "Going away")
    assert busy_wire.closed is None
    world.clock.advance(4 * 60)
    assert busy_wire.closed == (1001, "Going away")


async def test_a_request_authorizer_guards_connect(world):
    api = await api_of(world, connect=ok)
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
    result = {"principalId": "ada", "policyDocument": {"Statement": [statement]}, "context": {"k": "v"}}
    arn = world.function("auth", lambda event: result)
    authorizer = await world.v2(
        "CreateAuthorizer",
        ApiId=api,
        Name="x",
        AuthorizerType="REQUEST",
        AuthorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
        IdentitySource=["route.request.querystring.token"],
    )
    route = (await world.v2("GetRoutes", ApiId=api))["Items"][0]
    more = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer["AuthorizerId"]}
    await world.v2("UpdateRoute", ApiId=api, RouteId=route["RouteId"], **more)
    await world.v2("CreateDeployment", ApiId=api, StageName="dev")
    assert (await world.gateways.upgrade(Request("GET", "/dev", []), api, "dev")).status == 401
    await opened(world, api)
    assert world.event["requestContext"]["authorizer"]["principalId"] == "ada"
    await asyncio.sleep(0)
