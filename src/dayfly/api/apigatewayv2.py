"""API Gateway V2: HTTP and WebSocket APIs.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html

The rest of the service is beside: `apigatewayv2_routes.py` (routes, integrations, their responses),
`apigatewayv2_authorizers.py`, `apigatewayv2_stages.py` (stages, deployments), `apigatewayv2_domains.py` (domain names,
tags); `apigatewayv2_shared.py` has what all operations share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace

from dayfly.api import Fault, Params
from dayfly.api.apigatewayv2_authorizers import Authorizers
from dayfly.api.apigatewayv2_domains import Domains
from dayfly.api.apigatewayv2_routes import Routes
from dayfly.api.apigatewayv2_stages import Stages
from dayfly.errors import Error, Unsupported
from dayfly.gateways.model import (
    Api,
    ApiNotFound,
    Conflicting,
    Integration,
    Invalid,
    PartNotFound,
    Route,
    Stage,
    Surface,
)
from dayfly.gateways.openapi import http_surface, read_document
from dayfly.gateways.openapi_extensions import endpoint_of, lacks, resolved
from dayfly.identity import Caller

_SETTINGS = ("DisableSchemaValidation", "IpAddressType")
_QUICK = "QuickRoute"
"""Setting of an API: the route that quick create made."""
_QUICK_MEMBERS = ("Target", "RouteKey", "CredentialsArn")


class ApiGatewayV2(Routes, Authorizers, Stages, Domains):
    service: ClassVar[str] = "apigatewayv2"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        ApiNotFound: Fault("NotFoundException"),
        PartNotFound: Fault("NotFoundException"),
        Conflicting: Fault("ConflictException"),
        Invalid: Fault("BadRequestException"),
        Unsupported: Fault("BadRequestException"),
    }

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
        return shown | {name: api.settings[name] for name in _SETTINGS if name in api.settings}

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
            settings={name: params[name] for name in _SETTINGS if name in params},
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
        await self._seen()
        return self._shown(self._api(caller, params))

    async def get_apis(self, caller: Caller, params: Params) -> Params:
        await self._seen()
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
            settings=api.settings | {name: params[name] for name in _SETTINGS if name in params},
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
        try:
            return await self.reimport_api(caller, {**params, "ApiId": made["ApiId"]})
        except Error:
            await self.delete_api(caller, {"ApiId": made["ApiId"]})
            raise

    async def reimport_api(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        document = resolved(read_document(params["Body"]), caller.scope)
        warnings = [str(one) for one in lacks(document, "http")]
        if params.get("Basepath", "ignore") != "ignore":
            warnings.append(f"Basepath {params['Basepath']} is not supported yet: base paths are ignored")
        if warnings and params.get("FailOnWarnings"):
            raise Invalid(f"Warnings found during import: {'; '.join(warnings)}")
        endpoint = endpoint_of(document)
        kind = {"IpAddressType": endpoint["ipAddressType"]} if "ipAddressType" in endpoint else {}
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
            disable_endpoint=str(endpoint.get("disableExecuteApiEndpoint", api.disable_endpoint)).lower() == "true",
            settings=api.settings | kind,
        )
        shown = self._shown(await self._put(api))
        return {**shown, "Warnings": warnings} if warnings else shown


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
