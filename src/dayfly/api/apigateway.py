"""API Gateway: REST APIs.

https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec.structs import replace

from dayfly.api import Fault, Params
from dayfly.errors import Error, Unsupported
from dayfly.gateways.gateway import Gateways
from dayfly.gateways.model import (
    Api,
    ApiKey,
    ApiNotFound,
    Authorizer,
    Conflicting,
    Deployment,
    Domain,
    Invalid,
    Method,
    PartNotFound,
    Resource,
    Stage,
    Surface,
    UsagePlan,
)
from dayfly.gateways.openapi import read_document, rest_surface
from dayfly.identity import Caller

S = TypeVar("S")
_STAGE_SETTINGS = (
    "cacheClusterEnabled",
    "cacheClusterSize",
    "documentationVersion",
    "canarySettings",
    "tracingEnabled",
    "tags",
)


class ApiGateway:
    service: ClassVar[str] = "apigateway"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        ApiNotFound: Fault("NotFoundException"),
        PartNotFound: Fault("NotFoundException"),
        Conflicting: Fault("ConflictException"),
        Invalid: Fault("BadRequestException"),
        Unsupported: Fault("BadRequestException"),
    }

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    # -- what the operations share --------------------------------------------

    def _api(self, caller: Caller, params: Params) -> Api:
        return self._gateways.of(caller.scope, params["restApiId"], rest=True)

    def _id(self, length: int = 6) -> str:
        return self._gateways.ids.token(length)

    def _now_s(self) -> float:
        return self._gateways.clock.now_ms() / 1000

    async def _seen(self) -> None:
        await self._gateways.commit(())

    async def _put(self, api: Api) -> Api:
        await self._gateways.commit(self._gateways.put(api))
        return api

    async def _surface(self, api: Api, **changed: Any) -> None:
        await self._put(replace(api, surface=replace(api.surface, **changed)))

    async def _put_resource(self, api: Api, resource: Resource) -> None:
        await self._surface(api, resources={**api.surface.resources, resource.id: resource})

    async def _put_method(self, api: Api, resource: Resource, method: Method) -> None:
        await self._put_resource(api, replace(resource, methods={**resource.methods, method.http_method: method}))

    def _resource(self, api: Api, resource_id: str) -> Resource:
        found = api.surface.resources.get(resource_id)
        if found is None:
            raise PartNotFound("Invalid Resource identifier specified")
        return found

    def _method(self, api: Api, params: Params) -> tuple[Resource, Method]:
        resource = self._resource(api, params["resourceId"])
        found = resource.methods.get(params["httpMethod"].upper())
        if found is None:
            raise PartNotFound("Invalid Method identifier specified")
        return resource, found

    def _shown(self, api: Api) -> Params:
        root = next(resource.id for resource in api.surface.resources.values() if resource.path == "/")
        shown: Params = {
            "id": api.id,
            "name": api.name,
            "createdDate": api.created_s,
            "apiKeySource": "HEADER",
            "endpointConfiguration": {"types": ["EDGE"]},
            "disableExecuteApiEndpoint": api.disable_endpoint,
            "rootResourceId": root,
            "tags": api.tags,
            **api.settings,
        }
        if api.description:
            shown["description"] = api.description
        if api.version is not None:
            shown["version"] = api.version
        if api.binary_types:
            shown["binaryMediaTypes"] = api.binary_types
        return shown

    # -- APIs -------------------------------------------------------------------

    async def create_rest_api(self, caller: Caller, params: Params) -> Params:
        root = self._id(10)
        settings = ("minimumCompressionSize", "apiKeySource", "endpointConfiguration", "policy")
        api = Api(
            id=self._id(10),
            kind="rest",
            account=caller.scope.account,
            region=caller.scope.region,
            name=params["name"],
            created_s=self._now_s(),
            description=params.get("description", ""),
            version=params.get("version"),
            binary_types=params.get("binaryMediaTypes") or [],
            disable_endpoint=bool(params.get("disableExecuteApiEndpoint")),
            tags=params.get("tags") or {},
            settings={name: params[name] for name in settings if name in params},
            surface=Surface(resources={root: Resource(id=root)}),
        )
        if params.get("cloneFrom"):
            source = self._gateways.of(caller.scope, params["cloneFrom"], rest=True)
            api = replace(api, surface=source.surface)
        return self._shown(await self._put(api))

    async def get_rest_api(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return self._shown(self._api(caller, params))

    async def get_rest_apis(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [self._shown(api) for api in self._gateways.list(caller.scope, rest=True)]}

    async def update_rest_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        for patch in params.get("patchOperations") or ():
            name, _, rest = patch["path"].strip("/").partition("/")
            value = patch.get("value")
            match name:
                case "name" | "description" | "version":
                    api = replace(api, **{name: value})
                case "binaryMediaTypes":
                    kind = rest.replace("~1", "/")
                    types = [one for one in api.binary_types if one != kind]
                    api = replace(api, binary_types=types if patch["op"] == "remove" else [*types, kind])
                case "disableExecuteApiEndpoint":
                    api = replace(api, disable_endpoint=value == "true")
                case _:
                    api = replace(api, settings=_patched(api.settings, [patch]))
        return self._shown(await self._put(api))

    async def delete_rest_api(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(self._gateways.remove(self._api(caller, params)))
        return {}

    async def import_rest_api(self, caller: Caller, params: Params) -> Params:
        document = read_document(_bytes(params["body"]))
        name = (document.get("info") or {}).get("title") or "api"
        made = await self.create_rest_api(caller, {"name": name})
        return await self.put_rest_api(caller, {**params, "restApiId": made["id"], "mode": "overwrite"})

    async def put_rest_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        document = read_document(_bytes(params["body"]))
        root = self._shown(api)["rootResourceId"]
        surface = rest_surface(document, self._id, root)
        if params.get("mode", "merge") == "merge":
            surface = _merged(api.surface, surface, root)
        info = document.get("info") or {}
        types = document.get("x-amazon-apigateway-binary-media-types") or api.binary_types
        api = replace(
            api,
            surface=surface,
            name=info.get("title") or api.name,
            description=info.get("description") or api.description,
            version=str(info["version"]) if "version" in info else api.version,
            binary_types=types,
        )
        return self._shown(await self._put(api))

    # -- resources, methods, integrations --------------------------------------------

    async def create_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        parent = self._resource(api, params["parentId"])
        part = params["pathPart"]
        path = f"{parent.path.rstrip('/')}/{part}"
        if any(resource.path == path for resource in api.surface.resources.values()):
            raise Conflicting(f"Another resource with the same parent already has this name: {part}")
        resource = Resource(id=self._id(), parent_id=parent.id, path_part=part, path=path)
        await self._put_resource(api, resource)
        return _shown_resource(resource)

    async def get_resource(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        resource = self._resource(self._api(caller, params), params["resourceId"])
        return _shown_resource(resource, whole="methods" in (params.get("embed") or ()))

    async def get_resources(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        whole = "methods" in (params.get("embed") or ())
        resources = self._api(caller, params).surface.resources.values()
        return {"items": [_shown_resource(resource, whole=whole) for resource in resources]}

    async def update_resource(self, caller: Caller, params: Params) -> Params:
        raise Unsupported("UpdateResource is not supported yet")

    async def delete_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        gone = self._resource(api, params["resourceId"])
        if gone.path == "/":
            raise Invalid("Root resource cannot be deleted")
        below = f"{gone.path}/"
        resources = {
            key: resource
            for key, resource in api.surface.resources.items()
            if key != gone.id and not resource.path.startswith(below)
        }
        await self._surface(api, resources=resources)
        return {}

    async def put_method(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource = self._resource(api, params["resourceId"])
        name = params["httpMethod"].upper()
        if name in resource.methods:
            raise Conflicting("Method already exists for this resource")
        method = msgspec.convert({**params, "httpMethod": name}, Method)
        await self._put_method(api, resource, method)
        return _shown_method(method)

    async def get_method(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_method(self._method(self._api(caller, params), params)[1])

    async def update_method(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        method = _patched_struct(method, params.get("patchOperations") or [])
        await self._put_method(api, resource, method)
        return _shown_method(method)

    async def delete_method(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        await self._put_resource(api, replace(resource, methods=_without(resource.methods, method.http_method)))
        return {}

    async def put_method_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        given = _members(params, "statusCode", "responseParameters", "responseModels")
        responses = {**method.method_responses, params["statusCode"]: given}
        await self._put_method(api, resource, replace(method, method_responses=responses))
        return given

    async def get_method_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        _, method = self._method(self._api(caller, params), params)
        return _found(method.method_responses, params["statusCode"], "Response status code")

    async def delete_method_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        responses = _without(method.method_responses, params["statusCode"])
        await self._put_method(api, resource, replace(method, method_responses=responses))
        return {}

    async def put_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        left_out = ("restApiId", "resourceId", "httpMethod", "integrationHttpMethod")
        given: Params = {name: value for name, value in params.items() if name not in left_out}
        if params.get("integrationHttpMethod"):
            given["httpMethod"] = params["integrationHttpMethod"]
        given.setdefault("timeoutInMillis", 29000)
        given.setdefault("passthroughBehavior", "WHEN_NO_MATCH")
        given.setdefault("cacheNamespace", resource.id)
        given["integrationResponses"] = (method.method_integration or {}).get("integrationResponses", {})
        await self._put_method(api, resource, replace(method, method_integration=given))
        return given

    def _integration(self, method: Method) -> Params:
        if method.method_integration is None:
            raise PartNotFound("No integration defined for method")
        return method.method_integration

    async def get_integration(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return self._integration(self._method(self._api(caller, params), params)[1])

    async def update_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = _patched(self._integration(method), params.get("patchOperations") or [])
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return integration

    async def delete_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        self._integration(method)
        await self._put_method(api, resource, replace(method, method_integration=None))
        return {}

    async def put_integration_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = self._integration(method)
        names = ("statusCode", "selectionPattern", "responseParameters", "responseTemplates", "contentHandling")
        given = _members(params, *names)
        responses = {**integration.get("integrationResponses", {}), params["statusCode"]: given}
        integration = {**integration, "integrationResponses": responses}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return given

    async def get_integration_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        integration = self._integration(self._method(self._api(caller, params), params)[1])
        return _found(integration.get("integrationResponses", {}), params["statusCode"], "Response status code")

    async def delete_integration_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = self._integration(method)
        responses = _without(integration.get("integrationResponses", {}), params["statusCode"])
        integration = {**integration, "integrationResponses": responses}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return {}

    # -- authorizers, models, validators, gateway responses --------------------------------

    async def create_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        authorizer = _authorizer(params, self._id())
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return _shown_authorizer(authorizer)

    async def get_authorizer(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_authorizer(self._authorizer(self._api(caller, params), params))

    def _authorizer(self, api: Api, params: Params) -> Authorizer:
        found = api.surface.authorizers.get(params["authorizerId"])
        if found is None:
            raise PartNotFound("Invalid Authorizer identifier specified")
        return found

    async def get_authorizers(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [_shown_authorizer(one) for one in self._api(caller, params).surface.authorizers.values()]}

    async def update_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        before = self._authorizer(api, params)
        shown = _patched(_shown_authorizer(before), params.get("patchOperations") or [])
        if "authorizerResultTtlInSeconds" in shown:
            shown["authorizerResultTtlInSeconds"] = int(shown["authorizerResultTtlInSeconds"])
        authorizer = _authorizer(shown, before.id)
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return _shown_authorizer(authorizer)

    async def delete_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._authorizer(api, params)
        await self._surface(api, authorizers=_without(api.surface.authorizers, params["authorizerId"]))
        return {}

    async def create_model(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        model = {"id": self._id(), **_members(params, "name", "description", "schema", "contentType")}
        await self._surface(api, models={**api.surface.models, params["name"]: model})
        return model

    async def get_model(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _found(self._api(caller, params).surface.models, params["modelName"], "Model Name")

    async def get_models(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.models.values())}

    async def delete_model(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        _found(api.surface.models, params["modelName"], "Model Name")
        await self._surface(api, models=_without(api.surface.models, params["modelName"]))
        return {}

    async def create_request_validator(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        key = self._id()
        validator = {"id": key, **_members(params, "name", "validateRequestBody", "validateRequestParameters")}
        await self._surface(api, validators={**api.surface.validators, key: validator})
        return validator

    async def get_request_validator(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _found(self._api(caller, params).surface.validators, params["requestValidatorId"], "Request Validator")

    async def get_request_validators(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.validators.values())}

    async def delete_request_validator(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._surface(api, validators=_without(api.surface.validators, params["requestValidatorId"]))
        return {}

    async def put_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        names = ("responseType", "statusCode", "responseParameters", "responseTemplates")
        response = {**_members(params, *names), "defaultResponse": False}
        responses = {**api.surface.gateway_responses, params["responseType"]: response}
        await self._surface(api, gateway_responses=responses)
        return response

    async def get_gateway_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _found(self._api(caller, params).surface.gateway_responses, params["responseType"], "Gateway response")

    async def get_gateway_responses(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.gateway_responses.values())}

    async def delete_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._surface(api, gateway_responses=_without(api.surface.gateway_responses, params["responseType"]))
        return {}

    # -- deployments and stages ----------------------------------------------------------------

    async def create_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
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
            variables = params.get("variables") or stage.variables
            stages = {**stages, name: replace(stage, deployment_id=deployment.id, variables=variables)}
        deployments = {**api.deployments, deployment.id: deployment}
        await self._put(replace(api, stages=stages, deployments=deployments))
        return _shown_deployment(deployment)

    def _deployment(self, api: Api, deployment_id: str) -> Deployment:
        found = api.deployments.get(deployment_id)
        if found is None:
            raise PartNotFound("Invalid Deployment identifier specified")
        return found

    async def get_deployment(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_deployment(self._deployment(self._api(caller, params), params["deploymentId"]))

    async def get_deployments(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [_shown_deployment(one) for one in self._api(caller, params).deployments.values()]}

    async def delete_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        gone = self._deployment(api, params["deploymentId"])
        if any(stage.deployment_id == gone.id for stage in api.stages.values()):
            raise Invalid("Active stages pointing to this deployment must be moved or deleted")
        await self._put(replace(api, deployments=_without(api.deployments, gone.id)))
        return {}

    async def create_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        name = params["stageName"]
        if name in api.stages:
            raise Conflicting("Stage already exists")
        stage = Stage(
            name=name,
            created_s=self._now_s(),
            deployment_id=self._deployment(api, params["deploymentId"]).id,
            variables=params.get("variables") or {},
            description=params.get("description", ""),
            settings=_members(params, *_STAGE_SETTINGS),
        )
        await self._put(replace(api, stages={**api.stages, name: stage}))
        return _shown_stage(stage)

    def _stage(self, api: Api, params: Params) -> Stage:
        found = api.stages.get(params["stageName"])
        if found is None:
            raise PartNotFound("Invalid stage identifier specified")
        return found

    async def get_stage(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_stage(self._stage(self._api(caller, params), params))

    async def get_stages(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"item": [_shown_stage(stage) for stage in self._api(caller, params).stages.values()]}

    async def update_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        stage = self._stage(api, params)
        for patch in params.get("patchOperations") or ():
            name, _, rest = patch["path"].strip("/").partition("/")
            match name:
                case "deploymentId":
                    stage = replace(stage, deployment_id=self._deployment(api, patch["value"]).id)
                case "description":
                    stage = replace(stage, description=patch.get("value", ""))
                case "variables" if patch["op"] == "remove":
                    stage = replace(stage, variables=_without(stage.variables, rest))
                case "variables":
                    stage = replace(stage, variables={**stage.variables, rest: patch["value"]})
                case _:
                    stage = replace(stage, settings={**stage.settings, "patched": True})
        await self._put(replace(api, stages={**api.stages, stage.name: stage}))
        return _shown_stage(stage)

    async def delete_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._put(replace(api, stages=_without(api.stages, self._stage(api, params).name)))
        return {}

    # -- API keys and usage plans ------------------------------------------------------------------

    def _keys(self, caller: Caller) -> dict[str, ApiKey]:
        return self._gateways.keys.get((caller.scope.account, caller.scope.region), {})

    def _usage_plans(self, caller: Caller) -> dict[str, UsagePlan]:
        return self._gateways.usage_plans.get((caller.scope.account, caller.scope.region), {})

    async def _put_part(self, caller: Caller, part: ApiKey | UsagePlan) -> Params:
        await self._gateways.commit(self._gateways.put_part(caller.scope, part, part.id))
        return _shown_part(part)

    async def create_api_key(self, caller: Caller, params: Params) -> Params:
        value = params.get("value") or self._id(40)
        if any(key.value == value for key in self._keys(caller).values()):
            raise Conflicting("API Key already exists")
        now_s = self._now_s()
        key = ApiKey(
            id=self._id(10),
            value=value,
            name=params.get("name", ""),
            description=params.get("description", ""),
            enabled=bool(params.get("enabled")),
            created_date=now_s,
            last_updated_date=now_s,
            customer_id=params.get("customerId"),
            tags=params.get("tags") or {},
        )
        return await self._put_part(caller, key)

    async def get_api_key(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        shown = _shown_part(_found(self._keys(caller), params["apiKey"], "API Key"))
        return shown if params.get("includeValue") else _without(shown, "value")

    async def get_api_keys(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        keys = [_shown_part(key) for key in self._keys(caller).values()]
        named = params.get("nameQuery")
        if named:
            keys = [key for key in keys if key.get("name", "").startswith(named)]
        return {"items": keys if params.get("includeValues") else [_without(key, "value") for key in keys]}

    async def update_api_key(self, caller: Caller, params: Params) -> Params:
        key = _found(self._keys(caller), params["apiKey"], "API Key")
        return await self._put_part(caller, _patched_struct(key, params.get("patchOperations") or []))

    async def delete_api_key(self, caller: Caller, params: Params) -> Params:
        _found(self._keys(caller), params["apiKey"], "API Key")
        await self._gateways.commit(self._gateways.remove_part(caller.scope, ApiKey, params["apiKey"]))
        return {}

    async def create_usage_plan(self, caller: Caller, params: Params) -> Params:
        return await self._put_part(caller, msgspec.convert({**params, "id": self._id()}, UsagePlan))

    async def get_usage_plan(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_part(_found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID"))

    async def get_usage_plans(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [_shown_part(plan) for plan in self._usage_plans(caller).values()]}

    async def update_usage_plan(self, caller: Caller, params: Params) -> Params:
        plan = _found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        for patch in params.get("patchOperations") or ():
            if patch["path"] == "/apiStages":
                api_id, _, stage = patch["value"].partition(":")
                kept = [one for one in plan.api_stages if (one.get("apiId"), one.get("stage")) != (api_id, stage)]
                added = [] if patch["op"] == "remove" else [{"apiId": api_id, "stage": stage}]
                plan = replace(plan, api_stages=kept + added)
            else:
                plan = _patched_struct(plan, [patch])
        return await self._put_part(caller, plan)

    async def delete_usage_plan(self, caller: Caller, params: Params) -> Params:
        _found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        await self._gateways.commit(self._gateways.remove_part(caller.scope, UsagePlan, params["usagePlanId"]))
        return {}

    async def create_usage_plan_key(self, caller: Caller, params: Params) -> Params:
        plan = _found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        key = _found(self._keys(caller), params["keyId"], "API Key")
        if key.id not in plan.keys:
            await self._put_part(caller, replace(plan, keys=[*plan.keys, key.id]))
        return {"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name}

    async def get_usage_plan_keys(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        plan = _found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        keys = [self._keys(caller)[key] for key in plan.keys if key in self._keys(caller)]
        return {"items": [{"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name} for key in keys]}

    async def delete_usage_plan_key(self, caller: Caller, params: Params) -> Params:
        plan = _found(self._usage_plans(caller), params["usagePlanId"], "Usage Plan ID")
        await self._put_part(caller, replace(plan, keys=[key for key in plan.keys if key != params["keyId"]]))
        return {}

    # -- account, tags, domains -----------------------------------------------------------------------

    async def get_account(self, caller: Caller, params: Params) -> Params:
        return {"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000}, "features": ["UsagePlans"]}

    async def update_account(self, caller: Caller, params: Params) -> Params:
        return await self.get_account(caller, params)

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"restApiId": _api_of_arn(params["resourceArn"])})
        await self._put(replace(api, tags={**api.tags, **params["tags"]}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"restApiId": _api_of_arn(params["resourceArn"])})
        tags = {name: value for name, value in api.tags.items() if name not in params["tagKeys"]}
        await self._put(replace(api, tags=tags))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"tags": self._api(caller, {"restApiId": _api_of_arn(params["resourceArn"])}).tags}

    def _domain(self, caller: Caller, name: str) -> Domain:
        domains = self._gateways.domains.get((caller.scope.account, caller.scope.region), {})
        return _found(domains, name, "domain name")

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        domain = Domain(name=params["domainName"], settings=_without(params, "domainName"))
        await self._put_domain(caller, domain)
        return _shown_domain(domain)

    async def get_domain_name(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_domain(self._domain(caller, params["domainName"]))

    async def delete_domain_name(self, caller: Caller, params: Params) -> Params:
        name = self._domain(caller, params["domainName"]).name
        await self._gateways.commit(self._gateways.remove_part(caller.scope, Domain, name))
        return {}

    async def create_base_path_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["domainName"])
        self._api(caller, params)
        base = params.get("basePath") or "(none)"
        mapping = {"api": params["restApiId"], "stage": params.get("stage", ""), "path": base}
        await self._put_domain(caller, replace(domain, mappings={**domain.mappings, base: mapping}))
        return {"basePath": base, **_members(params, "restApiId", "stage")}

    async def delete_base_path_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["domainName"])
        await self._put_domain(caller, replace(domain, mappings=_without(domain.mappings, params["basePath"])))
        return {}


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.read() if hasattr(body, "read") else str(body).encode()


def _members(params: Params, *names: str) -> Params:
    return {name: params[name] for name in names if name in params}


def _found(table: Mapping[str, S], key: str, kind: str) -> S:
    found = table.get(key)
    if found is None:
        raise PartNotFound(f"Invalid {kind} identifier specified")
    return found


def _without(table: Mapping[str, S], key: str) -> dict[str, S]:
    return {name: value for name, value in table.items() if name != key}


def _patched(document: Mapping[str, Any], patches: list[Params]) -> Params:
    """Patch operations on a JSON document.

    https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html
    """
    result: Params = msgspec.json.decode(msgspec.json.encode(document))
    for patch in patches:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in patch["path"].strip("/").split("/")]
        holder: Any = result
        for part in parents:
            holder = holder.setdefault(part, {})
        if patch["op"] == "remove":
            holder.pop(last, None)
        elif patch["op"] in ("add", "replace"):
            if isinstance(holder.get(last), list):
                holder[last] = [*holder[last], patch.get("value")]
            else:
                holder[last] = patch.get("value")
        else:
            raise Unsupported(f"the patch operation {patch['op']} is not supported yet")
    return result


def _patched_struct(part: S, patches: list[Params]) -> S:
    try:
        return msgspec.convert(_patched(msgspec.to_builtins(part), patches), type(part), strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"Invalid patch: {error}") from error


def _merged(before: Surface, added: Surface, root: str) -> Surface:
    """PutRestApi with mode `merge`: the document's methods over those there are."""
    by_path = {resource.path: resource for resource in before.resources.values()}
    resources = dict(before.resources)
    moved = {
        resource.id: by_path[resource.path].id for resource in added.resources.values() if resource.path in by_path
    }
    moved[root] = root
    for resource in added.resources.values():
        key = moved.get(resource.id, resource.id)
        held = resources.get(key)
        methods = {**(held.methods if held else {}), **resource.methods}
        parent = moved.get(resource.parent_id or "", resource.parent_id)
        resources[key] = replace(resource, id=key, parent_id=parent, methods=methods)
    return replace(
        before,
        resources=resources,
        authorizers={**before.authorizers, **added.authorizers},
        gateway_responses={**before.gateway_responses, **added.gateway_responses},
    )


def _shown_resource(resource: Resource, *, whole: bool = False) -> Params:
    shown: Params = {"id": resource.id, "path": resource.path}
    if resource.parent_id is not None:
        shown |= {"parentId": resource.parent_id, "pathPart": resource.path_part}
    if resource.methods:
        shown["resourceMethods"] = {
            name: _shown_method(method) if whole else {} for name, method in resource.methods.items()
        }
    return shown


def _shown_method(method: Method) -> Params:
    shown: Params = msgspec.to_builtins(method)
    shown.setdefault("authorizationType", "NONE")
    shown.setdefault("apiKeyRequired", False)
    return shown


def _shown_part(part: ApiKey | UsagePlan) -> Params:
    shown: Params = msgspec.to_builtins(part)
    shown.pop("keys", None)
    if isinstance(part, ApiKey):
        shown.setdefault("enabled", False)
        shown.setdefault("stageKeys", [])
    return shown


def _authorizer(params: Params, key: str) -> Authorizer:
    source = params.get("identitySource") or ""
    ttl = params.get("authorizerResultTtlInSeconds")
    return Authorizer(
        id=key,
        name=params["name"],
        kind=params["type"],
        uri=params.get("authorizerUri") or "",
        identity_source=[part.strip() for part in source.split(",") if part.strip()],
        ttl_s=300 if ttl is None else ttl,
        credentials=params.get("authorizerCredentials"),
        validation_expression=params.get("identityValidationExpression"),
        provider_arns=params.get("providerARNs") or [],
    )


def _shown_authorizer(one: Authorizer) -> Params:
    shown: Params = {
        "id": one.id,
        "name": one.name,
        "type": one.kind,
        "authType": "cognito_user_pools" if one.provider_arns else "custom",
        "authorizerResultTtlInSeconds": one.ttl_s,
    }
    if one.uri:
        shown["authorizerUri"] = one.uri
    if one.identity_source:
        shown["identitySource"] = ",".join(one.identity_source)
    if one.validation_expression:
        shown["identityValidationExpression"] = one.validation_expression
    if one.provider_arns:
        shown["providerARNs"] = one.provider_arns
    return shown


def _shown_deployment(one: Deployment) -> Params:
    shown: Params = {"id": one.id, "createdDate": one.created_s}
    return {**shown, "description": one.description} if one.description else shown


def _shown_stage(stage: Stage) -> Params:
    shown: Params = {
        "stageName": stage.name,
        "deploymentId": stage.deployment_id,
        "createdDate": stage.created_s,
        "lastUpdatedDate": stage.created_s,
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
        **_without(stage.settings, "patched"),
    }
    if stage.variables:
        shown["variables"] = stage.variables
    if stage.description:
        shown["description"] = stage.description
    return shown


def _shown_domain(domain: Domain) -> Params:
    return {"domainName": domain.name, "domainNameStatus": "AVAILABLE", **domain.settings}


def _api_of_arn(arn: str) -> str:
    """`arn:aws:apigateway:{region}::/restapis/{api id}`"""
    return arn.partition("/restapis/")[2].partition("/")[0]
