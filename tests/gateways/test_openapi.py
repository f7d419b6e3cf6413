"""OpenAPI documents with API Gateway's extensions: what an import keeps, what it resolves, and what it says.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dayfly.api import Refused

MOCK = {
    "type": "mock",
    "requestTemplates": {"application/json": '{"statusCode": 200}'},
    "responses": {"default": {"statusCode": "200"}},
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["execute-api:/*"]},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/dev/GET/x"},
    ],
}


def document(**more: Any) -> dict[str, Any]:
    paths = {"/x": {"get": {"x-amazon-apigateway-integration": MOCK}}}
    return {"openapi": "3.0.1", "info": {"title": "shop", "version": "1"}, "paths": paths, **more}


def extended(**extensions: Any) -> dict[str, Any]:
    named = {f"x-amazon-apigateway-{name.replace('_', '-')}": value for name, value in extensions.items()}
    return document(**named)


async def imported(world, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await world.rest("ImportRestApi", body=msgspec.json.encode(given), **more)


async def put(world, api: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await world.rest("PutRestApi", restApiId=api, body=msgspec.json.encode(given), **more)


async def test_a_policy_is_kept_with_its_resources_written_out_and_said_to_have_no_effect(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/openapi-extensions-policy.html"""
    made = await imported(world, extended(policy=POLICY))
    assert made["warnings"] == ["x-amazon-apigateway-policy has no effect here"]
    shown = (await world.rest("GetRestApi", restApiId=made["id"]))["policy"]
    # Escaped once more than JSON asks, as AWS does; Terraform and others take that off.
    assert shown.startswith(r"{\"Version\":\"2012-10-17\"")
    assert f"{made['id']}\\/*" in shown
    kept = msgspec.json.decode(msgspec.json.decode(f'"{shown}"'))
    prefix = f"arn:aws:execute-api:us-east-1:000000000000:{made['id']}"
    assert [one["Resource"] for one in kept["Statement"]] == [[f"{prefix}/*"], f"{prefix}/dev/GET/x"]
    patch = [{"op": "replace", "path": "/name", "value": "b"}]
    assert (await world.rest("UpdateRestApi", restApiId=made["id"], patchOperations=patch))["policy"] == shown


async def test_an_overwriting_import_sets_back_what_it_leaves_out_and_a_merging_one_does_not(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api-update.html"""
    made = await imported(
        world,
        extended(policy=POLICY, minimum_compression_size=1000, endpoint_configuration={"vpcEndpointIds": ["vpce-1"]}),
        parameters={"endpointConfigurationTypes": "PRIVATE"},
    )
    merged = await put(world, made["id"], document())
    assert (merged["policy"], merged["minimumCompressionSize"]) == (made["policy"], 1000)
    overwritten = await put(world, made["id"], document(), mode="overwrite")
    assert not overwritten.keys() & {"policy", "minimumCompressionSize", "warnings"}
    assert overwritten["endpointConfiguration"] == {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}


async def test_settings_of_an_api_are_kept_and_those_without_effect_named(world):
    made = await imported(
        world,
        extended(
            minimum_compression_size=0,
            security_policy="SecurityPolicy_TLS13_1_3_2025_09",
            endpoint_access_mode="STRICT",
            binary_media_types=["image/png"],
            api_key_source="HEADER",
            documentation={"version": "1", "documentationParts": []},
        ),
    )
    shown = await world.rest("GetRestApi", restApiId=made["id"])
    assert (shown["minimumCompressionSize"], shown["binaryMediaTypes"]) == (0, ["image/png"])
    assert (shown["securityPolicy"], shown["endpointAccessMode"]) == ("SecurityPolicy_TLS13_1_3_2025_09", "STRICT")
    assert [one.split()[0].removeprefix("x-amazon-apigateway-") for one in made["warnings"]] == [
        "minimum-compression-size",
        "security-policy",
        "endpoint-access-mode",
        "documentation",
    ]
    ignoring = await put(
        world, made["id"], extended(documentation={"version": "2"}), parameters={"ignore": "documentation"}
    )
    assert "warnings" not in ignoring


async def test_what_is_not_supported_is_said_and_not_pretended(world):
    made = await imported(world, extended(api_key_source="AUTHORIZER", unheard={}), parameters={"basepath": "prepend"})
    assert made["warnings"] == [
        "x-amazon-apigateway-api-key-source AUTHORIZER is not supported yet",
        "x-amazon-apigateway-unheard is not supported yet",
        "basepath=prepend is not supported yet: base paths are ignored",
    ]
    assert made["apiKeySource"] == "HEADER"


async def test_an_import_that_is_to_fail_on_warnings_leaves_no_api(world):
    """https://docs.aws.amazon.com/apigateway/latest/api/API_ImportRestApi.html"""
    with pytest.raises(Refused, match="x-amazon-apigateway-policy has no effect here"):
        await imported(world, extended(policy=POLICY), failOnWarnings=True)
    body = msgspec.json.encode(extended(endpoint_configuration={"ipAddressType": "dualstack"})).decode()
    with pytest.raises(Refused, match="ipAddressType"):
        await world.v2("ImportApi", Body=body, FailOnWarnings=True)
    assert not world.gateways.apis
    await imported(world, document(), failOnWarnings=True)


@pytest.mark.parametrize("place", ["top", "server"])
async def test_the_default_endpoint_is_disabled_from_the_document_or_its_server(world, place):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-endpoint-configuration.html"""
    endpoint = {"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": True}}
    given = document(**(endpoint if place == "top" else {"servers": [{"url": "/", **endpoint}]}))
    made = await imported(world, given)
    assert made["disableExecuteApiEndpoint"] is True
    assert "warnings" not in made
    http = await world.v2("ImportApi", Body=msgspec.json.encode(given).decode())
    assert http["DisableExecuteApiEndpoint"] is True
    assert "Warnings" not in http


async def test_an_http_api_keeps_its_address_type_and_tags(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/openapi-extensions-tag-value.html"""
    given = extended(endpoint_configuration={"ipAddressType": "dualstack"}, importexport_version="1.0", policy=POLICY)
    given["tags"] = [{"name": "team", "x-amazon-apigateway-tag-value": "shop"}]
    made = await world.v2("ImportApi", Body=msgspec.json.encode(given).decode())
    assert (made["IpAddressType"], made["Tags"]) == ("dualstack", {"team": "shop"})
    # A policy is nothing to an HTTP API on AWS either.
    assert made["Warnings"] == ["ipAddressType of x-amazon-apigateway-endpoint-configuration has no effect here"]


async def test_a_method_asks_for_iam_where_the_document_says_so(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-auth.html"""
    guard = {"Guard": {"type": "apiKey", "name": "Authorization", "in": "header"}}
    guard["Guard"]["x-amazon-apigateway-authtype"] = "awsSigV4"
    given = document(components={"securitySchemes": guard}, security=[{"Guard": []}])
    operations = {"get": {}, "post": {"x-amazon-apigateway-auth": {"type": "none"}}, "put": {"security": []}}
    operations["put"]["x-amazon-apigateway-auth"] = {"type": "aws_iam"}
    given["paths"]["/x"] = {name: {**one, "x-amazon-apigateway-integration": MOCK} for name, one in operations.items()}
    made = await imported(world, given)
    await world.rest("CreateDeployment", restApiId=made["id"], stageName="dev")
    statuses = {name: (await world.ask(made["id"], name, "/dev/x")).status for name in ("GET", "POST", "PUT")}
    assert statuses == {"GET": 403, "POST": 200, "PUT": 403}


async def test_an_authorizer_keeps_its_authtype(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html"""
    scheme = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "oauth2",
        "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": "u", "authorizerCredentials": "r"},
    }
    made = await imported(world, document(components={"securitySchemes": {"Guard": scheme}}))
    assert made["warnings"] == ["authorizerCredentials of x-amazon-apigateway-authorizer has no effect here"]
    authorizers = (await world.rest("GetAuthorizers", restApiId=made["id"]))["items"]
    assert [(one["name"], one["authType"]) for one in authorizers] == [("Guard", "oauth2")]


async def test_gateway_responses_validators_and_models_are_seen_and_merged(world):
    responses = {"DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.X": "'1'"}}}
    more = {"gateway_responses": responses, "request_validators": {"all": {"validateRequestBody": True}}}
    api = {"restApiId": (await imported(world, document()))["id"]}
    given = {**extended(**more), "components": {"schemas": {"Pet": {"type": "object"}}}}
    await put(world, api["restApiId"], given, mode="merge")
    response = await world.rest("GetGatewayResponse", responseType="DEFAULT_4XX", **api)
    assert response == {"responseType": "DEFAULT_4XX", "defaultResponse": False, **responses["DEFAULT_4XX"]}
    assert [one["name"] for one in (await world.rest("GetRequestValidators", **api))["items"]] == ["all"]
    assert (await world.rest("GetModel", modelName="Pet", **api))["schema"] == '{"type":"object"}'


async def test_variables_of_aws_are_resolved_at_import_and_those_of_stages_at_each_stage(world):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/import-api-aws-variables.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html
    """
    for name in ("one", "two"):
        world.function(name, lambda event, name=name: {"statusCode": 200, "body": name})
    function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${stageVariables.name}"
    uri = f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{function}/invocations"
    given = document()
    given["paths"]["/x"]["get"] = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": uri}}
    given["info"]["description"] = "in ${AWS::Region}"
    api = {"restApiId": (await imported(world, given))["id"]}
    assert (await world.rest("GetRestApi", **api))["description"] == "in us-east-1"
    resources = (await world.rest("GetResources", embed=["methods"], **api))["items"]
    (method,) = [one["resourceMethods"]["GET"] for one in resources if one["path"] == "/x"]
    seen = "arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.name}"
    assert method["methodIntegration"]["uri"].endswith(f"/functions/{seen}/invocations")
    for stage, name in (("a", "one"), ("b", "two")):
        await world.rest("CreateDeployment", stageName=stage, variables={"name": name}, **api)
        assert (await world.ask(api["restApiId"], "GET", f"/{stage}/x")).body == name.encode()
    patch = [{"op": "replace", "path": "/variables/name", "value": "two"}]
    await world.rest("UpdateStage", stageName="a", patchOperations=patch, **api)
    assert (await world.ask(api["restApiId"], "GET", "/a/x")).body == b"two"


async def test_variables_outside_of_an_import_are_nobodys(world):
    made = await world.rest("CreateRestApi", name="a")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await world.rest("PutMethod", **where, authorizationType="NONE")
    uri = "http://${AWS::Region}.example.com"
    await world.rest("PutIntegration", **where, type="HTTP_PROXY", integrationHttpMethod="GET", uri=uri)
    assert (await world.rest("GetIntegration", **where))["uri"] == uri


async def test_the_function_of_an_authorizer_may_be_named_by_a_stage(world):
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    allow["Statement"][0]["Action"] = "execute-api:Invoke"
    world.function("guard", lambda event: {"principalId": "p", "policyDocument": allow})
    arn = "arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.guard}"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header"}
    scheme |= {"x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": uri}}
    given = document(components={"securitySchemes": {"Guard": scheme}}, security=[{"Guard": []}])
    api = {"restApiId": (await imported(world, given))["id"]}
    await world.rest("CreateDeployment", stageName="a", variables={"guard": "guard"}, **api)
    await world.rest("CreateDeployment", stageName="b", variables={"guard": "nobody"}, **api)
    headers = [("Authorization", "t")]
    asked = [(await world.ask(api["restApiId"], "GET", f"/{stage}/x", headers)).status for stage in ("a", "b")]
    assert asked == [200, 500]
