"""Deployments and stages of REST APIs.

Of a stage's settings, those for logs, metrics, tracing, throttling and caching are kept and told, without effect. What
would change who answers a request (a canary) is refused.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigateway_patches import DEPLOYMENT, STAGE, patched, patches_of, typed
from dayfly.api.apigateway_shared import Shared, members, shown_deployment, shown_stage, without
from dayfly.errors import Unsupported
from dayfly.gateways.model import Api, Conflicting, Deployment, Invalid, PartNotFound, Stage
from dayfly.identity import Caller

_SETTINGS = ("cacheClusterEnabled", "cacheClusterSize", "documentationVersion", "tracingEnabled", "tags")
_METHOD_SETTINGS: dict[str, tuple[str, type[Any]]] = {
    "metrics/enabled": ("metricsEnabled", bool),
    "logging/dataTrace": ("dataTraceEnabled", bool),
    "logging/loglevel": ("loggingLevel", str),
    "throttling/burstLimit": ("throttlingBurstLimit", int),
    "throttling/rateLimit": ("throttlingRateLimit", float),
    "caching/enabled": ("cachingEnabled", bool),
    "caching/dataEncrypted": ("cacheDataEncrypted", bool),
    "caching/ttlInSeconds": ("cacheTtlInSeconds", int),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", bool),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorizedCacheControlHeaderStrategy", str),
}
_METHOD_PATH = re.compile(
    rf"/(?P<key>(?:.*/)?(?:GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS|\*))(?:/(?P<setting>{'|'.join(_METHOD_SETTINGS)}))?"
)
"""`/{resource path}/{method}/{setting}`; without the setting, all of that method's."""
_UNSET: Params = {
    "metricsEnabled": False,
    "dataTraceEnabled": False,
    "throttlingBurstLimit": -1,
    "throttlingRateLimit": -1.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


class Stages(Shared):
    async def create_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        _no_canary(params)
        methods = [method for resource in api.surface.resources.values() for method in resource.methods.values()]
        if not methods:
            raise Invalid("The REST API doesn't contain any methods")
        if any(method.method_integration is None for method in methods):
            raise Invalid("No integration defined for method")
        now_s = self._now_s()
        deployment = Deployment(
            id=self._id(), created_s=now_s, description=params.get("description", ""), surface=api.surface
        )
        stages = api.stages
        name = params.get("stageName")
        if name:
            stage = stages.get(name) or Stage(name=name, created_s=now_s)
            stage = replace(
                stage,
                deployment_id=deployment.id,
                variables=params.get("variables") or stage.variables,
                description=params.get("stageDescription", stage.description),
                settings={**stage.settings, **members(params, *_SETTINGS)},
            )
            stages = {**stages, name: stage}
        deployments = {**api.deployments, deployment.id: deployment}
        await self._put(replace(api, stages=stages, deployments=deployments))
        return shown_deployment(deployment)

    def _deployment(self, api: Api, deployment_id: str) -> Deployment:
        found = api.deployments.get(deployment_id)
        if found is None:
            raise PartNotFound("Invalid Deployment identifier specified")
        return found

    async def get_deployment(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_deployment(self._deployment(self._api(caller, params), params["deploymentId"]))

    async def get_deployments(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [shown_deployment(one) for one in self._api(caller, params).deployments.values()]}

    async def update_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        before = self._deployment(api, params["deploymentId"])
        shown = patched({"description": before.description}, patches_of(params), DEPLOYMENT)
        deployment = replace(before, description=shown.get("description", ""))
        await self._put(replace(api, deployments={**api.deployments, deployment.id: deployment}))
        return shown_deployment(deployment)

    async def delete_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        gone = self._deployment(api, params["deploymentId"])
        if any(stage.deployment_id == gone.id for stage in api.stages.values()):
            raise Invalid("Active stages pointing to this deployment must be moved or deleted")
        await self._put(replace(api, deployments=without(api.deployments, gone.id)))
        return {}

    async def create_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        _no_canary(params)
        name = params["stageName"]
        if name in api.stages:
            raise Conflicting("Stage already exists")
        stage = Stage(
            name=name,
            created_s=self._now_s(),
            deployment_id=self._deployment(api, params["deploymentId"]).id,
            variables=params.get("variables") or {},
            description=params.get("description", ""),
            settings=members(params, *_SETTINGS),
        )
        await self._put(replace(api, stages={**api.stages, name: stage}))
        return shown_stage(stage)

    def _stage(self, api: Api, params: Params) -> Stage:
        found = api.stages.get(params["stageName"])
        if found is None:
            raise PartNotFound("Invalid stage identifier specified")
        return found

    async def get_stage(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_stage(self._stage(self._api(caller, params), params))

    async def get_stages(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"item": [shown_stage(stage) for stage in self._api(caller, params).stages.values()]}

    async def update_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        stage = self._stage(api, params)
        for patch in patches_of(params):
            stage = self._patched_stage(api, stage, patch)
        await self._put(replace(api, stages={**api.stages, stage.name: stage}))
        return shown_stage(stage)

    def _patched_stage(self, api: Api, stage: Stage, patch: Params) -> Stage:
        op, path = patch.get("op", ""), patch.get("path", "")
        if op == "copy":
            raise Invalid("Promotion not available. Canary does not exist.")
        if path.startswith("/canarySettings"):
            raise Unsupported(_CANARY)
        if not STAGE.knows(path):
            return _with_method_setting(stage, op, path, patch.get("value"))
        own = {"deploymentId": stage.deployment_id, "description": stage.description, "variables": stage.variables}
        after = patched({**stage.settings, **own}, [patch], STAGE)
        if after.get("deploymentId") not in api.deployments:
            raise Invalid("Deployment id does not exist")
        return replace(
            stage,
            deployment_id=after.pop("deploymentId"),
            description=after.pop("description", ""),
            variables=after.pop("variables", {}),
            settings=after,
        )

    async def delete_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._put(replace(api, stages=without(api.stages, self._stage(api, params).name)))
        return {}


_CANARY = "canarySettings is not supported yet: a stage serves one deployment"


def _no_canary(params: Params) -> None:
    if params.get("canarySettings"):
        raise Unsupported(_CANARY)


def _with_method_setting(stage: Stage, op: str, path: str, value: str | None) -> Stage:
    """Kept by keys as they are given.

    https://docs.aws.amazon.com/cli/latest/reference/apigateway/update-stage.html
    """
    match = _METHOD_PATH.fullmatch(path)
    if match is None:
        paths = [*STAGE.allowed, *(f"/{{resourcePath}}/{{httpMethod}}/{name}" for name in _METHOD_SETTINGS)]
        raise Invalid(f"Invalid method setting path: {path}. Must be one of: [{', '.join(paths)}]")
    key, setting = match["key"], match["setting"]
    held = stage.settings.get("methodSettings", {})
    if op != ("replace" if setting else "remove") or (setting and value is None):
        raise Invalid(f"Invalid patch path  '{path}' specified for op '{op}'. Please choose supported operations")
    if setting is None:
        if key not in held:
            # The space at the end is AWS's.
            raise Invalid(f"Cannot remove method setting {key} because there is no method setting for this method ")
        settings = without(held, key)
    else:
        name, kind = _METHOD_SETTINGS[setting]
        settings = {**held, key: {**_UNSET, **held.get(key, {}), name: typed(kind, path, value or "")}}
    return replace(stage, settings={**stage.settings, "methodSettings": settings})
