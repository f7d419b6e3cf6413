"""Authorizers of HTTP and WebSocket APIs."""

from __future__ import annotations

from msgspec.structs import replace

from dayfly.api import Params
from dayfly.api.apigatewayv2_shared import Shared, without
from dayfly.gateways.model import Api, Authorizer, PartNotFound
from dayfly.identity import Caller


class Authorizers(Shared):
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
        await self._seen()
        return _shown_authorizer(self._authorizer(self._api(caller, params), params))

    async def get_authorizers(self, caller: Caller, params: Params) -> Params:
        await self._seen()
        return {"Items": [_shown_authorizer(one) for one in self._api(caller, params).surface.authorizers.values()]}

    async def delete_authorizer(self, caller: Caller, params: Params) -> Params:
        api = self._api(caller, params)
        self._authorizer(api, params)
        await self._surface(api, authorizers=without(api.surface.authorizers, params["AuthorizerId"]))
        return {}


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
