"""API Gateway's operations by the real SDK, and its CloudFormation resources through them.

https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dayfly.api.apigateway import ApiGateway
from dayfly.api.apigatewayv2 import ApiGatewayV2
from dayfly.api.registry import Registry
from dayfly.app.resources import Replace, Site, apigateway, apigatewayv2
from dayfly.clock import ManualClock
from dayfly.front.messages import Request
from dayfly.gateways import Gateways
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("000000000000", "us-east-1"))
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


class Outcome:
    payload = b'{"statusCode": 200, "body": "ok"}'
    error = None


class Functions:
    async def invoke(self, *_: Any, **__: Any) -> Outcome:
        return Outcome()

    def url(self, url_id: str) -> Any:
        raise KeyError(url_id)


@pytest.fixture
def gateways() -> Gateways:
    async def call(*_: Any) -> dict[str, Any]:
        return {}

    return Gateways(journal=MemoryJournal(), clock=ManualClock(), ids=SeededIds(), functions=Functions(), call=call)


@pytest.fixture
def registry(gateways) -> Registry:
    apis = {"apigateway": lambda: ApiGateway(gateways), "apigatewayv2": lambda: ApiGatewayV2(gateways)}
    return Registry(apis, clock=ManualClock(), ids=SeededIds(1))


@pytest.fixture
def site(registry) -> Site:
    return Site(caller=CALLER, stack="s", stack_id="id", call=registry.call, endpoint="http://127.0.0.1:4566")


async def create(site: Site, kind: str, name: str, **properties: Any) -> Any:
    types = {**apigateway.TYPES, **apigatewayv2.TYPES}
    unknown = properties.keys() - types[kind].known - types[kind].ignored
    assert not unknown, f"{kind}: {unknown}"
    return await types[kind].create(site, name, properties)


async def asked(gateways: Gateways, api: str, target: str) -> int:
    request = Request("GET", target, [("Host", "x")])
    return (await gateways.answer(request, api, None, request.raw_path)).status


async def test_an_http_api_of_a_template_serves(gateways, site):
    api = await create(site, "AWS::ApiGatewayV2::Api", "Api", Name="a", ProtocolType="HTTP")
    assert api.attributes["ApiEndpoint"] == f"http://{api.id}.execute-api.localhost:4566"
    integration = await create(
        site,
        "AWS::ApiGatewayV2::Integration",
        "I",
        ApiId=api.id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=ARN,
        PayloadFormatVersion="2.0",
        TimeoutInMillis="5000",
    )
    route = {"ApiId": api.id, "RouteKey": "GET /x", "Target": f"integrations/{integration.id}"}
    made = await create(site, "AWS::ApiGatewayV2::Route", "R", **route)
    stage = {"ApiId": api.id, "StageName": "$default", "AutoDeploy": "true", "AccessLogSettings": {"Format": "x"}}
    assert (await create(site, "AWS::ApiGatewayV2::Stage", "S", **stage)).id == "$default"
    assert await asked(gateways, api.id, "/x") == 200
    kind = apigatewayv2.TYPES["AWS::ApiGatewayV2::Route"]
    await kind.update(site, made, route, {**route, "RouteKey": "GET /y"}, "R")
    assert (await asked(gateways, api.id, "/x"), await asked(gateways, api.id, "/y")) == (404, 200)
    with pytest.raises(Replace):
        await kind.update(site, made, route, {**route, "ApiId": "other"}, "R")
    await kind.delete(site, made, route)
    await kind.delete(site, made, route)
    await apigatewayv2.TYPES["AWS::ApiGatewayV2::Api"].delete(site, api, {})
    assert not gateways.apis


async def test_a_rest_api_of_a_template_serves(gateways, site):
    api = await create(site, "AWS::ApiGateway::RestApi", "Api", Name="r", EndpointConfiguration={"Types": ["EDGE"]})
    resource = await create(
        site,
        "AWS::ApiGateway::Resource",
        "X",
        RestApiId=api.id,
        ParentId=api.attributes["RootResourceId"],
        PathPart="x",
    )
    where = {"RestApiId": api.id, "ResourceId": resource.id}
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
    proxy = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri}
    method = {
        **where,
        "HttpMethod": "GET",
        "AuthorizationType": "NONE",
        "ApiKeyRequired": "false",
        "Integration": proxy,
    }
    made = await create(site, "AWS::ApiGateway::Method", "M", **method)
    cors = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": "{statusCode:200}"},
        "IntegrationResponses": [
            {"StatusCode": 200, "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"}}
        ],
    }
    header = "method.response.header.Access-Control-Allow-Origin"
    responses = [{"StatusCode": "200", "ResponseParameters": {header: True}}]
    await create(
        site,
        "AWS::ApiGateway::Method",
        "O",
        **where,
        HttpMethod="OPTIONS",
        AuthorizationType="NONE",
        Integration=cors,
        MethodResponses=responses,
    )
    deployment = {"RestApiId": api.id, "StageName": "dev"}
    first = await create(site, "AWS::ApiGateway::Deployment", "D", **deployment)
    assert await asked(gateways, api.id, "/dev/x") == 200
    kind = apigateway.TYPES["AWS::ApiGateway::Method"]
    await kind.update(site, made, method, {**method, "Integration": {**proxy, "TimeoutInMillis": 100}}, "M")
    second = await create(site, "AWS::ApiGateway::Deployment", "D2", **deployment)
    removal = apigateway.TYPES["AWS::ApiGateway::Deployment"]
    await removal.delete(site, first, deployment)
    assert await asked(gateways, api.id, "/dev/x") == 200
    await removal.delete(site, second, deployment)
    assert await asked(gateways, api.id, "/dev/x") == 403


async def test_a_sam_body_with_its_stage_serves(gateways, site):
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    body = {
        "swagger": "2.0",
        "info": {"title": "s", "version": "1.0"},
        "paths": {"/hello/{id}": {"get": {"x-amazon-apigateway-integration": proxy, "responses": {}}}},
    }
    api = await create(site, "AWS::ApiGateway::RestApi", "ServerlessRestApi", Body=body)
    deployment = await create(
        site, "AWS::ApiGateway::Deployment", "D", RestApiId=api.id, StageName="Stage", Description="d"
    )
    stage = await create(
        site, "AWS::ApiGateway::Stage", "S", RestApiId=api.id, StageName="Prod", DeploymentId=deployment.id
    )
    assert stage.id == "Prod"
    assert await asked(gateways, api.id, "/Prod/hello/1") == 200


async def test_every_other_type_can_be_made_and_unmade(site):
    api = await create(site, "AWS::ApiGateway::RestApi", "Api", Name="r")
    key = await create(site, "AWS::ApiGateway::ApiKey", "K", Enabled=True, Value="x" * 30)
    plan = await create(site, "AWS::ApiGateway::UsagePlan", "P", UsagePlanName="p")
    made = [
        ("AWS::ApiGateway::UsagePlanKey", {"KeyId": key.id, "KeyType": "API_KEY", "UsagePlanId": plan.id}),
        ("AWS::ApiGateway::RequestValidator", {"RestApiId": api.id, "Name": "v", "ValidateRequestBody": "true"}),
        ("AWS::ApiGateway::Model", {"RestApiId": api.id, "ContentType": "application/json", "Schema": {}}),
        ("AWS::ApiGateway::GatewayResponse", {"RestApiId": api.id, "ResponseType": "DEFAULT_4XX"}),
        ("AWS::ApiGateway::Authorizer", {"RestApiId": api.id, "Name": "a", "Type": "TOKEN", "AuthorizerUri": "u"}),
        ("AWS::ApiGateway::Authorizer", {"RestApiId": api.id, "Name": "b", "Type": "TOKEN", "AuthType": "custom"}),
        ("AWS::ApiGateway::Account", {"CloudWatchRoleArn": "x"}),
        ("AWS::ApiGateway::DomainName", {"DomainName": "a.example"}),
    ]
    for kind, properties in made:
        physical = await create(site, kind, "X", **properties)
        await apigateway.TYPES[kind].delete(site, physical, properties)


async def test_the_schema_of_a_model_is_the_users_own_document(site):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-model.html"""
    api = await create(site, "AWS::ApiGateway::RestApi", "Api", Name="r")
    schema = {"title": "Pet", "properties": {"Name": {"type": "string"}}, "required": ["Name"]}
    for name, given in (("Pet", schema), ("Text", msgspec.json.encode(schema).decode())):
        of = {"RestApiId": api.id, "ContentType": "application/json", "Name": name, "Schema": given}
        await create(site, "AWS::ApiGateway::Model", "M", **of)
        shown = await site.do("apigateway", "GetModel", restApiId=api.id, modelName=name)
        assert msgspec.json.decode(shown["schema"]) == schema


async def test_an_authorizer_keeps_the_word_that_a_template_has_for_it(site):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-authorizer.html"""
    api = await create(site, "AWS::ApiGateway::RestApi", "Api", Name="r")
    given = {"RestApiId": api.id, "Name": "b", "Type": "TOKEN", "AuthorizerUri": "u", "AuthType": "oauth2"}
    made = await create(site, "AWS::ApiGateway::Authorizer", "A", **given)
    shown = await site.do("apigateway", "GetAuthorizer", restApiId=api.id, authorizerId=made.id)
    assert shown["authType"] == "oauth2"
