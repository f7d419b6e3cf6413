"""Updates of API Gateway: what is patched is seen again, and what cannot be is refused by name.

https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
"""

from __future__ import annotations

from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.api.apigateway import ApiGateway
from dayfly.api.apigatewayv2 import ApiGatewayV2
from dayfly.api.registry import Registry
from dayfly.clock import ManualClock
from dayfly.gateways import Gateways
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("000000000000", "us-east-1"))


class Client:
    """One service, called in this process with an API's parameters."""

    def __init__(self, registry: Registry, service: str) -> None:
        self._registry = registry
        self._service = service

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self._registry.call(CALLER, self._service, operation, params)

    async def patch(self, operation: str, op: str, path: str, value: str | None = None, **where: Any) -> dict[str, Any]:
        patch = {"op": op, "path": path} | ({} if value is None else {"value": value})
        return await self(operation, patchOperations=[patch], **where)

    async def refused(self, operation: str, op: str, path: str, value: str | None = None, **where: Any) -> str:
        with pytest.raises(Refused) as refused:
            await self.patch(operation, op, path, value, **where)
        assert refused.value.code in ("BadRequestException", "NotFoundException", "ConflictException")
        return refused.value.message


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def registry(journal) -> Registry:
    gateways = Gateways(journal=journal, clock=ManualClock(), ids=SeededIds(), functions=None, call=None)  # type: ignore[arg-type]
    apis = {"apigateway": lambda: ApiGateway(gateways), "apigatewayv2": lambda: ApiGatewayV2(gateways)}
    return Registry(apis, clock=ManualClock(), ids=SeededIds(1))


@pytest.fixture
def rest(registry) -> Client:
    return Client(registry, "apigateway")


@pytest.fixture
def http(registry) -> Client:
    return Client(registry, "apigatewayv2")


async def deployed(rest: Client) -> dict[str, str]:
    """A REST API with one method: where its stage is."""
    made = await rest("CreateRestApi", name="a")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await rest("PutMethod", **where, authorizationType="NONE")
    await rest("PutIntegration", **where, type="MOCK")
    await rest("CreateDeployment", restApiId=made["id"], stageName="dev")
    return {"restApiId": made["id"], "stageName": "dev"}


# -- stages ----------------------------------------------------------------


async def test_settings_of_a_stage_are_kept_and_shown(rest):
    stage = await deployed(rest)
    patches = [
        {"op": "replace", "path": "/tracingEnabled", "value": "true"},
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/cacheClusterSize", "value": "0.5"},
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": "arn:aws:logs:x"},
        {"op": "add", "path": "/accessLogSettings/format", "value": "$context.requestId"},
        {"op": "replace", "path": "/clientCertificateId", "value": "c"},
        {"op": "replace", "path": "/variables/a~1b", "value": "1"},
        {"op": "replace", "path": "/description", "value": "d"},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "10.5"},
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"},
        {"op": "replace", "path": "/~1pets/GET/metrics/enabled", "value": "true"},
    ]
    updated = await rest("UpdateStage", patchOperations=patches, **stage)
    shown = await rest("GetStage", **stage)
    assert updated == shown
    assert (shown["tracingEnabled"], shown["cacheClusterEnabled"], shown["cacheClusterSize"]) == (True, True, "0.5")
    assert shown["accessLogSettings"] == {"destinationArn": "arn:aws:logs:x", "format": "$context.requestId"}
    assert (shown["clientCertificateId"], shown["description"], shown["variables"]) == ("c", "d", {"a/b": "1"})
    everywhere = shown["methodSettings"]["*/*"]
    assert (everywhere["throttlingRateLimit"], everywhere["loggingLevel"], everywhere["metricsEnabled"]) == (
        10.5,
        "INFO",
        False,
    )
    assert shown["methodSettings"]["~1pets/GET"]["metricsEnabled"] is True

    for path in ("/accessLogSettings", "/variables/a~1b", "/*/*"):
        shown = await rest.patch("UpdateStage", "remove", path, **stage)
    assert "accessLogSettings" not in shown
    assert "variables" not in shown
    assert list(shown["methodSettings"]) == ["~1pets/GET"]


@pytest.mark.parametrize("path", ["/loggingLevel", "/tags/a", "/stageName", "/pets/ANY/caching/enabled", "nothing"])
async def test_an_unknown_path_of_a_stage_is_refused(rest, path):
    stage = await deployed(rest)
    message = await rest.refused("UpdateStage", "replace", path, "x", **stage)
    assert message.startswith(f"Invalid method setting path: {path}. Must be one of: [/accessLogSettings, ")


@pytest.mark.parametrize(
    ("op", "path", "value", "says"),
    [
        ("remove", "/description", None, "Invalid patch path  '/description' specified for op 'remove'."),
        ("replace", "/deploymentId", "nope", "Deployment id does not exist"),
        ("replace", "/tracingEnabled", "maybe", "Invalid patch value 'maybe'"),
        ("replace", "/*/*/throttling/burstLimit", "many", "Invalid patch value 'many'"),
        ("remove", "/*/*", None, "Cannot remove method setting */* because there is no method setting"),
        ("replace", "/canarySettings/percentTraffic", "10", "canarySettings is not supported yet"),
        ("copy", "/deploymentId", None, "Promotion not available. Canary does not exist."),
    ],
)
async def test_what_a_stage_cannot_have_is_refused_by_name(rest, op, path, value, says):
    stage = await deployed(rest)
    before = await rest("GetStage", **stage)
    assert (await rest.refused("UpdateStage", op, path, value, **stage)).startswith(says)
    assert await rest("GetStage", **stage) == before


async def test_one_bad_patch_leaves_all_of_them_undone(rest):
    stage = await deployed(rest)
    patches = [{"op": "replace", "path": "/description", "value": "d"}, {"op": "replace", "path": "/nothing"}]
    with pytest.raises(Refused):
        await rest("UpdateStage", patchOperations=patches, **stage)
    assert "description" not in await rest("GetStage", **stage)


async def test_a_canary_is_refused_wherever_it_is_asked_for(rest):
    stage = await deployed(rest)
    deployment = (await rest("GetStage", **stage))["deploymentId"]
    canary = {"canarySettings": {"percentTraffic": 10.0}}
    for operation, more in (
        ("CreateDeployment", stage),
        ("CreateStage", {**stage, "stageName": "two", "deploymentId": deployment}),
    ):
        with pytest.raises(Refused, match="canarySettings is not supported yet"):
            await rest(operation, **more, **canary)
    assert (await rest("GetStage", **stage))["deploymentId"] == deployment


async def test_a_deployment_says_what_its_stage_has(rest):
    stage = await deployed(rest)
    made = await rest("CreateDeployment", **stage, stageDescription="s", tracingEnabled=True)
    shown = await rest("GetStage", **stage)
    assert (shown["description"], shown["tracingEnabled"]) == ("s", True)
    where = {"restApiId": stage["restApiId"], "deploymentId": made["id"]}
    await rest.patch("UpdateDeployment", "replace", "/description", "d", **where)
    assert (await rest("GetDeployment", **where))["description"] == "d"


# -- the account ----------------------------------------------------------------


async def test_the_role_for_logs_is_kept(rest):
    assert "cloudwatchRoleArn" not in await rest("GetAccount")
    updated = await rest.patch("UpdateAccount", "replace", "/cloudwatchRoleArn", "arn:aws:iam::0:role/r")
    assert updated["cloudwatchRoleArn"] == "arn:aws:iam::0:role/r"
    assert await rest("GetAccount") == updated
    assert "cloudwatchRoleArn" not in await rest.patch("UpdateAccount", "replace", "/cloudwatchRoleArn", "")


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("replace", "/throttleSettings/rateLimit", "1"),
        ("remove", "/cloudwatchRoleArn", None),
        ("remove", "/features", "UsagePlans"),
        ("add", "/features", "More"),
    ],
)
async def test_the_rest_of_an_account_is_not_ours_to_change(rest, op, path, value):
    assert path.removeprefix("/") in await rest.refused("UpdateAccount", op, path, value)
    await rest.patch("UpdateAccount", "add", "/features", "UsagePlans")


# -- APIs, resources, methods ----------------------------------------------------------------


async def test_an_api_is_patched(rest):
    made = await rest("CreateRestApi", name="a", binaryMediaTypes=["image/png"])
    api = {"restApiId": made["id"]}
    for op, path, value in (
        ("replace", "/name", "b"),
        ("add", "/binaryMediaTypes/image~1gif", None),
        ("remove", "/binaryMediaTypes/image~1png", None),
        ("replace", "/endpointConfiguration/types/EDGE", "REGIONAL"),
        ("replace", "/minimumCompressionSize", "100"),
        ("replace", "/disableExecuteApiEndpoint", "true"),
    ):
        await rest.patch("UpdateRestApi", op, path, value, **api)
    shown = await rest("GetRestApi", **api)
    assert (shown["name"], shown["binaryMediaTypes"], shown["minimumCompressionSize"]) == ("b", ["image/gif"], 100)
    assert shown["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert shown["disableExecuteApiEndpoint"] is True
    assert "minimumCompressionSize" not in await rest.patch(
        "UpdateRestApi", "replace", "/minimumCompressionSize", **api
    )


@pytest.mark.parametrize(
    ("op", "path", "value", "says"),
    [
        ("replace", "/nothing", "x", "Invalid patch path  '/nothing' specified for op 'replace'. Must be one of: ["),
        ("remove", "/name", None, "Invalid patch path  '/name' specified for op 'remove'. Please choose supported"),
        ("replace", "/name", "", "Invalid patch value for path '/name'"),
        ("replace", "/tags/a", "b", "Invalid patch path  '/tags/a'"),
        ("replace", "/policy", "{}", "the patch path /policy is not supported yet"),
        ("replace", "/apiKeySource", "AUTHORIZER", "apiKeySource AUTHORIZER is not supported yet"),
        ("replace", "/minimumCompressionSize", "much", "Invalid patch value 'much'"),
    ],
)
async def test_what_an_api_cannot_have_is_refused_by_name(rest, op, path, value, says):
    api = {"restApiId": (await rest("CreateRestApi", name="a"))["id"]}
    assert (await rest.refused("UpdateRestApi", op, path, value, **api)).startswith(says)


async def test_nothing_is_made_with_what_would_let_others_in(rest, http):
    for setting in ({"policy": "{}"}, {"apiKeySource": "AUTHORIZER"}):
        with pytest.raises(Refused, match="is not supported yet"):
            await rest("CreateRestApi", name="a", **setting)
    with pytest.raises(Refused, match="mutualTlsAuthentication is not supported yet"):
        await rest("CreateDomainName", domainName="a", mutualTlsAuthentication={"truststoreUri": "s3://a/b"})
    with pytest.raises(Refused, match="MutualTlsAuthentication is not supported yet"):
        await http("CreateDomainName", DomainName="a", MutualTlsAuthentication={"TruststoreUri": "s3://a/b"})
    with pytest.raises(Refused, match="stageKeys is not supported yet"):
        await rest("CreateApiKey", stageKeys=[{"restApiId": "a", "stageName": "b"}])


async def test_a_resource_is_renamed_and_moved_with_all_below_it(rest):
    made = await rest("CreateRestApi", name="a")
    api, root = {"restApiId": made["id"]}, made["rootResourceId"]
    one, two = [(await rest("CreateResource", **api, parentId=root, pathPart=part))["id"] for part in ("one", "two")]
    below = (await rest("CreateResource", **api, parentId=one, pathPart="below"))["id"]
    await rest.patch("UpdateResource", "replace", "/pathPart", "uno", **api, resourceId=one)
    await rest.patch("UpdateResource", "replace", "/parentId", two, **api, resourceId=one)
    assert (await rest("GetResource", **api, resourceId=below))["path"] == "/two/uno/below"
    for path, value, where, says in (
        ("/parentId", below, one, "cyclical"),
        ("/pathPart", "", one, "cannot be empty"),
        ("/pathPart", "x", root, "Root resource"),
        ("/id", "x", one, "Must be one of: [/parentId, /pathPart]"),
    ):
        assert says in await rest.refused("UpdateResource", "replace", path, value, **api, resourceId=where)


async def test_a_method_and_what_belongs_to_it_are_patched(rest):
    made = await rest("CreateRestApi", name="a")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await rest("PutMethod", **where, authorizationType="NONE")
    await rest("PutIntegration", **where, type="HTTP", integrationHttpMethod="GET", uri="http://a")
    await rest("PutMethodResponse", **where, statusCode="200")
    await rest("PutIntegrationResponse", **where, statusCode="200")
    header = "method.response.header.X"
    for operation, op, path, value, more in (
        ("UpdateMethod", "add", "/authorizationScopes", "s", {}),
        ("UpdateMethod", "add", "/authorizationScopes", "t", {}),
        ("UpdateMethod", "remove", "/authorizationScopes", "s", {}),
        ("UpdateMethod", "replace", "/apiKeyRequired", "true", {}),
        ("UpdateMethod", "add", "/requestParameters/method.request.header.X", "true", {}),
        ("UpdateIntegration", "replace", "/timeoutInMillis", "100", {}),
        ("UpdateIntegration", "add", "/cacheKeyParameters/method.request.path.id", None, {}),
        ("UpdateIntegration", "add", "/requestTemplates/application~1json", "{}", {}),
        ("UpdateMethodResponse", "add", f"/responseParameters/{header}", "true", {"statusCode": "200"}),
        ("UpdateIntegrationResponse", "add", f"/responseParameters/{header}", "'x'", {"statusCode": "200"}),
    ):
        await rest.patch(operation, op, path, value, **where, **more)
    method = await rest("GetMethod", **where)
    assert (method["authorizationScopes"], method["apiKeyRequired"]) == (["t"], True)
    assert method["requestParameters"] == {"method.request.header.X": True}
    assert method["methodResponses"]["200"]["responseParameters"] == {header: True}
    integration = await rest("GetIntegration", **where)
    assert integration["timeoutInMillis"] == 100
    assert integration["cacheKeyParameters"] == ["method.request.path.id"]
    assert integration["requestTemplates"] == {"application/json": "{}"}
    assert integration["integrationResponses"]["200"]["responseParameters"] == {header: "'x'"}
    for operation, path, more in (
        ("UpdateMethod", "/httpMethod", {}),
        ("UpdateMethod", "/requestParameters", {}),
        ("UpdateIntegration", "/type", {}),
        ("UpdateIntegration", "/integrationTarget", {}),
        ("UpdateMethodResponse", "/statusCode", {"statusCode": "200"}),
        ("UpdateIntegrationResponse", "/statusCode", {"statusCode": "200"}),
    ):
        assert path in await rest.refused(operation, "replace", path, "x", **where, **more)


async def test_what_methods_refer_to_is_patched(rest):
    api = {"restApiId": (await rest("CreateRestApi", name="a"))["id"]}
    given = {"name": "a", "type": "TOKEN", "authorizerUri": "u", "authorizerCredentials": "c", "identitySource": "x"}
    authorizer = {"authorizerId": (await rest("CreateAuthorizer", **api, **given))["id"]}
    for op, path, value in (
        ("replace", "/authorizerResultTtlInSeconds", "0"),
        ("add", "/identitySource", "y"),
        ("add", "/providerARNs", "p"),
        ("add", "/providerARNs", "q"),
        ("remove", "/providerARNs", "p"),
        ("replace", "/authType", "my own words"),
    ):
        await rest.patch("UpdateAuthorizer", op, path, value, **api, **authorizer)
    shown = await rest("GetAuthorizer", **api, **authorizer)
    assert (shown["authorizerResultTtlInSeconds"], shown["identitySource"]) == (0, "x,y")
    assert (shown["providerARNs"], shown["authorizerCredentials"]) == (["q"], "c")
    assert shown["authType"] == "my own words"
    assert "/id" in await rest.refused("UpdateAuthorizer", "replace", "/id", "x", **api, **authorizer)
    shown = await rest.patch("UpdateAuthorizer", "replace", "/authType", **api, **authorizer)
    assert shown["authType"] == "cognito_user_pools"

    await rest("CreateModel", **api, name="M", contentType="application/json", schema="{}")
    await rest.patch("UpdateModel", "replace", "/schema", '{"type": "object"}', **api, modelName="M")
    assert (await rest("GetModel", **api, modelName="M"))["schema"] == '{"type": "object"}'
    await rest.refused("UpdateModel", "replace", "/name", "N", **api, modelName="M")

    validator = {"requestValidatorId": (await rest("CreateRequestValidator", **api, name="v"))["id"]}
    await rest.patch("UpdateRequestValidator", "replace", "/validateRequestBody", "true", **api, **validator)
    assert (await rest("GetRequestValidator", **api, **validator))["validateRequestBody"] is True
    await rest.refused("UpdateRequestValidator", "replace", "/id", "x", **api, **validator)

    response = {"responseType": "DEFAULT_4XX"}
    path = "/responseParameters/gatewayresponse.header.X"
    await rest.patch("UpdateGatewayResponse", "add", path, "'x'", **api, **response)
    await rest.patch("UpdateGatewayResponse", "replace", "/statusCode", "418", **api, **response)
    shown = await rest("GetGatewayResponse", **api, **response)
    assert (shown["statusCode"], shown["responseParameters"]) == ("418", {"gatewayresponse.header.X": "'x'"})
    await rest.refused("UpdateGatewayResponse", "replace", "/defaultResponse", "x", **api, **response)


async def test_keys_and_usage_plans_are_patched(rest):
    key = {"apiKey": (await rest("CreateApiKey", name="k"))["id"]}
    assert (await rest.patch("UpdateApiKey", "replace", "/enabled", "true", **key))["enabled"] is True
    assert "/stages" in await rest.refused("UpdateApiKey", "add", "/stages", "a/dev", **key)
    assert "/value" in await rest.refused("UpdateApiKey", "replace", "/value", "x", **key)

    stage = await deployed(rest)
    name = f"{stage['restApiId']}:dev"
    plan = {"usagePlanId": (await rest("CreateUsagePlan", name="p"))["id"]}
    for op, path, value in (
        ("add", "/apiStages", name),
        ("replace", "/throttle/rateLimit", "1.5"),
        ("replace", "/quota/limit", "10"),
        ("replace", "/quota/period", "DAY"),
        ("add", f"/apiStages/{name}/throttle/~1pets/GET/rateLimit", "2"),
        ("add", f"/apiStages/{name}/throttle/~1pets/GET/burstLimit", "3"),
    ):
        await rest.patch("UpdateUsagePlan", op, path, value, **plan)
    shown = await rest("GetUsagePlan", **plan)
    assert (shown["throttle"], shown["quota"]) == ({"rateLimit": 1.5}, {"limit": 10, "period": "DAY"})
    assert shown["apiStages"][0]["throttle"] == {"/pets/GET": {"rateLimit": 2.0, "burstLimit": 3}}
    shown = await rest.patch("UpdateUsagePlan", "remove", "/quota", **plan)
    assert "quota" not in shown
    for op, path, value in (
        ("replace", "/apiStages", name),
        ("replace", "/keys", "x"),
        ("remove", "/name", None),
        ("add", "/apiStages/other:dev/throttle/~1pets/GET/rateLimit", "2"),
    ):
        await rest.refused("UpdateUsagePlan", op, path, value, **plan)


# -- HTTP and WebSocket APIs ----------------------------------------------------------------


async def test_what_quick_create_made_follows_updates(http):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    api = {"ApiId": (await http("CreateApi", Name="a", ProtocolType="HTTP", Target=arn, CredentialsArn="c"))["ApiId"]}
    await http("UpdateApi", **api, Target="https://example.com", RouteKey="GET /x")
    integration = (await http("GetIntegrations", **api))["Items"][0]
    assert (integration["IntegrationUri"], integration["IntegrationType"]) == ("https://example.com", "HTTP_PROXY")
    assert integration["CredentialsArn"] == "c"
    assert [route["RouteKey"] for route in (await http("GetRoutes", **api))["Items"]] == ["GET /x"]
    plain = {"ApiId": (await http("CreateApi", Name="b", ProtocolType="HTTP"))["ApiId"]}
    with pytest.raises(Refused, match="Target can only be updated of an API made by quick create"):
        await http("UpdateApi", **plain, Target=arn)


async def test_settings_of_an_api_are_kept_and_shown(http):
    given = {"Name": "a", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}
    api = {"ApiId": (await http("CreateApi", **given, DisableSchemaValidation=True))["ApiId"]}
    await http("UpdateApi", **api, IpAddressType="dualstack")
    shown = await http("GetApi", **api)
    assert (shown["DisableSchemaValidation"], shown["IpAddressType"]) == (True, "dualstack")


async def test_a_response_that_is_not_there_is_not_updated_into_being(http):
    api = {"ApiId": (await http("CreateApi", Name="a", ProtocolType="HTTP"))["ApiId"]}
    route = {"RouteId": (await http("CreateRoute", **api, RouteKey="GET /x"))["RouteId"]}
    with pytest.raises(Refused, match="Invalid RouteResponse identifier"):
        await http("UpdateRouteResponse", **api, **route, RouteResponseId="nope", RouteResponseKey="$default")


# -- tags ----------------------------------------------------------------------------------------------------


def arn(rest: str) -> str:
    return f"arn:aws:apigateway:us-east-1::/{rest}"


async def test_tags_belong_to_what_the_arn_names(rest):
    stage = await deployed(rest)
    api = f"restapis/{stage['restApiId']}"
    key = (await rest("CreateApiKey", name="k", tags={"a": "1"}))["id"]
    plan = (await rest("CreateUsagePlan", name="p"))["id"]
    await rest("CreateDomainName", domainName="a.example")
    for name in (api, f"{api}/stages/dev", f"apikeys/{key}", f"usageplans/{plan}", "domainnames/a.example"):
        await rest("TagResource", resourceArn=arn(name), tags={"of": name, "b": "2"})
        await rest("UntagResource", resourceArn=arn(name), tagKeys=["b"])
    assert await rest("GetTags", resourceArn=arn(api)) == {"tags": {"of": api}}
    assert (await rest("GetStage", **stage))["tags"] == {"of": f"{api}/stages/dev"}
    assert (await rest("GetApiKey", apiKey=key))["tags"] == {"a": "1", "of": f"apikeys/{key}"}
    assert (await rest("GetUsagePlan", usagePlanId=plan))["tags"] == {"of": f"usageplans/{plan}"}
    assert (await rest("GetDomainName", domainName="a.example"))["tags"] == {"of": "domainnames/a.example"}
    with pytest.raises(Refused, match=r"tags of .*clientcertificates/c are not supported yet"):
        await rest("TagResource", resourceArn=arn("clientcertificates/c"), tags={"a": "b"})


async def test_tags_of_a_stage_are_not_those_of_its_api(http):
    api = (await http("CreateApi", Name="a", ProtocolType="HTTP"))["ApiId"]
    await http("CreateStage", ApiId=api, StageName="dev")
    await http("TagResource", ResourceArn=arn(f"apis/{api}/stages/dev"), Tags={"a": "1"})
    assert (await http("GetStage", ApiId=api, StageName="dev"))["Tags"] == {"a": "1"}
    assert (await http("GetTags", ResourceArn=arn(f"apis/{api}")))["Tags"] == {}
    with pytest.raises(Refused, match="are not supported yet"):
        await http("TagResource", ResourceArn=arn("vpclinks/v"), Tags={"a": "b"})
