"""API Gateway V2: HTTP and WebSocket APIs.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html
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
    ApiNotFound,
    Authorizer,
    Conflicting,
    Deployment,
    Domain,
    Integration,
    Invalid,
    PartNotFound,
    Route,
    Stage,
    Surface,
)
from dayfly.gateways.openapi import http_surface, read_document
from dayfly.identity import Caller

T = TypeVar("T", Route, Integration)
_API_SETTINGS = ("DisableSchemaValidation", "IpAddressType")
_STAGE_SETTINGS = ("AccessLogSettings", "ClientCertificateId", "DefaultRouteSettings", "RouteSettings", "Tags")
_QUICK = "QuickRoute"
"""Setting of an API: the route that quick create made."""
_QUICK_MEMBERS = ("Target", "RouteKey", "CredentialsArn")


class ApiGatewayV2:
    service: ClassVar[str] = "apigatewayv2"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        ApiNotFound: Fault("NotFoundException"),
        PartNotFound: Fault("NotFoundException"),
        Conflicting: Fault("ConflictException"),
        Invalid: Fault("BadRequestException"),
        Unsupported: Fault("BadRequestException"),
    }

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    # -- what the operations share ------------------------------------------------------------

    def _api(self, caller: Caller, params: Params) -> Api:
        return self._gateways.of(caller.scope, params["ApiId"], rest=False)

    def _id(self) -> str:
        return self._gateways.ids.token(7)

    def _now_s(self) -> float:
        return self._gateways.clock.now_ms() / 1000

    async def _put(self, api: Api) -> Api:
        await self._gateways.commit(self._gateways.put(api))
        return api

    async def _surface(self, api: Api, **changed: Any) -> None:
        await self._put(replace(api, surface=replace(api.surface, **changed)))

    def _shown(self, api: Api) -> Params:
        scheme = "ws" if api.kind == "websocket" else "http"
        _, _, address = self._gateways.endpoint.partition("://")
        port = address.partition(":")[2].partition("/")[0]
        shown: Params = {
            "ApiId": api.id,
            "Name": api.name,
            "ProtocolType": api.kind.upper(),
            "ApiEndpoint": f"{scheme}://{api.id}.execute-api.localhost" + (f":{port}" if port else ""),
            "RouteSelectionExpression": api.selection,
            "ApiKeySelectionExpression": api.key_selection,
            "CreatedDate": api.created_s,
            "DisableExecuteApiEndpoint": api.disable_endpoint,
            "Tags": api.tags,
        }
        if api.description:
            shown["Description"] = api.description
        if api.version is not None:
            shown["Version"] = api.version
        if api.cors is not None:
            shown["CorsConfiguration"] = api.cors
        return shown | {name: api.settings[name] for name in _API_SETTINGS if name in api.settings}

    # -- APIs ------------------------------------------------------------

    async def create_api(self, caller: Caller, params: Params) -> Params:
        kind = "websocket" if params["ProtocolType"] == "WEBSOCKET" else "http"
        if kind == "websocket" and not params.get("RouteSelectionExpression"):
            raise Invalid("RouteSelectionExpression is required for WEBSOCKET APIs")
        default = "$request.method $request.path"
        api = Api(
            id=self._gateways.ids.token(10),
            kind=kind,  # type: ignore[arg-type]
            account=caller.scope.account,
            region=caller.scope.region,
            name=params["Name"],
            created_s=self._now_s(),
            description=params.get("Description", ""),
            version=params.get("Version"),
            selection=params.get("RouteSelectionExpression") or default,
            key_selection=params.get("ApiKeySelectionExpression") or "$request.header.x-api-key",
            cors=params.get("CorsConfiguration"),
            disable_endpoint=bool(params.get("DisableExecuteApiEndpoint")),
            tags=params.get("Tags") or {},
            settings={name: params[name] for name in _API_SETTINGS if name in params},
        )
        if params.get("Target"):
            api = self._quick(api, params)
        return self._shown(await self._put(api))

    def _quick(self, api: Api, params: Params) -> Api:
        """Quick create: one integration, one route (`$default` unless given) and an automatic stage."""
        integration = _quick_integration(Integration(integration_id=self._id(), integration_type=""), params)
        key = params.get("RouteKey") or "$default"
        route = Route(route_id=self._id(), route_key=key, target=f"integrations/{integration.integration_id}")
        stage = Stage(name="$default", created_s=api.created_s, auto_deploy=True)
        surface = Surface(routes={route.route_id: route}, integrations={integration.integration_id: integration})
        settings = {**api.settings, _QUICK: route.route_id}
        return replace(api, surface=surface, stages={"$default": stage}, settings=settings)

    def _quick_again(self, api: Api, params: Params) -> Api:
        """What quick create made follows changes of the target, its credentials and the route's key."""
        route = api.surface.routes.get(api.settings.get(_QUICK, ""))
        integration = api.surface.integrations.get(_integration_id(route)) if route is not None else None
        if route is None or integration is None:
            named = ", ".join(name for name in _QUICK_MEMBERS if name in params)
            raise Invalid(f"{named} can only be updated of an API made by quick create, while its route is there")
        integration = _quick_integration(integration, params)
        self._check_route_key(api, params.get("RouteKey", route.route_key))
        route = replace(route, route_key=params.get("RouteKey", route.route_key))
        surface = replace(
            api.surface,
            routes={**api.surface.routes, route.route_id: route},
            integrations={**api.surface.integrations, integration.integration_id: integration},
        )
        return replace(api, surface=surface)

    async def get_api(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return self._shown(self._api(caller, params))

    async def get_apis(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [self._shown(api) for api in self._gateways.list(caller.scope, rest=False)]}

    async def update_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        cors = {**(api.cors or {}), **params["CorsConfiguration"]} if "CorsConfiguration" in params else api.cors
        api = replace(
            api,
            name=params.get("Name", api.name),
            description=params.get("Description", api.description),
            version=params.get("Version", api.version),
            selection=params.get("RouteSelectionExpression", api.selection),
            key_selection=params.get("ApiKeySelectionExpression", api.key_selection),
            cors=cors,
            disable_endpoint=params.get("DisableExecuteApiEndpoint", api.disable_endpoint),
            settings=api.settings | {name: params[name] for name in _API_SETTINGS if name in params},
        )
        if any(name in params for name in _QUICK_MEMBERS):
            api = self._quick_again(api, params)
        return self._shown(await self._put(api))

    async def delete_api(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(self._gateways.remove(self._api(caller, params)))
        return {}

    async def delete_cors_configuration(self, caller: Caller, params: Params) -> Params:
        await self._put(replace(self._api(caller, params), cors=None))
        return {}

    async def import_api(self, caller: Caller, params: Params) -> Params:
        document = read_document(params["Body"])
        name = (document.get("info") or {}).get("title") or "api"
        made = await self.create_api(caller, {"Name": name, "ProtocolType": "HTTP"})
        return await self.reimport_api(caller, {**params, "ApiId": made["ApiId"]})

    async def reimport_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        document = read_document(params["Body"])
        surface, cors = http_surface(document, self._id)
        info = document.get("info") or {}
        tags = {
            str(tag.get("name")): str(tag.get("x-amazon-apigateway-tag-value", ""))
            for tag in document.get("tags") or ()
        }
        api = replace(
            api,
            surface=surface,
            cors=cors or api.cors,
            name=info.get("title") or api.name,
            version=str(info["version"]) if "version" in info else api.version,
            description=info.get("description") or api.description,
            tags={**api.tags, **tags},
        )
        return self._shown(await self._put(api))

    # -- routes and integrations ------------------------------------------------------------

    def _part(self, table: Mapping[str, T], part_id: str, kind: str) -> T:
        found = table.get(part_id)
        if found is None:
            raise PartNotFound(f"Invalid {kind} identifier specified {part_id}")
        return found

    async def create_route(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        key = params["RouteKey"]
        self._check_route_key(api, key)
        if any(route.route_key == key for route in api.surface.routes.values()):
            raise Conflicting(f"Route with key {key} already exists for this API")
        route = _converted({**params, "RouteId": self._id()}, Route)
        await self._surface(api, routes={**api.surface.routes, route.route_id: route})
        return _shown_part(route)

    def _check_route_key(self, api: Api, key: str) -> None:
        method, _, path = key.partition(" ")
        if api.kind == "http" and key != "$default" and not (method.isalpha() and path.startswith("/")):
            raise Invalid(
                "The provided route key is not formatted properly for HTTP protocol. Format should be "
                '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
            )

    async def get_route(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return _shown_part(self._part(self._api(caller, params).surface.routes, params["RouteId"], "Route"))

    async def get_routes(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [_shown_part(route) for route in self._api(caller, params).surface.routes.values()]}

    async def update_route(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        route = self._part(api.surface.routes, params["RouteId"], "Route")
        if "RouteKey" in params:
            self._check_route_key(api, params["RouteKey"])
        route = _converted({**msgspec.to_builtins(route), **params}, Route)
        await self._surface(api, routes={**api.surface.routes, route.route_id: route})
        return _shown_part(route)

    async def delete_route(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._part(api.surface.routes, params["RouteId"], "Route")
        await self._surface(api, routes=_without(api.surface.routes, params["RouteId"]))
        return {}

    async def create_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        given = {**params, "IntegrationId": self._id()}
        if api.kind == "http" and params["IntegrationType"] not in ("AWS_PROXY", "HTTP_PROXY"):
            raise Invalid("HTTP APIs only support AWS_PROXY and HTTP_PROXY integrations")
        if api.kind == "http" and not params.get("PayloadFormatVersion"):
            if params["IntegrationType"] == "AWS_PROXY" and not params.get("IntegrationSubtype"):
                raise Invalid("PayloadFormatVersion is a required parameter for integration")
            given["PayloadFormatVersion"] = "1.0"
        integration = _converted(given, Integration)
        await self._surface(api, integrations={**api.surface.integrations, integration.integration_id: integration})
        return _shown_part(integration)

    async def get_integration(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        integrations = self._api(caller, params).surface.integrations
        return _shown_part(self._part(integrations, params["IntegrationId"], "Integration"))

    async def get_integrations(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [_shown_part(one) for one in self._api(caller, params).surface.integrations.values()]}

    async def update_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        integration = self._part(api.surface.integrations, params["IntegrationId"], "Integration")
        integration = _converted({**msgspec.to_builtins(integration), **params}, Integration)
        await self._surface(api, integrations={**api.surface.integrations, integration.integration_id: integration})
        return _shown_part(integration)

    async def delete_integration(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._part(api.surface.integrations, params["IntegrationId"], "Integration")
        target = f"integrations/{params['IntegrationId']}"
        if any(route.target == target for route in api.surface.routes.values()):
            raise Conflicting("Cannot delete Integration since it is referenced by a Route")
        await self._surface(api, integrations=_without(api.surface.integrations, params["IntegrationId"]))
        return {}

    # Responses are members of their route or integration.

    async def create_route_response(self, caller: Caller, params: Params) -> Params:
        return await self._add_response(caller, params, "RouteResponse")

    async def create_integration_response(self, caller: Caller, params: Params) -> Params:
        return await self._add_response(caller, params, "IntegrationResponse")

    async def update_route_response(self, caller: Caller, params: Params) -> Params:
        return await self._add_response(caller, params, "RouteResponse")

    async def update_integration_response(self, caller: Caller, params: Params) -> Params:
        return await self._add_response(caller, params, "IntegrationResponse")

    async def get_route_responses(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        route = self._part(self._api(caller, params).surface.routes, params["RouteId"], "Route")
        return {"Items": list(route.responses.values())}

    async def get_integration_responses(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        integrations = self._api(caller, params).surface.integrations
        return {"Items": list(self._part(integrations, params["IntegrationId"], "Integration").responses.values())}

    async def delete_route_response(self, caller: Caller, params: Params) -> Params:
        return await self._drop_response(caller, params, "RouteResponse")

    async def delete_integration_response(self, caller: Caller, params: Params) -> Params:
        return await self._drop_response(caller, params, "IntegrationResponse")

    async def _add_response(self, caller: Caller, params: Params, kind: str) -> Params:
        api = self._api(caller, params)
        name, owner = self._owner(api, params, kind)
        id_name = f"{kind}Id"
        response_id = params.get(id_name) or self._id()
        if id_name in params and response_id not in owner.responses:
            raise PartNotFound(f"Invalid {kind} identifier specified {response_id}")
        before = owner.responses.get(response_id, {})
        response = {**before, **{key: value for key, value in params.items() if not key.endswith("Id")}}
        response[id_name] = response_id
        changed = replace(owner, responses={**owner.responses, response_id: response})
        await self._surface(api, **{name: {**getattr(api.surface, name), _id_of(changed): changed}})
        return response

    async def _drop_response(self, caller: Caller, params: Params, kind: str) -> Params:
        api = self._api(caller, params)
        name, owner = self._owner(api, params, kind)
        response_id = params[f"{kind}Id"]
        if response_id not in owner.responses:
            raise PartNotFound(f"Invalid {kind} identifier specified {response_id}")
        changed = replace(owner, responses=_without(owner.responses, response_id))
        await self._surface(api, **{name: {**getattr(api.surface, name), _id_of(changed): changed}})
        return {}

    def _owner(self, api: Api, params: Params, kind: str) -> tuple[str, Route | Integration]:
        if kind == "RouteResponse":
            return "routes", self._part(api.surface.routes, params["RouteId"], "Route")
        return "integrations", self._part(api.surface.integrations, params["IntegrationId"], "Integration")

    # -- authorizers ------------------------------------------------------------

    async def create_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        authorizer = _authorizer(params, Authorizer(id=self._id(), name="", kind=""))
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return _shown_authorizer(authorizer)

    async def update_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        authorizer = _authorizer(params, self._authorizer(api, params))
        await self._surface(api, authorizers={**api.surface.authorizers, authorizer.id: authorizer})
        return _shown_authorizer(authorizer)

    def _authorizer(self, api: Api, params: Params) -> Authorizer:
        found = api.surface.authorizers.get(params["AuthorizerId"])
        if found is None:
            raise PartNotFound(f"Invalid Authorizer identifier specified {params['AuthorizerId']}")
        return found

    async def get_authorizer(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return _shown_authorizer(self._authorizer(self._api(caller, params), params))

    async def get_authorizers(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [_shown_authorizer(one) for one in self._api(caller, params).surface.authorizers.values()]}

    async def delete_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._authorizer(api, params)
        await self._surface(api, authorizers=_without(api.surface.authorizers, params["AuthorizerId"]))
        return {}

    # -- stages and deployments ------------------------------------------------------------

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
        settings = {name: params[name] for name in _STAGE_SETTINGS if name in params}
        return replace(
            before,
            deployment_id=deployment,
            auto_deploy=params.get("AutoDeploy", before.auto_deploy),
            variables=params.get("StageVariables", before.variables),
            description=params.get("Description", before.description),
            settings={**before.settings, **settings},
        )

    def _found_stage(self, api: Api, params: Params) -> Stage:
        found = api.stages.get(params["StageName"])
        if found is None:
            raise PartNotFound("Invalid stage identifier specified")
        return found

    async def update_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        stage = self._stage(api, params, self._found_stage(api, params))
        await self._put(replace(api, stages={**api.stages, stage.name: stage}))
        return _shown_stage(stage)

    async def get_stage(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return _shown_stage(self._found_stage(self._api(caller, params), params))

    async def get_stages(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [_shown_stage(stage) for stage in self._api(caller, params).stages.values()]}

    async def delete_stage(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._found_stage(api, params)
        await self._put(replace(api, stages=_without(api.stages, params["StageName"])))
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
        await self._gateways.commit(())
        found = self._api(caller, params).deployments.get(params["DeploymentId"])
        if found is None:
            raise PartNotFound("Invalid deployment identifier specified")
        return _shown_deployment(found)

    async def get_deployments(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Items": [_shown_deployment(one) for one in self._api(caller, params).deployments.values()]}

    async def delete_deployment(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        if params["DeploymentId"] not in api.deployments:
            raise PartNotFound("Invalid deployment identifier specified")
        if any(stage.deployment_id == params["DeploymentId"] for stage in api.stages.values()):
            raise Invalid("Active stages pointing to this deployment must be moved or deleted")
        await self._put(replace(api, deployments=_without(api.deployments, params["DeploymentId"])))
        return {}

    # -- tags and domains ------------------------------------------------------------

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])})
        await self._put(replace(api, tags={**api.tags, **params.get("Tags", {})}))
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])})
        tags = {name: value for name, value in api.tags.items() if name not in params["TagKeys"]}
        await self._put(replace(api, tags=tags))
        return {}

    async def get_tags(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return {"Tags": self._api(caller, {"ApiId": _api_of_arn(params["ResourceArn"])}).tags}

    def _domain(self, caller: Caller, name: str) -> Domain:
        found = self._gateways.domains.get((caller.scope.account, caller.scope.region), {}).get(name)
        if found is None:
            raise PartNotFound("Invalid domain name identifier specified")
        return found

    async def _put_domain(self, caller: Caller, domain: Domain) -> None:
        await self._gateways.commit(self._gateways.put_part(caller.scope, domain, domain.name))

    async def create_domain_name(self, caller: Caller, params: Params) -> Params:
        domain = Domain(
            name=params["DomainName"], v2=True, settings={k: v for k, v in params.items() if k != "DomainName"}
        )
        await self._put_domain(caller, domain)
        return _shown_domain(domain)

    async def get_domain_name(self, caller: Caller, params: Params) -> Params:
        await self._gateways.commit(())
        return _shown_domain(self._domain(caller, params["DomainName"]))

    async def delete_domain_name(self, caller: Caller, params: Params) -> Params:
        self._domain(caller, params["DomainName"])
        await self._gateways.commit(self._gateways.remove_part(caller.scope, Domain, params["DomainName"]))
        return {}

    async def create_api_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["DomainName"])
        given = self._gateways.apis.get(params["ApiId"])  # a mapping may lead to a REST API, too
        self._gateways.of(caller.scope, params["ApiId"], rest=given is not None and given.kind == "rest")
        mapping_id = self._id()
        mapping = {"api": params["ApiId"], "stage": params["Stage"], "path": params.get("ApiMappingKey", "")}
        await self._put_domain(caller, replace(domain, mappings={**domain.mappings, mapping_id: mapping}))
        return {"ApiMappingId": mapping_id, **{k: v for k, v in params.items() if k != "DomainName"}}

    async def delete_api_mapping(self, caller: Caller, params: Params) -> Params:
        domain = self._domain(caller, params["DomainName"])
        await self._put_domain(caller, replace(domain, mappings=_without(domain.mappings, params["ApiMappingId"])))
        return {}


def _quick_integration(before: Integration, params: Params) -> Integration:
    before = replace(before, credentials_arn=params.get("CredentialsArn", before.credentials_arn))
    target = params.get("Target")
    if not target:
        return before
    proxy = "AWS_PROXY" if target.startswith("arn:") else "HTTP_PROXY"
    return replace(
        before,
        integration_type=proxy,
        integration_uri=target,
        integration_method="ANY" if proxy == "HTTP_PROXY" else None,
        payload_format_version="2.0" if proxy == "AWS_PROXY" else "1.0",
    )


def _integration_id(route: Route) -> str:
    return (route.target or "").removeprefix("integrations/")


def _converted(params: Params, kind: type[T]) -> T:
    return msgspec.convert(params, kind)


def _shown_part(part: Route | Integration) -> Params:
    shown: Params = msgspec.to_builtins(part)
    shown.pop("Responses", None)
    if isinstance(part, Route):
        shown.setdefault("ApiKeyRequired", False)
        shown.setdefault("AuthorizationType", "NONE")
    elif "TimeoutInMillis" not in shown:
        shown["TimeoutInMillis"] = 30000
    return shown


def _id_of(part: Route | Integration) -> str:
    return part.route_id if isinstance(part, Route) else part.integration_id


def _without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


def _authorizer(params: Params, before: Authorizer) -> Authorizer:
    jwt = params.get("JwtConfiguration") or {}
    return replace(
        before,
        name=params.get("Name", before.name),
        kind=params.get("AuthorizerType", before.kind),
        uri=params.get("AuthorizerUri", before.uri),
        identity_source=params.get("IdentitySource", before.identity_source),
        ttl_s=params.get("AuthorizerResultTtlInSeconds", before.ttl_s),
        credentials=params.get("AuthorizerCredentialsArn", before.credentials),
        validation_expression=params.get("IdentityValidationExpression", before.validation_expression),
        payload_version=params.get("AuthorizerPayloadFormatVersion", before.payload_version),
        simple_responses=params.get("EnableSimpleResponses", before.simple_responses),
        issuer=jwt.get("Issuer", before.issuer),
        audience=jwt.get("Audience", before.audience),
    )


def _shown_authorizer(one: Authorizer) -> Params:
    shown: Params = {
        "AuthorizerId": one.id,
        "Name": one.name,
        "AuthorizerType": one.kind,
        "IdentitySource": one.identity_source,
        "AuthorizerResultTtlInSeconds": one.ttl_s,
        "EnableSimpleResponses": one.simple_responses,
    }
    if one.uri:
        shown["AuthorizerUri"] = one.uri
    if one.payload_version:
        shown["AuthorizerPayloadFormatVersion"] = one.payload_version
    if one.credentials:
        shown["AuthorizerCredentialsArn"] = one.credentials
    if one.validation_expression:
        shown["IdentityValidationExpression"] = one.validation_expression
    if one.issuer:
        shown["JwtConfiguration"] = {"Issuer": one.issuer, "Audience": one.audience}
    return shown


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


def _shown_domain(domain: Domain) -> Params:
    return {"DomainName": domain.name, "ApiMappingSelectionExpression": "$request.basepath", **domain.settings}


def _api_of_arn(arn: str) -> str:
    """`arn:aws:apigateway:{region}::/apis/{api id}`"""
    _, _, rest = arn.partition("/apis/")
    return rest.partition("/")[0]
