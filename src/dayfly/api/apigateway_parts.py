"""What methods of REST APIs refer to: authorizers, models, request validators, gateway responses."""

from __future__ import annotations

from dayfly.api import Params
from dayfly.api.apigateway_patches import AUTHORIZER, GATEWAY_RESPONSE, MODEL, VALIDATOR, patched, patches_of
from dayfly.api.apigateway_shared import Shared, authorizer_of, found, members, shown_authorizer, without
from dayfly.gateways.model import Api, Authorizer, Invalid, PartNotFound
from dayfly.identity import Caller


class Parts(Shared):
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
        # What is shown where no authType was given follows the type; it is not to become one that was.
        document = {**shown_authorizer(before), "identitySource": before.identity_source, "authType": before.auth_type}
        after = patched(document, patches_of(params), AUTHORIZER)
        authorizer = authorizer_of({**after, "identitySource": ",".join(after["identitySource"])}, before.id)
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

    async def update_model(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        before = found(api.surface.models, params["modelName"], "Model Name")
        model = patched(before, patches_of(params), MODEL)
        await self._surface(api, models={**api.surface.models, params["modelName"]: model})
        return model

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

    async def update_request_validator(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        key = params["requestValidatorId"]
        before = found(api.surface.validators, key, "Request Validator")
        validator = patched(before, patches_of(params), VALIDATOR)
        if not validator.get("name"):
            raise Invalid("Request Validator name cannot be blank")
        await self._surface(api, validators={**api.surface.validators, key: validator})
        return validator

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

    async def update_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        kind = params["responseType"]
        before = api.surface.gateway_responses.get(kind, {"responseType": kind})
        response = {**patched(before, patches_of(params), GATEWAY_RESPONSE), "defaultResponse": False}
        await self._surface(api, gateway_responses={**api.surface.gateway_responses, kind: response})
        return response

    async def delete_gateway_response(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        await self._surface(api, gateway_responses=without(api.surface.gateway_responses, params["responseType"]))
        return {}
