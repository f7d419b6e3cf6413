"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html"""

from __future__ import annotations

import json

from dayfly.front.messages import Request

DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "v", "version": "1"},
    "x-amazon-apigateway-request-validators": {
        "all": {"validateRequestBody": True, "validateRequestParameters": True},
    },
    "x-amazon-apigateway-request-validator": "all",
    "paths": {
        "/pets": {
            "post": {
                "parameters": [{"name": "kind", "in": "query", "required": True}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestTemplates": {"application/json": '{"statusCode": 200}'},
                    "responses": {"default": {"statusCode": "200"}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Name": {"type": "string", "maxLength": 3},
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"$ref": "#/components/schemas/Name"}},
            },
        }
    },
}


async def ask(world, api, target: str, body: bytes, kind: str = "application/json"):
    request = Request("POST", target, [("Host", "h"), ("Content-Type", kind)], body)
    reply = await world.gateways.answer(request, api, None, request.raw_path)
    return reply.status, reply.body


async def test_what_a_validator_asks_for_must_be_there(world):
    api = (await world.rest("ImportRestApi", body=json.dumps(DOCUMENT).encode()))["id"]
    await world.rest("CreateDeployment", restApiId=api, stageName="dev")
    good, target = b'{"name": "Tom"}', "/dev/pets?kind=cat"
    assert (await ask(world, api, target, good))[0] == 200
    missing = b'{"message":"Missing required request parameters: [kind]"}'
    assert await ask(world, api, "/dev/pets", good) == (400, missing)
    invalid = (400, b'{"message":"Invalid request body"}')
    for body in (b"{}", b'{"name": "Tommy"}', b"no JSON", b""):
        assert await ask(world, api, target, body) == invalid
    assert (await ask(world, api, target, b"x", "text/plain"))[0] == 200
