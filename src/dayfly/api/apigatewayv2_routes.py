"""Routes and integrations of HTTP and WebSocket APIs, and the responses of both."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigatewayv2_shared import Shared, T, without
from dayfly.gateways.model import Api, Conflicting, Integration, Invalid, PartNotFound, Route
from dayfly.identity import Caller


class Routes(Shared):
    async def create_route(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        key = params["RouteKey"]
        self._check_route_key(api, key)
        if any(route.route_key == key for route in api.surface.routes.values()):
            raise Conflicting(f"Route with key {key} already exists for this API")
        route = _converted({**params, "RouteId": self._id()}, Route)
        await self._surface(api, routes={**api.surface.routes, route.route_id: route})
        return _shown_part(route)

    async def get_route(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return _shown_part(self._part(self._api(caller, params).surface.routes, params["RouteId"], "Route"))

    async def get_routes(self, caller: Caller, params: Params) -> Params:
        await self._seen()
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
        await self._surface(api, routes=without(api.surface.routes, params["RouteId"]))
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
        await self._seen()
        integrations = self._api(caller, params).surface.integrations
        return _shown_part(self._part(integrations, params["IntegrationId"], "Integration"))

    async def get_integrations(self, caller: Caller, params: Params) -> Params:
        await self._seen()
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
        await self._surface(api, integrations=without(api.surface.integrations, params["IntegrationId"]))
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
        await self._seen()
        route = self._part(self._api(caller, params).surface.routes, params["RouteId"], "Route")
        return {"Items": list(route.responses.values())}

    async def get_integration_responses(self, caller: Caller, params: Params) -> Params:
        await self._seen()
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
        changed = replace(owner, responses=without(owner.responses, response_id))
        await self._surface(api, **{name: {**getattr(api.surface, name), _id_of(changed): changed}})
        return {}

    def _owner(self, api: Api, params: Params, kind: str) -> tuple[str, Route | Integration]:
        if kind == "RouteResponse":
            return "routes", self._part(api.surface.routes, params["RouteId"], "Route")
        return "integrations", self._part(api.surface.integrations, params["IntegrationId"], "Integration")


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
