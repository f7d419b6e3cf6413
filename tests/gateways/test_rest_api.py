"""REST APIs: payload 1.0, strict answers, authorizers, keys, fixed answers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import msgspec
import pytest

from dayfly.api import Refused
from dayfly.front import Request

MISSING = b'{"message":"Missing Authentication Token"}'


async def test_the_event_is_aws_s_payload_1_0(world):
    api = await world.rest_api("/pets/{id}")
    headers = [("X-A", "1"), ("X-A", "2"), ("Content-Type", "application/json")]
    await world.ask(api, "POST", "/dev/pets/7?q=1&q=2", headers, b'{"a":1}')
    event = world.event
    context = event.pop("requestContext")
    assert event.pop("headers") == {
        "Host": "a.execute-api.localhost:4566",
        "X-A": "2",
        "Content-Type": "application/json",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "4566",
        "X-Forwarded-Proto": "http",
    }
    assert event.pop("multiValueHeaders")["X-A"] == ["1", "2"]
    assert event == {
        "resource": "/pets/{id}",
        "path": "/pets/7",
        "httpMethod": "POST",
        "queryStringParameters": {"q": "2"},
        "multiValueQueryStringParameters": {"q": ["1", "2"]},
        "pathParameters": {"id": "7"},
        "stageVariables": None,
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }
    assert (context["resourcePath"], context["path"], context["stage"]) == ("/pets/{id}", "/dev/pets/7", "dev")
    assert context["identity"]["sourceIp"] == "127.0.0.1"


async def test_absent_parts_are_null(world):
    api = await world.rest_api()
    await world.ask(api, "GET", "/dev/x")
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body", "stageVariables")
    assert [world.event[name] for name in absent] == [None] * 5


async def test_no_resource_or_method_is_403_missing_authentication_token(world):
    api = await world.rest_api("/x", method="GET")
    for method, path in (("GET", "/dev/y"), ("POST", "/dev/x")):
        reply = await world.ask(api, method, path)
        assert (reply.status, reply.body) == (403, MISSING)
        assert ("x-amzn-ErrorType", "MissingAuthenticationTokenException") in reply.headers
    assert (await world.ask(api, "GET", "/nostage/x")).body == b'{"message":"Forbidden"}'


@pytest.mark.parametrize("result", ["text", {"statusCode": 200, "extra": 1}, {"statusCode": 200, "body": {}}, None])
async def test_a_malformed_result_is_502(world, result):
    api = await world.rest_api(run=lambda event: result)
    reply = await world.ask(api, "GET", "/dev/x")
    assert (reply.status, reply.body) == (502, b'{"message":"Internal server error"}')


async def test_a_function_that_fails_is_502(world):
    def fails(event):
        raise ValueError("bug")

    api = await world.rest_api(run=fails)
    assert (await world.ask(api, "GET", "/dev/x")).status == 502


async def test_multi_value_headers_are_all_sent(world):
    result = {"statusCode": 200, "headers": {"A": "1", "B": "x"}, "multiValueHeaders": {"A": ["1", "2"]}}
    api = await world.rest_api(run=lambda event: result)
    headers = (await world.ask(api, "GET", "/dev/x")).headers
    assert [value for name, value in headers if name == "A"] == ["1", "2"]
    assert ("B", "x") in headers


async def test_changes_are_served_once_they_are_deployed(world):
    api = await world.rest_api("/x")
    root = (await world.rest("GetRestApi", restApiId=api))["rootResourceId"]
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    await world.rest("PutMethod", **where, authorizationType="NONE")
    with pytest.raises(Refused, match="No integration defined for method"):
        await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    templates = {"application/json": '{"statusCode":200}'}
    await world.rest("PutIntegration", **where, type="MOCK", requestTemplates=templates)
    await world.rest("PutIntegrationResponse", **where, statusCode="200", responseTemplates={"application/json": "{}"})
    assert (await world.ask(api, "GET", "/dev")).status == 403
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    reply = await world.ask(api, "GET", "/dev")
    assert (reply.status, reply.body) == (200, b"{}")


async def test_a_mock_method_answers_preflights_as_the_frameworks_make_them(world):
    api = await world.rest_api("/x", method="GET")
    resources = (await world.rest("GetResources", restApiId=api))["items"]
    resource = next(one["id"] for one in resources if one["path"] == "/x")
    where = {"restApiId": api, "resourceId": resource, "httpMethod": "OPTIONS"}
    await world.rest("PutMethod", **where, authorizationType="NONE")
    await world.rest("PutIntegration", **where, type="MOCK", requestTemplates={"application/json": "{statusCode:200}"})
    parameters = {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": "'OPTIONS,POST'",
    }
    script = (
        '#set($origin = $input.params("Origin"))\n#if($origin == "") #set($origin = $input.params("origin")) #end\n'
        '#if($origin.matches(".*")) #set($context.responseOverride.header.Access-Control-Allow-Origin = $origin) #end'
    )
    await world.rest(
        "PutIntegrationResponse",
        **where,
        statusCode="200",
        responseParameters=parameters,
        responseTemplates={"application/json": script},
    )
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    reply = await world.ask(api, "OPTIONS", "/dev/x", [("Origin", "http://x")])
    assert reply.status == 200
    assert dict(reply.headers)["Access-Control-Allow-Origin"] == "http://x"
    assert dict(reply.headers)["Access-Control-Allow-Methods"] == "OPTIONS,POST"
    assert reply.body == b""


def policy(effect: str, resource: str = "*") -> dict:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": "ada",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"n": 1, "yes": True},
    }


async def guarded(world, run, **more):
    api = await world.rest_api("/x")
    arn = world.function("auth", run)
    authorizer = await world.rest(
        "CreateAuthorizer",
        restApiId=api,
        name="x",
        type="TOKEN",
        authorizerUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
        identitySource="method.request.header.Authorization",
        **more,
    )
    resources = (await world.rest("GetResources", restApiId=api))["items"]
    resource = next(one["id"] for one in resources if one["path"] == "/x")
    patches = [
        {"op": "replace", "path": "/authorizationType", "value": "CUSTOM"},
        {"op": "replace", "path": "/authorizerId", "value": authorizer["id"]},
    ]
    await world.rest("UpdateMethod", restApiId=api, resourceId=resource, httpMethod="ANY", patchOperations=patches)
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    return api


async def test_a_token_authorizer_lets_pass_with_its_context_as_text(world):
    api = await guarded(world, lambda event: policy("Allow"))
    assert (await world.ask(api, "GET", "/dev/x", [("authorization", "t")])).status == 200
    asked = world.functions.events[0]
    assert (asked["type"], asked["authorizationToken"]) == ("TOKEN", "t")
    assert asked["methodArn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api}/dev/GET/x"
    context = world.event["requestContext"]["authorizer"]
    assert context == {"principalId": "ada", "integrationLatency": 0, "n": "1", "yes": "true"}


@pytest.mark.parametrize(
    ("run", "headers", "status", "body"),
    [
        (
            lambda event: policy("Deny"),
            [("Authorization", "t")],
            403,
            b'{"Message":"User is not authorized to access this resource with an explicit deny"}',
        ),
        (
            lambda event: policy("Allow", "arn:aws:execute-api:*:*:*/dev/POST/*"),
            [("Authorization", "t")],
            403,
            b'{"Message":"User is not authorized to access this resource"}',
        ),
        (lambda event: policy("Allow"), [], 401, b'{"message":"Unauthorized"}'),
        (lambda event: "nonsense", [("Authorization", "t")], 500, b'{"message":null}'),
    ],
)
async def test_who_an_authorizer_refuses_is_told_in_aws_s_words(world, run, headers, status, body):
    api = await guarded(world, run)
    reply = await world.ask(api, "GET", "/dev/x", headers)
    assert (reply.status, reply.body) == (status, body)


async def test_an_authorizer_that_throws_unauthorized_means_401(world):
    def throws(event):
        raise ValueError("Unauthorized")

    api = await guarded(world, throws)
    assert (await world.ask(api, "GET", "/dev/x", [("Authorization", "t")])).status == 401


async def test_a_verdict_is_kept_for_its_time_to_live(world):
    api = await guarded(world, lambda event: policy("Allow"), authorizerResultTtlInSeconds=60)

    async def asked() -> int:
        world.functions.events.clear()
        await world.ask(api, "GET", "/dev/x", [("Authorization", "t")])
        return sum("methodArn" in event for event in world.functions.events)

    assert [await asked(), await asked()] == [1, 0]
    world.clock.advance(61)
    assert await asked() == 1


async def test_a_method_that_wants_a_key_takes_one_of_the_stage_s_usage_plan(world):
    api = await world.rest_api("/x", apiKeyRequired=True)
    key = await world.rest("CreateApiKey", name="k", enabled=True, value="a-key-of-more-than-20-letters")
    given = [("X-Api-Key", key["value"])]
    assert (await world.ask(api, "GET", "/dev/x", given)).status == 403
    plan = await world.rest("CreateUsagePlan", name="p", apiStages=[{"apiId": api, "stage": "dev"}])
    await world.rest("CreateUsagePlanKey", usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert (await world.ask(api, "GET", "/dev/x", given)).status == 200
    assert (await world.ask(api, "GET", "/dev/x")).body == b'{"message":"Forbidden"}'


async def test_an_openapi_document_becomes_resources(world):
    arn = world.function("f", lambda event: {"statusCode": 200, "body": event["resource"]})
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    document = {
        "swagger": "2.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/": {"get": {"x-amazon-apigateway-integration": proxy}},
            "/a/{id}": {"get": {"x-amazon-apigateway-integration": proxy}},
            "/b/{proxy+}": {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": proxy}},
        },
    }
    made = await world.rest("ImportRestApi", body=msgspec.json.encode(document))
    await world.rest("CreateDeployment", restApiId=made["id"], stageName="Prod")
    for path, resource in (("/Prod/", b"/"), ("/Prod/a/1", b"/a/{id}"), ("/Prod/b/c/d", b"/b/{proxy+}")):
        assert (await world.ask(made["id"], "GET", path)).body == resource


async def answered_as(world, api, kind, status=None, headers=(), templates=None):
    parameters = {f"gatewayresponse.header.{name}": value for name, value in headers}
    more = {"statusCode": status} if status else {}
    await world.rest(
        "PutGatewayResponse", restApiId=api, responseType=kind, responseParameters=parameters,
        responseTemplates=templates or {}, **more,
    )  # fmt: skip
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")


async def test_gateway_responses_shape_what_the_api_itself_refuses(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html"""
    api = await guarded(world, lambda event: policy("Deny"))
    origin = ("Access-Control-Allow-Origin", "'*'")
    await answered_as(world, api, "DEFAULT_4XX", headers=[origin])
    for headers, status in (([], 401), ([("authorization", "t")], 403)):
        reply = await world.ask(api, "GET", "/dev/x", headers)
        assert (reply.status, dict(reply.headers)["Access-Control-Allow-Origin"]) == (status, "*")
    assert dict((await world.ask(api, "GET", "/dev/none")).headers)["Access-Control-Allow-Origin"] == "*"
    template = '{"error": $context.error.messageString, "type": "$context.error.responseType", "of": "$context.stage"}'
    headers = [("X-Asked", "method.request.header.X-Ask"), ("X-Id", "context.apiId")]
    await answered_as(world, api, "ACCESS_DENIED", "404", headers, {"application/json": template})
    reply = await world.ask(api, "GET", "/dev/x", [("authorization", "t"), ("x-ask", "this")])
    assert reply.status == 404
    assert reply.body == (
        b'{"error": "User is not authorized to access this resource with an explicit deny",'
        b' "type": "ACCESS_DENIED", "of": "dev"}'
    )
    said = dict(reply.headers)
    assert (said["X-Asked"], said["X-Id"]) == ("this", api)
    assert "Access-Control-Allow-Origin" not in said


async def test_gateway_responses_leave_answers_of_integrations_alone(world):
    api = await world.rest_api(run=lambda event: {"statusCode": 404, "headers": {"x-amzn-ErrorType": "mine"}})
    await answered_as(world, api, "DEFAULT_4XX", "418")
    await answered_as(world, api, "DEFAULT_5XX", headers=[("Access-Control-Allow-Origin", "'*'")])
    assert (await world.ask(api, "GET", "/dev/x")).status == 404
    world.function("f", lambda event: "not an answer")
    reply = await world.ask(api, "GET", "/dev/x")
    assert (reply.status, dict(reply.headers)["Access-Control-Allow-Origin"]) == (502, "*")


async def test_a_disabled_default_endpoint_leaves_the_port_of_the_api_open(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-disable-default-endpoint.html"""
    api = await world.rest_api()
    change = {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}
    await world.rest("UpdateRestApi", restApiId=api, patchOperations=[change])
    assert (await world.ask(api, "GET", "/dev/x")).status == 403
    request = Request("GET", "/dev/x", [("Host", "127.0.0.1:3000")])
    assert (await world.gateways.answer(request, api, None, "/dev/x", own_port=True)).status == 200
