"""Integrations with mapping templates: AWS, HTTP and MOCK of REST APIs, AWS of WebSocket APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-data-transformations.html
"""

from __future__ import annotations

from typing import Any

from dayfly.gateways.traffic import Reply

FUNCTION_URI = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
)


async def method(world: Any, integration: dict[str, Any], responses: dict[str, dict[str, Any]]) -> str:
    """A REST API with a POST of `/x/{id}`."""
    made = await world.rest("CreateRestApi", name="r")
    api = made["id"]
    parent = (await world.rest("CreateResource", restApiId=api, parentId=made["rootResourceId"], pathPart="x"))["id"]
    parent = (await world.rest("CreateResource", restApiId=api, parentId=parent, pathPart="{id}"))["id"]
    where = {"restApiId": api, "resourceId": parent, "httpMethod": "POST"}
    await world.rest("PutMethod", **where, authorizationType="NONE")
    await world.rest("PutIntegration", **where, integrationHttpMethod="POST", **integration)
    for status, response in responses.items():
        await world.rest("PutMethodResponse", **where, statusCode=status)
        await world.rest("PutIntegrationResponse", **where, statusCode=status, **response)
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    return str(api)


async def post(world: Any, api: str, body: bytes, kind: str = "application/json") -> Reply:
    return await world.ask(api, "POST", "/dev/x/7?q=1", [("Content-Type", kind)], body)


async def test_templates_make_the_event_and_the_answer(world):
    world.function("f", lambda event: {"twice": event["n"] * 2, "id": event["id"]})
    template = '{"n": $input.json(\'$.n\'), "id": "$input.params(\'id\')"}'
    answer = {"responseTemplates": {"application/json": "got $input.path('$.twice') for $input.path('$.id')"}}
    api = await method(
        world, {"type": "AWS", "uri": FUNCTION_URI, "requestTemplates": {"application/json": template}}, {"200": answer}
    )
    reply = await post(world, api, b'{"n": 3}')
    assert (reply.status, reply.body) == (200, b"got 6 for 7")


async def test_the_error_message_selects_the_response(world):
    def fail(event):
        raise ValueError(event["why"])

    world.function("f", fail)
    responses = {
        "200": {},
        "404": {
            "selectionPattern": "gone.*",
            "responseTemplates": {"application/json": "$input.path('$.errorMessage')!"},
            "responseParameters": {"method.response.header.X-Why": "integration.response.body.errorType"},
        },
    }
    api = await method(world, {"type": "AWS", "uri": FUNCTION_URI}, responses)
    reply = await post(world, api, b'{"why": "gone for good"}')
    assert (reply.status, reply.body) == (404, b"gone for good!")
    assert ("X-Why", "Error") in reply.headers
    assert (await post(world, api, b'{"why": "else"}')).status == 200


async def test_a_content_type_without_template_passes_only_where_it_may(world):
    world.function("f", lambda event: event)
    given = {"type": "AWS", "uri": FUNCTION_URI, "requestTemplates": {"application/json": "{}"}}
    api = await method(world, {**given, "passthroughBehavior": "NEVER"}, {"200": {}})
    assert (await post(world, api, b'"as it is"', "text/plain")).status == 415
    api = await method(world, given, {"200": {}})
    assert (await post(world, api, b'"as it is"', "text/plain")).body == b'"as it is"'


async def test_a_template_may_override_the_answer(world):
    script = "#set($context.responseOverride.status = 418)#set($context.responseOverride.header.X-A = 'b')"
    script += "$input.params('q')"
    api = await method(
        world,
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 201}'}},
        {"200": {}, "201": {"selectionPattern": "201", "responseTemplates": {"application/json": script}}},
    )
    reply = await post(world, api, b"")
    assert (reply.status, reply.body) == (418, b"1")
    assert ("X-A", "b") in reply.headers


async def test_no_fitting_response_is_a_500(world):
    world.function("f", lambda event: event)
    api = await method(world, {"type": "AWS", "uri": FUNCTION_URI}, {})
    assert (await post(world, api, b"{}")).status == 500
