"""Stages and deployments of HTTP and WebSocket APIs."""

from __future__ import annotations

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigatewayv2_shared import Shared, without
from dayfly.gateways.model import Api, Conflicting, Deployment, Invalid, PartNotFound, Stage
from dayfly.identity import Caller

_SETTINGS = ("AccessLogSettings", "ClientCertificateId", "DefaultRouteSettings", "RouteSettings", "Tags")


class Stages(Shared):
    async def create_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        name = params["StageName"]
        if name in api.stages:
            raise Conflicting("Stage already exists")
        stage = self._stage(api, params, Stage(name=name, created_s=self._now_s()))
        await self._put(replace(api, stages={**api.stages, name: stage}))
        return _shown_stage(stage)

    def _stage(self, api: Api, params: Params, before: Stage) -> Stage:
        deployment = params.get("DeploymentId", before.deployment_id)
        if deployment is not None and deployment not in api.deployments:
            raise PartNotFound(f"Deployment ID {deployment} does not exist")
        settings = {name: params[name] for name in _SETTINGS if name in params}
        return replace(
            before,
            deployment_id=deployment,
            auto_deploy=params.get("AutoDeploy", before.auto_deploy),
            variables=params.get("StageVariables", before.variables),
            description=params.get("Description", before.description),
            settings={**before.settings, **settings},
        )

    async def update_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        stage = self._stage(api, params, self._found_stage(api, params))
        await self._put(replace(api, stages={**api.stages, stage.name: stage}))
        return _shown_stage(stage)

    async def get_stage(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_stage(self._found_stage(self._api(caller, params), params))

    async def get_stages(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"Items": [_shown_stage(stage) for stage in self._api(caller, params).stages.values()]}

    async def delete_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._found_stage(api, params)
        await self._put(replace(api, stages=without(api.stages, params["StageName"])))
        return {}

    async def create_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        if api.kind == "websocket" and not api.surface.routes:
            raise Invalid("At least one route is required before deploying the Api.")
        deployment = Deployment(
            id=self._id(), created_s=self._now_s(), description=params.get("Description", ""), surface=api.surface
        )
        stages = api.stages
        if params.get("StageName"):
            stage = self._found_stage(api, params)
            stages = {**stages, stage.name: replace(stage, deployment_id=deployment.id)}
        deployments = {**api.deployments, deployment.id: deployment}
        await self._put(replace(api, stages=stages, deployments=deployments))
        return _shown_deployment(deployment)

    async def get_deployment(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        found = self._api(caller, params).deployments.get(params["DeploymentId"])
        if found is None:
            raise PartNotFound("Invalid deployment identifier specified")
        return _shown_deployment(found)

    async def get_deployments(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"Items": [_shown_deployment(one) for one in self._api(caller, params).deployments.values()]}

    async def delete_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        if params["DeploymentId"] not in api.deployments:
            raise PartNotFound("Invalid deployment identifier specified")
        if any(stage.deployment_id == params["DeploymentId"] for stage in api.stages.values()):
            raise Invalid("Active stages pointing to this deployment must be moved or deleted")
        await self._put(replace(api, deployments=without(api.deployments, params["DeploymentId"])))
        return {}


def _shown_stage(stage: Stage) -> Params:
    shown: Params = {
        "StageName": stage.name,
        "CreatedDate": stage.created_s,
        "LastUpdatedDate": stage.created_s,
        "AutoDeploy": stage.auto_deploy,
        "StageVariables": stage.variables,
        "RouteSettings": {},
        "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        "Tags": {},
        **stage.settings,
    }
    if stage.deployment_id:
        shown["DeploymentId"] = stage.deployment_id
    if stage.description:
        shown["Description"] = stage.description
    return shown


def _shown_deployment(one: Deployment) -> Params:
    shown: Params = {"DeploymentId": one.id, "CreatedDate": one.created_s, "DeploymentStatus": "DEPLOYED"}
    if one.description:
        shown["Description"] = one.description
    return {**shown, "AutoDeployed": False}
