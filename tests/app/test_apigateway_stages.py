"""Stages of REST APIs in templates, whether a Stage says what they are or the StageDescription of a Deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigateway-deployment-stagedescription.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-stage.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.api.apigateway import ApiGateway
from dayfly.api.registry import Registry
from dayfly.app.report import resource_items
from dayfly.app.resources import Site
from dayfly.app.resources.apigateway import TYPES
from dayfly.app.yaml import parse
from dayfly.clock import ManualClock
from dayfly.gateways import Gateways
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal

DEPLOYMENT = TYPES["AWS::ApiGateway::Deployment"]
STAGE = TYPES["AWS::ApiGateway::Stage"]
SETTINGS: dict[str, Any] = {
    "AccessLogSetting": {"DestinationArn": "arn:aws:logs:x", "Format": "$context.requestId"},
    "CacheClusterEnabled": "true",
    "CacheClusterSize": "0.5",
    "ClientCertificateId": "c1",
    "Description": "for trying things",
    "DocumentationVersion": "3",
    "MethodSettings": [
        {"ResourcePath": "/~1pets~1dogs", "HttpMethod": "GET", "ThrottlingRateLimit": 2.5, "CachingEnabled": True},
        {"ResourcePath": "/", "HttpMethod": "POST", "MetricsEnabled": "true"},
    ],
    "Tags": [{"Key": "team", "Value": "shop"}],
    "TracingEnabled": True,
    "Variables": {"a": "1"},
}
SHOWN: dict[str, Any] = {
    "accessLogSettings": {"destinationArn": "arn:aws:logs:x", "format": "$context.requestId"},
    "cacheClusterEnabled": True,
    "cacheClusterSize": "0.5",
    "clientCertificateId": "c1",
    "description": "for trying things",
    "documentationVersion": "3",
    "tags": {"team": "shop"},
    "tracingEnabled": True,
    "variables": {"a": "1"},
}


@pytest.fixture
def site() -> Site:
    gateways = Gateways(journal=MemoryJournal(), clock=ManualClock(), ids=SeededIds(), functions=None, call=None)  # type: ignore[arg-type]
    registry = Registry({"apigateway": lambda: ApiGateway(gateways)}, clock=ManualClock(), ids=SeededIds(1))
    caller = Caller(scope=Scope("000000000000", "us-east-1"))
    return Site(caller=caller, stack="s", stack_id="id", call=registry.call, endpoint="http://127.0.0.1:4566")


@pytest.fixture
async def api(site: Site) -> str:
    made = await site.do("apigateway", "CreateRestApi", name="a")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await site.do("apigateway", "PutMethod", **where, authorizationType="NONE")
    await site.do("apigateway", "PutIntegration", **where, type="MOCK")
    return str(made["id"])


async def shown(site: Site, api: str, name: str = "dev") -> dict[str, Any]:
    return await site.do("apigateway", "GetStage", restApiId=api, stageName=name)


def of_methods(stage: dict[str, Any], key: str, *names: str) -> list[Any]:
    return [stage["methodSettings"][key][name] for name in names]


async def test_a_stage_is_the_same_whoever_describes_it(site: Site, api: str) -> None:
    described = {"RestApiId": api, "StageName": "dev", "Description": "d", "StageDescription": SETTINGS}
    deployment = await DEPLOYMENT.create(site, "D", described)
    await STAGE.create(site, "S", {**SETTINGS, "RestApiId": api, "StageName": "two", "DeploymentId": deployment.id})
    one, two = await shown(site, api), await shown(site, api, "two")
    assert {name: one[name] for name in SHOWN} == SHOWN
    assert {**two, "stageName": "dev"} == one
    assert of_methods(one, "~1pets~1dogs/GET", "throttlingRateLimit", "cachingEnabled") == [2.5, True]
    assert of_methods(one, "~1/POST", "metricsEnabled", "cachingEnabled") == [True, False]
    made = await site.do("apigateway", "GetDeployment", restApiId=api, deploymentId=deployment.id)
    assert made["description"] == "d"


async def test_what_a_stage_description_says_of_methods_is_said_of_all_of_them(site: Site, api: str) -> None:
    """Unless its MethodSettings say otherwise of `*/*`."""
    described = {
        "LoggingLevel": "INFO",
        "DataTraceEnabled": "true",
        "MetricsEnabled": True,
        "ThrottlingBurstLimit": 10,
        "ThrottlingRateLimit": "5",
        "CachingEnabled": True,
        "CacheTtlInSeconds": 60,
        "CacheDataEncrypted": True,
        "MethodSettings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": 20}],
    }
    await DEPLOYMENT.create(site, "D", {"RestApiId": api, "StageName": "dev", "StageDescription": described})
    stage = await shown(site, api)
    assert list(stage["methodSettings"]) == ["*/*"]
    names = ("loggingLevel", "dataTraceEnabled", "metricsEnabled", "throttlingBurstLimit", "throttlingRateLimit")
    assert of_methods(stage, "*/*", *names) == ["INFO", True, True, 20, 5.0]
    assert of_methods(stage, "*/*", "cachingEnabled", "cacheTtlInSeconds", "cacheDataEncrypted") == [True, 60, True]


@pytest.mark.parametrize("kind", ["deployment", "stage"])
async def test_a_stage_follows_its_template(site: Site, api: str, kind: str) -> None:
    async def update(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        where: dict[str, Any] = {"RestApiId": api, "StageName": "dev"}
        if kind == "stage":
            where["DeploymentId"] = deployment.id
            await STAGE.update(site, made, where | before, where | after, "S")
        else:
            of = ({**where, "StageDescription": one} for one in (before, after))
            await DEPLOYMENT.update(site, made, *of, "D")
        return await shown(site, api)

    if kind == "stage":
        deployment = await DEPLOYMENT.create(site, "D", {"RestApiId": api})
        given = {**SETTINGS, "RestApiId": api, "StageName": "dev", "DeploymentId": deployment.id}
        made = await STAGE.create(site, "S", given)
    else:
        made = await DEPLOYMENT.create(site, "D", {"RestApiId": api, "StageName": "dev", "StageDescription": SETTINGS})
    after = {
        "AccessLogSetting": {"DestinationArn": "arn:aws:logs:y"},
        "MethodSettings": [{"ResourcePath": "/~1pets~1dogs", "HttpMethod": "GET", "ThrottlingRateLimit": 3}],
        "Tags": [{"Key": "owner", "Value": "me"}],
        "Variables": {"b": "2"},
    }
    stage = await update(SETTINGS, after)
    assert stage["accessLogSettings"] == {"destinationArn": "arn:aws:logs:y"}
    assert (stage["tags"], stage["variables"], stage["tracingEnabled"]) == ({"owner": "me"}, {"b": "2"}, False)
    assert list(stage["methodSettings"]) == ["~1pets~1dogs/GET"]
    assert of_methods(stage, "~1pets~1dogs/GET", "throttlingRateLimit", "cachingEnabled") == [3.0, False]
    assert not stage.keys() & {"description", "clientCertificateId", "documentationVersion", "cacheClusterSize"}
    stage = await update(after, {})
    assert not stage.keys() & {"accessLogSettings", "variables"}
    assert (stage["methodSettings"], stage["tags"]) == ({}, {})


async def test_the_description_of_a_deployment_is_changed_in_place(site: Site, api: str) -> None:
    before = {"RestApiId": api, "Description": "d"}
    made = await DEPLOYMENT.create(site, "D", before)
    await DEPLOYMENT.update(site, made, before, {**before, "Description": "e"}, "D")
    found = await site.do("apigateway", "GetDeployment", restApiId=api, deploymentId=made.id)
    assert found["description"] == "e"


async def test_a_stage_that_is_refused_leaves_nothing_behind(site: Site, api: str) -> None:
    bad = {"RestApiId": api, "StageName": "dev"}
    refused = [{"ResourcePath": "/x", "HttpMethod": "GET", "CacheTtlInSeconds": "long"}]
    with pytest.raises(Refused, match="Invalid patch value 'long'"):
        await DEPLOYMENT.create(site, "D", {**bad, "StageDescription": {"MethodSettings": refused}})
    assert (await site.do("apigateway", "GetDeployments", restApiId=api))["items"] == []
    deployment = await DEPLOYMENT.create(site, "D", {"RestApiId": api})
    with pytest.raises(Refused, match="Invalid patch value 'long'"):
        await STAGE.create(site, "S", {**bad, "DeploymentId": deployment.id, "MethodSettings": refused})
    assert (await site.do("apigateway", "GetStages", restApiId=api))["item"] == []


TEMPLATE = """
Resources:
  Deployed:
    Type: AWS::ApiGateway::Deployment
    Properties:
      RestApiId: x
      StageName: dev
      StageDescription:
        Variables: {a: "1"}
        Description: d
        Tags: []
        TracingEnabled: true
        LoggingLevel: INFO
        CanarySetting: {PercentTraffic: 10}
        Unheard: 1
  Chosen:
    Type: AWS::ApiGateway::Deployment
    Properties:
      RestApiId: x
      StageName: dev
      StageDescription: !If [Prod, {MethodSettings: []}, !Ref AWS::NoValue]
  Nowhere:
    Type: AWS::ApiGateway::Deployment
    Properties: {RestApiId: x, StageDescription: {TracingEnabled: true}}
  Staged:
    Type: AWS::ApiGateway::Stage
    Properties: {RestApiId: x, DeploymentId: y, Description: d, Tags: [], TracingEnabled: true, MethodSettings: []}
"""


def test_settings_without_effect_are_listed_whoever_has_them() -> None:
    found = resource_items(parse(TEMPLATE, Path("template.yaml")), {}, TYPES)
    said = [(item.line, item.level, item.what.replace("AWS::ApiGateway::", "")) for item in found]
    assert said == [
        (12, "ignored", "StageDescription.TracingEnabled of Deployment (Deployed)"),
        (13, "ignored", "StageDescription.LoggingLevel of Deployment (Deployed)"),
        (14, "ignored", "StageDescription.CanarySetting of Deployment (Deployed)"),
        (15, "unsupported", "StageDescription.Unheard of Deployment (Deployed)"),
        (21, "ignored", "StageDescription.MethodSettings of Deployment (Chosen)"),
        (24, "ignored", "StageDescription without StageName of Deployment (Nowhere)"),
        (27, "ignored", "TracingEnabled of Stage (Staged)"),
        (27, "ignored", "MethodSettings of Stage (Staged)"),
    ]
