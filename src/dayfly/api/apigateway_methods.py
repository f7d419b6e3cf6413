"""Methods of REST APIs, their integrations, and the responses of both."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigateway_patches import (
    INTEGRATION,
    INTEGRATION_RESPONSE,
    METHOD,
    METHOD_RESPONSE,
    patched,
    patched_struct,
    patches_of,
)
from dayfly.api.apigateway_shared import Shared, found, members, shown_method, without
from dayfly.gateways.model import Conflicting, Method, PartNotFound
from dayfly.identity import Caller


class Methods(Shared):
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
        method = patched_struct(method, patches_of(params), METHOD)
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

    async def update_method_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        before = found(method.method_responses, params["statusCode"], "Response status code")
        response = patched(before, patches_of(params), METHOD_RESPONSE)
        responses = {**method.method_responses, params["statusCode"]: response}
        await self._put_method(api, resource, replace(method, method_responses=responses))
        return response

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
        integration = patched(self._integration(method), patches_of(params), INTEGRATION)
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

    async def update_integration_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = self._integration(method)
        responses = integration.get("integrationResponses", {})
        before = found(responses, params["statusCode"], "Response status code")
        response = patched(before, patches_of(params), INTEGRATION_RESPONSE)
        integration = {**integration, "integrationResponses": {**responses, params["statusCode"]: response}}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return response

    async def delete_integration_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        resource, method = self._method(api, params)
        integration = self._integration(method)
        responses = without(integration.get("integrationResponses", {}), params["statusCode"])
        integration = {**integration, "integrationResponses": responses}
        await self._put_method(api, resource, replace(method, method_integration=integration))
        return {}
