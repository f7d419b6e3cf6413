"""AWS::ApiGateway::Deployment and AWS::ApiGateway::Stage.

A stage has the same settings whether a Stage names them or the StageDescription of a Deployment; only their place
differs. Both go through UpdateStage, so that what GetStage shows is what the template says.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigateway-deployment-stagedescription.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigateway-stage-methodsetting.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dayfly.api import Params, Refused
from dayfly.app.resources import Physical, Properties, Remark, Replace, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.apigateway_spelling import camel, respelt, tag_map, taken
from dayfly.app.resources.properties import branches, picked, text_of
from dayfly.identity.names import partition_of

_SERVICE = "apigateway"
_PLAIN = (
    "CacheClusterEnabled",
    "CacheClusterSize",
    "ClientCertificateId",
    "DeploymentId",
    "Description",
    "DocumentationVersion",
    "TracingEnabled",
)
"""Settings whose patch path is their own name."""
_ACCESS_LOG = ("DestinationArn", "Format")
_OF_METHODS = {
    "CacheDataEncrypted": "caching/dataEncrypted",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CachingEnabled": "caching/enabled",
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}
"""Method setting -> the end of its patch path. A StageDescription has them beside its own: they are of all methods."""
_WORKING = frozenset({"Description", "Tags", "Variables"})
_KEPT = frozenset(
    {
        "AccessLogSetting",
        "CacheClusterEnabled",
        "CacheClusterSize",
        "CanarySetting",
        "ClientCertificateId",
        "DocumentationVersion",
        "MethodSettings",
        "TracingEnabled",
    }
)
"""Shown by GetStage and without effect, as `api/apigateway_stages.py` says; a canary, which is refused, is not kept."""


class StageType:
    known = _WORKING | {"DeploymentId", "RestApiId", "StageName"}
    ignored = _KEPT

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = taken(properties, frozenset({"DeploymentId", "RestApiId", "StageName", "Variables"}))
        given.setdefault("stageName", "default")
        made = await site.do(_SERVICE, "CreateStage", **given)
        stage = Physical(id=made["stageName"])
        try:
            begun = picked(properties, "DeploymentId", "Variables")
            await _settle(site, properties["RestApiId"], stage.id, begun, properties)
        except Refused:
            # Nobody else would take away what is half made, and the next attempt would meet it.
            await self.delete(site, stage, properties)
            raise
        return stage

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(name) != after.get(name) for name in ("RestApiId", "StageName")):
            raise Replace
        await _settle(site, after["RestApiId"], physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteStage", restApiId=properties["RestApiId"], stageName=physical.id)


class DeploymentType:
    known = frozenset({"Description", "RestApiId", "StageDescription", "StageName"})
    ignored = frozenset({"DeploymentCanarySettings"})

    def remarks(self, properties: Properties) -> Iterator[Remark]:
        for described in branches(properties.get("StageDescription")):
            if not properties.get("StageName"):
                yield Remark(level="ignored", what="StageDescription without StageName", holder=described)
                continue
            for name in described:
                what = f"StageDescription.{name}"
                if name in _KEPT or name in _OF_METHODS:
                    yield Remark(level="ignored", what=what, holder=described, key=name)
                elif name not in _WORKING:
                    yield Remark(level="unsupported", what=what, holder=described, key=name)

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = taken(properties, self.known - {"StageDescription"})
        described = _described(properties)
        variables = respelt(described.get("Variables") or {}, "variables") or None
        made = await site.do(_SERVICE, "CreateDeployment", variables=variables, **given)
        deployment = Physical(id=made["id"], attributes={"DeploymentId": made["id"]})
        try:
            stage = str(properties.get("StageName") or "")
            await _settle(site, properties["RestApiId"], stage, picked(described, "Variables"), described)
        except Refused:
            await self.delete(site, deployment, properties)
            raise
        return deployment

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("RestApiId") != after.get("RestApiId") or before.get("StageName") != after.get("StageName"):
            raise Replace
        api = after["RestApiId"]
        if before.get("Description") != after.get("Description"):
            patches = [_replaced("/description", after.get("Description"))]
            await site.do(
                _SERVICE, "UpdateDeployment", restApiId=api, deploymentId=physical.id, patchOperations=patches
            )
        await _settle(site, api, str(after.get("StageName") or ""), _described(before), _described(after))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        api = properties["RestApiId"]
        try:
            if properties.get("StageName"):
                await self._drop_stage(site, api, physical.id, str(properties["StageName"]))
            await gone(site, _SERVICE, "DeleteDeployment", restApiId=api, deploymentId=physical.id)
        except Refused as refused:
            # A stage that has not moved on yet still serves it; the deployment then goes with the API.
            if refused.code not in ("BadRequestException", "NotFoundException"):
                raise

    async def _drop_stage(self, site: Site, api: str, deployment: str, stage: str) -> None:
        """The stage that this deployment made itself, unless a newer deployment has taken it over."""
        found = await site.do(_SERVICE, "GetStage", restApiId=api, stageName=stage)
        if found.get("deploymentId") == deployment:
            await site.do(_SERVICE, "DeleteStage", restApiId=api, stageName=stage)


def _described(deployment: Properties) -> Properties:
    """A StageDescription in the properties of a Stage; nothing where there is no stage to describe."""
    if not deployment.get("StageName"):
        return {}
    described = dict(deployment.get("StageDescription") or {})
    of_all = {name: described.pop(name) for name in _OF_METHODS if name in described}
    if of_all:
        # First, so that what MethodSettings says of all methods comes after it.
        described["MethodSettings"] = [of_all, *(described.get("MethodSettings") or ())]
    return described


async def _settle(site: Site, api: str, stage: str, before: Properties, after: Properties) -> None:
    """Make a stage's settings follow the properties of a Stage."""
    patches = _patches(before, after)
    if patches:
        await site.do(_SERVICE, "UpdateStage", restApiId=api, stageName=stage, patchOperations=patches)
    old, new = (tag_map(given.get("Tags")) or {} for given in (before, after))
    region = site.scope.region
    arn = f"arn:{partition_of(region)}:apigateway:{region}::/restapis/{api}/stages/{stage}"
    if dropped := sorted(old.keys() - new.keys()):
        await site.do(_SERVICE, "UntagResource", resourceArn=arn, tagKeys=dropped)
    if new and new != old:
        await site.do(_SERVICE, "TagResource", resourceArn=arn, tags=new)


def _patches(before: Properties, after: Properties) -> list[Params]:
    old, new = _by_path(before), _by_path(after)
    patches = [_replaced(path, value) for path, value in new.items() if old.get(path) != value]
    patches += [
        {"op": "remove", "path": path} if path.startswith("/variables/") else _replaced(path, None)
        for path in old.keys() - new.keys()
    ]
    log_before, log = (given.get("AccessLogSetting") or {} for given in (before, after))
    if log_before.keys() - log.keys():
        patches.append({"op": "remove", "path": "/accessLogSettings"})
        log_before = {}
    patches += [
        _replaced(f"/accessLogSettings/{camel(name)}", log[name])
        for name in _ACCESS_LOG
        if name in log and log.get(name) != log_before.get(name)
    ]
    return patches + _method_patches(_of_methods(before), _of_methods(after))


def _replaced(path: str, value: object) -> Params:
    return {"op": "replace", "path": path} | ({} if value is None else {"value": text_of(value)})


def _by_path(properties: Properties) -> dict[str, str]:
    found = {f"/{camel(name)}": text_of(properties[name]) for name in _PLAIN if properties.get(name) is not None}
    variables = respelt(properties.get("Variables") or {}, "variables")
    return found | {f"/variables/{_escaped(name)}": value for name, value in variables.items()}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _of_methods(properties: Properties) -> dict[str, dict[str, str]]:
    """What MethodSettings says, by `{resource path}/{method}`, as text by the end of the patch path."""
    found: dict[str, dict[str, str]] = {}
    for one in properties.get("MethodSettings") or ():
        # A path is written `/*`, `/` or `/~1pets~1dogs`; UpdateStage has its first slash before the key.
        path = str(one.get("ResourcePath") or "/*").removeprefix("/").replace("/", "~1") or "~1"
        key = f"{path}/{one.get('HttpMethod') or '*'}"
        said = {end: text_of(one[name]) for name, end in _OF_METHODS.items() if one.get(name) is not None}
        found[key] = {**found.get(key, {}), **said}
    return found


def _method_patches(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[Params]:
    patches: list[Params] = []
    for key, old in before.items():
        # A single setting cannot be taken away, only all of a method's.
        if old.keys() - after.get(key, {}).keys():
            patches.append({"op": "remove", "path": f"/{key}"})
    fresh = {patch["path"].removeprefix("/") for patch in patches}
    for key, new in after.items():
        old = {} if key in fresh else before.get(key, {})
        patches += [_replaced(f"/{key}/{end}", value) for end, value in new.items() if old.get(end) != value]
    return patches
