"""HTTP APIs: events in, answers out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import asyncio
from base64 import b64encode

import msgspec
import pytest

from dayfly.functions.errors import TooManyRequests

ALLOW_ALL = {"AllowOrigins": ["*"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["content-type"], "MaxAge": 5}


async def test_the_event_is_aws_s_payload_2_0(world):
    api = await world.http_api("POST /pets/{id}")
    headers = [("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1; b=2"), ("User-Agent", "t"), ("Content-Type", "text/plain")]
    await world.ask(api, "POST", "/pets/a%20b?q=1&q=2&e=", headers, b"hi")
    event = world.event
    context = event.pop("requestContext")
    assert event.pop("headers") == {
        "host": "a.execute-api.localhost:4566",
        "x-a": "1,2",
        "user-agent": "t",
        "content-type": "text/plain",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": "4566",
        "x-forwarded-proto": "http",
    }
    assert event == {
        "version": "2.0",
        "routeKey": "POST /pets/{id}",
        "rawPath": "/pets/a b",
        "rawQueryString": "q=1&q=2&e=",
        "cookies": ["a=1", "b=2"],
        "queryStringParameters": {"q": "1,2", "e": ""},
        "pathParameters": {"id": "a b"},
        "body": "hi",
        "isBase64Encoded": False,
    }
    assert context.pop("requestId")
    assert context == {
        "accountId": "000000000000",
        "apiId": api,
        "domainName": "a.execute-api.localhost",
        "domainPrefix": "a",
        "http": {
            "method": "POST",
            "path": "/pets/a b",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "t",
        },
        "routeKey": "POST /pets/{id}",
        "stage": "$default",
        "time": "14/Nov/2023:22:13:20 +0000",
        "timeEpoch": 1_700_000_000_000,
    }


async def test_a_binary_body_is_base64(world):
    api = await world.http_api()
    await world.ask(api, "POST", "/", [("Content-Type", "image/png")], b"\x89PNG")
    assert (world.event["body"], world.event["isBase64Encoded"]) == (b64encode(b"\x89PNG").decode(), True)


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ({"statusCode": 201, "body": "x"}, 201, b"x"),
        ({"statusCode": "204"}, 204, b""),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, b"hi"),
        ({"message": "inferred"}, 200, b'{"message":"inferred"}'),
        ("text", 200, b'"text"'),
        ({"statusCode": "abc"}, 500, b'{"message":"Internal Server Error"}'),
        ({"statusCode": 200, "body": {"not": "text"}}, 500, b'{"message":"Internal Server Error"}'),
    ],
)
async def test_what_a_function_returns_becomes_the_answer(world, result, status, body):
    api = await world.http_api(run=lambda event: result)
    reply = await world.ask(api, "GET", "/")
    assert (reply.status, reply.body) == (status, body)


async def test_cookies_and_headers_of_every_type_are_passed_on(world):
    result = {"statusCode": 200, "headers": {"x-n": 1, "x-b": True}, "cookies": ["a=1", "b=2"]}
    api = await world.http_api(run=lambda event: result)
    headers = (await world.ask(api, "GET", "/")).headers
    assert [value for name, value in headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert ("x-n", "1") in headers
    assert ("x-b", "true") in headers
    assert any(name == "apigw-requestid" for name, _ in headers)


async def test_no_route_is_404(world):
    api = await world.http_api("GET /a")
    reply = await world.ask(api, "POST", "/a")
    assert (reply.status, reply.body) == (404, b'{"message":"Not Found"}')


async def test_a_function_that_fails_is_500_and_a_busy_one_429(world):
    def fails(event):
        raise ValueError("bug")

    def busy(event):
        raise TooManyRequests

    api = await world.http_api(run=fails)
    reply = await world.ask(api, "GET", "/")
    assert (reply.status, reply.body) == (500, b'{"message":"Internal Server Error"}')
    world.function("f", busy)
    assert (await world.ask(api, "GET", "/")).status == 429


async def test_a_function_slower_than_the_integration_is_503(world):
    async def slow(event):
        await asyncio.sleep(0.2)

    arn = world.function("slow", slow)
    api = await world.http_api()
    integration = (await world.v2("GetIntegrations", ApiId=api))["Items"][0]
    await world.v2(
        "UpdateIntegration",
        ApiId=api,
        IntegrationId=integration["IntegrationId"],
        IntegrationUri=arn,
        TimeoutInMillis=50,
    )
    reply = await world.ask(api, "GET", "/")
    assert (reply.status, reply.body) == (503, b'{"message":"Service Unavailable"}')


async def test_a_preflight_is_answered_without_a_route(world):
    api = await world.http_api("POST /a", CorsConfiguration=ALLOW_ALL)
    asked = [("Origin", "http://x"), ("Access-Control-Request-Method", "POST")]
    reply = await world.ask(api, "OPTIONS", "/a", asked)
    assert reply.status == 204
    assert dict(reply.headers)["access-control-allow-origin"] == "*"
    assert dict(reply.headers)["access-control-allow-methods"] == "GET,POST"
    assert dict(reply.headers)["access-control-max-age"] == "5"


async def test_the_configured_cors_headers_replace_the_function_s(world):
    result = {"statusCode": 200, "headers": {"access-control-allow-origin": "http://evil"}}
    api = await world.http_api(run=lambda event: result, CorsConfiguration={"AllowOrigins": ["http://x"]})
    reply = await world.ask(api, "GET", "/", [("Origin", "http://x")])
    origins = [value for name, value in reply.headers if name == "access-control-allow-origin"]
    assert origins == ["http://x"]
    reply = await world.ask(api, "GET", "/", [("Origin", "http://other")])
    assert dict(reply.headers).get("access-control-allow-origin") == "http://evil"


async def test_a_named_stage_is_the_path_s_first_part_and_stays_in_raw_path(world):
    api = await world.http_api("GET /a")
    await world.v2("CreateStage", ApiId=api, StageName="beta", AutoDeploy=True, StageVariables={"v": "1"})
    assert (await world.ask(api, "GET", "/beta/a")).status == 200
    assert world.event["rawPath"] == "/beta/a"
    assert world.event["stageVariables"] == {"v": "1"}


async def test_an_sqs_integration_answers_with_sqs_s_own_document(world):
    world.results["SendMessage"] = {"MessageId": "m-1", "MD5OfMessageBody": "x"}
    api = await world.http_api()
    integration = await world.v2(
        "CreateIntegration",
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationSubtype="SQS-SendMessage",
        PayloadFormatVersion="1.0",
        RequestParameters={"QueueUrl": "http://q", "MessageBody": "$request.body", "DelaySeconds": "5"},
    )
    target = f"integrations/{integration['IntegrationId']}"
    await world.v2("CreateRoute", ApiId=api, RouteKey="POST /submit", Target=target)
    reply = await world.ask(api, "POST", "/submit", [], b'{"a":1}')
    assert reply.status == 200
    assert b"<SendMessageResult><MessageId>m-1</MessageId>" in reply.body
    params = {"QueueUrl": "http://q", "MessageBody": '{"a":1}', "DelaySeconds": 5}
    assert world.calls == [("sqs", "SendMessage", params)]


async def test_put_events_maps_parts_of_the_body_and_the_context(world):
    world.results["PutEvents"] = {"FailedEntryCount": 0, "Entries": []}
    api = await world.http_api()
    parameters = {
        "Detail": "$request.body.detail",
        "DetailType": "$request.header.x-kind",
        "Source": "app.${context.stage}",
    }
    integration = await world.v2(
        "CreateIntegration",
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationSubtype="EventBridge-PutEvents",
        PayloadFormatVersion="1.0",
        RequestParameters=parameters,
    )
    target = f"integrations/{integration['IntegrationId']}"
    await world.v2("CreateRoute", ApiId=api, RouteKey="POST /e", Target=target)
    await world.ask(api, "POST", "/e", [("X-Kind", "k")], b'{"detail":{"n":1}}')
    entry = {"Detail": '{"n":1}', "DetailType": "k", "Source": "app.$default"}
    assert world.calls == [("events", "PutEvents", {"Entries": [entry]})]


async def test_an_http_proxy_passes_requests_to_its_backend(world):
    from dayfly.front import Listener, Response

    seen = []

    async def backend(request):
        seen.append(request)
        return Response(201, [("X-Back", "1")], b"from " + request.target.encode())

    listener = Listener()
    port = await listener.start("127.0.0.1", 0, backend)
    api = await world.http_api()
    integration = await world.v2(
        "CreateIntegration",
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=f"http://127.0.0.1:{port}/base/{{proxy}}",
    )
    target = f"integrations/{integration['IntegrationId']}"
    await world.v2("CreateRoute", ApiId=api, RouteKey="ANY /p/{proxy+}", Target=target)
    reply = await world.ask(api, "POST", "/p/a/b?c=d", [("X-A", "1")], b"body")
    assert (reply.status, reply.body) == (201, b"from /base/a/b?c=d")
    assert ("X-Back", "1") in reply.headers
    assert seen[0].body == b"body"
    await listener.stop(1)


@pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 403)])
async def test_a_simple_authorizer_decides_and_its_context_reaches_the_function(world, allowed, status):
    api = await world.http_api("GET /a")
    uri = world.function("auth", lambda event: {"isAuthorized": allowed, "context": {"user": "ada"}})
    authorizer = await world.v2(
        "CreateAuthorizer",
        ApiId=api,
        Name="x",
        AuthorizerType="REQUEST",
        AuthorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{uri}/invocations",
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"],
    )
    route = (await world.v2("GetRoutes", ApiId=api))["Items"][0]
    await world.v2(
        "UpdateRoute",
        ApiId=api,
        RouteId=route["RouteId"],
        AuthorizationType="CUSTOM",
        AuthorizerId=authorizer["AuthorizerId"],
    )
    assert (await world.ask(api, "GET", "/a")).status == 401
    assert not world.functions.events
    assert (await world.ask(api, "GET", "/a", [("Authorization", "t")])).status == status
    assert world.functions.events[0]["routeArn"].endswith(f":{api}/$default/GET/a")
    if allowed:
        assert world.event["requestContext"]["authorizer"] == {"lambda": {"user": "ada"}}


async def test_what_is_not_supported_says_so(world):
    api = await world.http_api()
    integration = await world.v2(
        "CreateIntegration",
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationSubtype="AppConfig-GetConfiguration",
        PayloadFormatVersion="1.0",
    )
    target = f"integrations/{integration['IntegrationId']}"
    await world.v2("CreateRoute", ApiId=api, RouteKey="GET /c", Target=target)
    reply = await world.ask(api, "GET", "/c")
    assert reply.status == 501
    assert "AppConfig-GetConfiguration" in msgspec.json.decode(reply.body)["message"]


async def test_apis_are_there_after_a_restart_and_requests_are_counted(world):
    api = await world.http_api()
    world.gateways = world.build(type(world.journal)(world.journal.records))
    world.gateways.load()
    assert (await world.ask(api, "GET", "/")).status == 200
    assert world.counted == [(("000000000000", "us-east-1"), "api", "a", "requests")]


async def test_an_openapi_document_becomes_routes(world):
    arn = world.function("f", lambda event: {"statusCode": 200, "body": event["routeKey"]})
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "payloadFormatVersion": "2.0"}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/items/{id}": {"get": {"x-amazon-apigateway-integration": proxy}},
            "/{proxy+}": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": proxy}},
            "/$default": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": proxy}},
        },
        "x-amazon-apigateway-cors": {"allowOrigins": ["*"]},
    }
    made = await world.v2("ImportApi", Body=msgspec.json.encode(document).decode())
    assert (made["Name"], made["CorsConfiguration"]) == ("shop", {"AllowOrigins": ["*"]})
    api = made["ApiId"]
    await world.v2("CreateStage", ApiId=api, StageName="$default", AutoDeploy=True)
    assert (await world.ask(api, "GET", "/items/1")).body == b"GET /items/{id}"
    assert (await world.ask(api, "PUT", "/items/1")).body == b"ANY /{proxy+}"
    assert (await world.ask(api, "PUT", "/")).body == b"$default"
