"""What the REST API operations share: finding and storing parts, and showing them in the service's members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from dayfly.api import Params
from dayfly.gateways.gateway import Gateways
from dayfly.gateways.model import (
    Api,
    ApiKey,
    Authorizer,
    Deployment,
    Domain,
    Method,
    PartNotFound,
    Resource,
    Stage,
    Surface,
    UsagePlan,
)
from dayfly.gateways.openapi_extensions import shown_policy
from dayfly.identity import Caller

S = TypeVar("S")


class Shared:
    """The parts of one API, found, changed and stored."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

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
        if "policy" in api.settings:
            shown["policy"] = shown_policy(api.settings["policy"])
        return shown


def body_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.read() if hasattr(body, "read") else str(body).encode()


def members(params: Params, *names: str) -> Params:
    return {name: params[name] for name in names if name in params}


def found(table: Mapping[str, S], key: str, kind: str) -> S:
    found = table.get(key)
    if found is None:
        raise PartNotFound(f"Invalid {kind} identifier specified")
    return found


def without(table: Mapping[str, S], key: str) -> dict[str, S]:
    return {name: value for name, value in table.items() if name != key}


def merged(before: Surface, added: Surface, root: str) -> Surface:
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
        models={**before.models, **added.models},
        validators={**before.validators, **added.validators},
        gateway_responses={**before.gateway_responses, **added.gateway_responses},
    )


def shown_resource(resource: Resource, *, whole: bool = False) -> Params:
    shown: Params = {"id": resource.id, "path": resource.path}
    if resource.parent_id is not None:
        shown |= {"parentId": resource.parent_id, "pathPart": resource.path_part}
    if resource.methods:
        shown["resourceMethods"] = {
            name: shown_method(method) if whole else {} for name, method in resource.methods.items()
        }
    return shown


def shown_method(method: Method) -> Params:
    shown: Params = msgspec.to_builtins(method)
    shown.setdefault("authorizationType", "NONE")
    shown.setdefault("apiKeyRequired", False)
    return shown


def shown_part(part: ApiKey | UsagePlan) -> Params:
    shown: Params = msgspec.to_builtins(part)
    shown.pop("keys", None)
    if isinstance(part, ApiKey):
        shown.setdefault("enabled", False)
        shown.setdefault("stageKeys", [])
    return shown


def authorizer_of(params: Params, key: str) -> Authorizer:
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
        auth_type=params.get("authType") or None,
    )


def shown_authorizer(one: Authorizer) -> Params:
    shown: Params = {
        "id": one.id,
        "name": one.name,
        "type": one.kind,
        "authType": one.auth_type or ("cognito_user_pools" if one.provider_arns else "custom"),
        "authorizerResultTtlInSeconds": one.ttl_s,
    }
    if one.uri:
        shown["authorizerUri"] = one.uri
    if one.credentials:
        shown["authorizerCredentials"] = one.credentials
    if one.identity_source:
        shown["identitySource"] = ",".join(one.identity_source)
    if one.validation_expression:
        shown["identityValidationExpression"] = one.validation_expression
    if one.provider_arns:
        shown["providerARNs"] = one.provider_arns
    return shown


def shown_deployment(one: Deployment) -> Params:
    shown: Params = {"id": one.id, "createdDate": one.created_s}
    return {**shown, "description": one.description} if one.description else shown


def shown_stage(stage: Stage) -> Params:
    shown: Params = {
        "stageName": stage.name,
        "deploymentId": stage.deployment_id,
        "createdDate": stage.created_s,
        "lastUpdatedDate": stage.created_s,
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
        **stage.settings,
    }
    if stage.variables:
        shown["variables"] = stage.variables
    if stage.description:
        shown["description"] = stage.description
    return shown


def shown_domain(domain: Domain) -> Params:
    return {"domainName": domain.name, "domainNameStatus": "AVAILABLE", **domain.settings}
