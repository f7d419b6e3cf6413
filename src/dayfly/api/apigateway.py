"""API Gateway: REST APIs.

https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html

`apigateway_plans.py` has API keys, usage plans, tags and domains; `apigateway_shared.py` what all operations share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from dayfly.api import Fault, Params
from dayfly.api.apigateway_plans import Plans
from dayfly.api.apigateway_shared import (
    authorizer_of,
    body_bytes,
    found,
    members,
    merged,
    patched,
    patched_struct,
    shown_authorizer,
    shown_deployment,
    shown_method,
    shown_resource,
    shown_stage,
    without,
)
from dayfly.errors import Error, Unsupported
from dayfly.gateways.model import (
    Api,
    ApiNotFound,
    Authorizer,
    Conflicting,
    Deployment,
    Invalid,
    Method,
    PartNotFound,
    Resource,
    Stage,
    Surface,
)
from dayfly.gateways.openapi import read_document, rest_surface
from dayfly.identity import Caller

_STAGE_SETTINGS = (
    "cacheClusterEnabled",
    "cacheClusterSize",
    "documentationVersion",
    "canarySettings",
    "tracingEnabled",
    "tags",
)


class ApiGateway(Plans):
    service: ClassVar[str] = "apigateway"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        ApiNotFound: Fault("NotFoundException"),
        PartNotFound: Fault("NotFoundException"),
        Conflicting: Fault("ConflictException"),
        Invalid: Fault("BadRequestException"),
        Unsupported: Fault("BadRequestException"),
    }
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
                    api = replace(api, settings=patched(api.settings, [patch]))
        return self._shown(await self._put(api))

    async def delete_rest_api(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(self._gateways.remove(self._api(caller, params)))
        return {}

    async def import_rest_api(self, caller: Caller, params: Params) -> Params:
        document = read_document(body_bytes(params["body"]))
        name = (document.get("info") or {}).get("title") or "api"
        made = await self.create_rest_api(caller, {"name": name})
        return await self.put_rest_api(caller, {**params, "restApiId": made["id"], "mode": "overwrite"})

    async def put_rest_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        document = read_document(body_bytes(params["body"]))
        root = self._shown(api)["rootResourceId"]
        surface = rest_surface(document, self._id, root)
        if params.get("mode", "merge") == "merge":
            surface = merged(api.surface, surface, root)
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
        return shown_resource(resource)

    async def get_resource(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        resource = self._resource(self._api(caller, params), params["resourceId"])
        return shown_resource(resource, whole="methods" in (params.get("embed") or ()))

    async def get_resources(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        whole = "methods" in (params.get("embed") or ())
        resources = self._api(caller, params).surface.resources.values()
        return {"items": [shown_resource(resource, whole=whole) for resource in resources]}

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
        return shown_method(method)

    async def get_method(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_method(self._method(self._api(caller, params), params)[1])

    async def update_method(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        method = patched_struct(method, params.get("patchOperations") or [])
        await self._put_method(api, resource, method)
        return shown_method(method)

    async def delete_method(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        await self._put_resource(api, replace(resource, methods=without(resource.methods, method.http_method)))
        return {}

    async def put_method_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        given = members(params, "statusCode", "responseParameters", "responseModels")
        responses = {**method.method_responses, params["statusCode"]: given}
        await self._put_method(api, resource, replace(method, method_responses=responses))
        return given

    async def get_method_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        _, method = self._method(self._api(caller, params), params)
        return found(method.method_responses, params["statusCode"], "Response status code")

    async def delete_method_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        responses = without(method.method_responses, params["statusCode"])
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
        integration = patched(self._integration(method), params.get("patchOperations") or [])
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
        given = members(params, *names)
        responses = {**integration.get("integrationResponses", {}), params["statusCode"]: given}
        integration = {**integration, "integrationResponses": responses}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return given

    async def get_integration_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        integration = self._integration(self._method(self._api(caller, params), params)[1])
        return found(integration.get("integrationResponses", {}), params["statusCode"], "Response status code")

    async def delete_integration_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = self._integration(method)
        responses = without(integration.get("integrationResponses", {}), params["statusCode"])
        integration = {**integration, "integrationResponses": responses}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return {}

    # -- authorizers, models, validators, gateway responses --------------------------------

    async def create_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        authorizer = authorizer_of(params, self._id())
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return shown_authorizer(authorizer)

    async def get_authorizer(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return shown_authorizer(self._authorizer(self._api(caller, params), params))

    def _authorizer(self, api: Api, params: Params) -> Authorizer:
        found = api.surface.authorizers.get(params["authorizerId"])
        if found is None:
            raise PartNotFound("Invalid Authorizer identifier specified")
        return found

    async def get_authorizers(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": [shown_authorizer(one) for one in self._api(caller, params).surface.authorizers.values()]}

    async def update_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        before = self._authorizer(api, params)
        shown = patched(shown_authorizer(before), params.get("patchOperations") or [])
        if "authorizerResultTtlInSeconds" in shown:
            shown["authorizerResultTtlInSeconds"] = int(shown["authorizerResultTtlInSeconds"])
        authorizer = authorizer_of(shown, before.id)
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return shown_authorizer(authorizer)

    async def delete_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._authorizer(api, params)
        await self._surface(api, authorizers=without(api.surface.authorizers, params["authorizerId"]))
        return {}

    async def create_model(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        model = {"id": self._id(), **members(params, "name", "description", "schema", "contentType")}
        await self._surface(api, models={**api.surface.models, params["name"]: model})
        return model

    async def get_model(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return found(self._api(caller, params).surface.models, params["modelName"], "Model Name")

    async def get_models(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.models.values())}

    async def delete_model(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        found(api.surface.models, params["modelName"], "Model Name")
        await self._surface(api, models=without(api.surface.models, params["modelName"]))
        return {}

    async def create_request_validator(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        key = self._id()
        validator = {"id": key, **members(params, "name", "validateRequestBody", "validateRequestParameters")}
        await self._surface(api, validators={**api.surface.validators, key: validator})
        return validator

    async def get_request_validator(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return found(self._api(caller, params).surface.validators, params["requestValidatorId"], "Request Validator")

    async def get_request_validators(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.validators.values())}

    async def delete_request_validator(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._surface(api, validators=without(api.surface.validators, params["requestValidatorId"]))
        return {}

    async def put_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        names = ("responseType", "statusCode", "responseParameters", "responseTemplates")
        response = {**members(params, *names), "defaultResponse": False}
        responses = {**api.surface.gateway_responses, params["responseType"]: response}
        await self._surface(api, gateway_responses=responses)
        return response

    async def get_gateway_response(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return found(self._api(caller, params).surface.gateway_responses, params["responseType"], "Gateway response")

    async def get_gateway_responses(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"items": list(self._api(caller, params).surface.gateway_responses.values())}

    async def delete_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._surface(api, gateway_responses=without(api.surface.gateway_responses, params["responseType"]))
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

    async def delete_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        gone = self._deployment(api, params["deploymentId"])
        if any(stage.deployment_id == gone.id for stage in api.stages.values()):
            raise Invalid("Active stages pointing to this deployment must be moved or deleted")
        await self._put(replace(api, deployments=without(api.deployments, gone.id)))
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
            settings=members(params, *_STAGE_SETTINGS),
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
        for patch in params.get("patchOperations") or ():
            name, _, rest = patch["path"].strip("/").partition("/")
            match name:
                case "deploymentId":
                    stage = replace(stage, deployment_id=self._deployment(api, patch["value"]).id)
                case "description":
                    stage = replace(stage, description=patch.get("value", ""))
                case "variables" if patch["op"] == "remove":
                    stage = replace(stage, variables=without(stage.variables, rest))
                case "variables":
                    stage = replace(stage, variables={**stage.variables, rest: patch["value"]})
                case _:
                    stage = replace(stage, settings={**stage.settings, "patched": True})
        await self._put(replace(api, stages={**api.stages, stage.name: stage}))
        return shown_stage(stage)

    async def delete_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._put(replace(api, stages=without(api.stages, self._stage(api, params).name)))
        return {}
