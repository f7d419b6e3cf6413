"""AWS::ApiGatewayV2: HTTP and WebSocket APIs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_ApiGatewayV2.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Remark, Replace, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.openapi_body import body_remarks
from dayfly.errors import NOT_JSON

_SERVICE = "apigatewayv2"
_WHOLE = frozenset({"TimeoutInMillis", "AuthorizerResultTtlInSeconds", "MaxAge"})
_YES_NO = frozenset(
    {
        "ApiKeyRequired",
        "AutoDeploy",
        "AllowCredentials",
        "DisableExecuteApiEndpoint",
        "DisableSchemaValidation",
        "EnableSimpleResponses",
        "FailOnWarnings",
    }
)
_QUICK = ("CredentialsArn", "RouteKey", "Target")


def typed(value: Any, name: str = "") -> Any:
    """Templates may write numbers and booleans as text, as CloudFormation allows; operations want them typed."""
    if isinstance(value, dict):
        return {key: typed(held, key) for key, held in value.items()}
    if isinstance(value, list):
        return [typed(held) for held in value]
    if isinstance(value, str):
        if name in _WHOLE and value.isdigit():
            return int(value)
        if name in _YES_NO and value.lower() in ("true", "false"):
            return value.lower() == "true"
    return value


class ApiType:
    known = frozenset(
        {
            "ApiKeySelectionExpression",
            "Body",
            "CorsConfiguration",
            "CredentialsArn",
            "Description",
            "DisableExecuteApiEndpoint",
            "Name",
            "ProtocolType",
            "RouteKey",
            "RouteSelectionExpression",
            "Tags",
            "Target",
            "Version",
        }
    )
    ignored = frozenset({"BasePath", "BodyS3Location", "DisableSchemaValidation", "FailOnWarnings", "IpAddressType"})

    def remarks(self, properties: Properties) -> Iterator[Remark]:
        return body_remarks(properties.get("Body"), "http")

    def _given(self, properties: Properties) -> Properties:
        return {name: typed(value, name) for name, value in properties.items() if name in self.known - {"Body"}}

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = self._given(properties)
        given.setdefault("ProtocolType", "HTTP")
        title = _document(properties.get("Body")).get("info", {}).get("title")
        given.setdefault("Name", title or logical_id)
        made = await site.do(_SERVICE, "CreateApi", **given)
        await self._import(site, made["ApiId"], properties)
        return self._physical(made)

    async def _import(self, site: Site, api_id: str, properties: Properties) -> None:
        if properties.get("Body"):
            body = properties["Body"]
            text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
            await site.do(_SERVICE, "ReimportApi", ApiId=api_id, Body=text)

    def _physical(self, made: dict[str, Any]) -> Physical:
        return Physical(id=made["ApiId"], attributes={"ApiId": made["ApiId"], "ApiEndpoint": made["ApiEndpoint"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("ProtocolType") != after.get("ProtocolType"):
            raise Replace
        if before.get("Body") != after.get("Body"):
            await self._import(site, physical.id, after)
        # What quick create made may have been replaced since: only a change asks for it.
        kept = {"ProtocolType", "Tags"} | {name for name in _QUICK if before.get(name) == after.get(name)}
        given = {name: value for name, value in self._given(after).items() if name not in kept}
        if before.get("CorsConfiguration") and not after.get("CorsConfiguration"):
            await site.do(_SERVICE, "DeleteCorsConfiguration", ApiId=physical.id)
        return self._physical(await site.do(_SERVICE, "UpdateApi", ApiId=physical.id, **given))

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteApi", ApiId=physical.id)


def _document(body: Any) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    try:
        found = msgspec.json.decode(body or "{}")
    except NOT_JSON:
        return {}
    return found if isinstance(found, dict) else {}


class PartType:
    """Anything below an API that has one create, one update and one delete operation of the same shape."""

    def __init__(
        self,
        noun: str,
        known: set[str],
        *,
        identifier: str = "",
        parents: tuple[str, ...] = ("ApiId",),
        ignored: set[str] | None = None,
        fixed: set[str] | None = None,
    ) -> None:
        self._noun = noun
        self._identifier = identifier or f"{noun}Id"
        self._parents = parents
        self._fixed = frozenset(fixed or ()) | frozenset(parents)
        self.known = frozenset(known | set(parents))
        self.ignored = frozenset(ignored or ())

    def _given(self, properties: Properties) -> Properties:
        return {name: typed(value, name) for name, value in properties.items() if name in self.known}

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = self._given(properties)
        if self._noun == "Authorizer":
            given.setdefault("Name", logical_id)
        made = await site.do(_SERVICE, f"Create{self._noun}", **given)
        return Physical(id=made[self._identifier], attributes={self._identifier: made[self._identifier]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(name) != after.get(name) for name in self._fixed):
            raise Replace
        await site.do(_SERVICE, f"Update{self._noun}", **{**self._given(after), self._identifier: physical.id})
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        parents = {name: properties[name] for name in self._parents}
        await gone(site, _SERVICE, f"Delete{self._noun}", **parents, **{self._identifier: physical.id})


class DeploymentType(PartType):
    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        try:
            await super().delete(site, physical, properties)
        except Refused as refused:
            # A stage that has not moved on yet still serves it; the deployment then goes with the API.
            if refused.code != "BadRequestException":
                raise


class IntegrationType(PartType):
    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        return await super().create(site, logical_id, _with_payload_version(properties))


def _with_payload_version(properties: Properties) -> Properties:
    version = properties.get("PayloadFormatVersion")
    return properties if version is None else {**properties, "PayloadFormatVersion": str(version)}


class DomainNameType:
    known = frozenset({"DomainName"})
    ignored = frozenset({"DomainNameConfigurations", "MutualTlsAuthentication", "RoutingMode", "Tags"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties["DomainName"]
        await site.do(_SERVICE, "CreateDomainName", DomainName=name)
        regional = {"RegionalDomainName": name, "RegionalHostedZoneId": "Z2FDTNDATAQYW2"}
        return Physical(id=name, attributes=regional)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("DomainName") != after.get("DomainName"):
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteDomainName", DomainName=physical.id)


class ApiMappingType(PartType):
    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before == after:
            return physical
        raise Replace


TYPES = {
    "AWS::ApiGatewayV2::Api": ApiType(),
    "AWS::ApiGatewayV2::Route": PartType(
        "Route",
        {
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "OperationName",
            "RouteKey",
            "RouteResponseSelectionExpression",
            "Target",
        },
        ignored={"ModelSelectionExpression", "RequestModels", "RequestParameters"},
    ),
    "AWS::ApiGatewayV2::Integration": IntegrationType(
        "Integration",
        {
            "ConnectionType",
            "IntegrationMethod",
            "IntegrationSubtype",
            "IntegrationType",
            "IntegrationUri",
            "PayloadFormatVersion",
            "RequestParameters",
            "RequestTemplates",
            "ResponseParameters",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
        },
        ignored={
            "ConnectionId",
            "ContentHandlingStrategy",
            "CredentialsArn",
            "Description",
            "PassthroughBehavior",
            "TlsConfig",
        },
    ),
    "AWS::ApiGatewayV2::Stage": PartType(
        "Stage",
        {"AutoDeploy", "DeploymentId", "Description", "StageName", "StageVariables"},
        identifier="StageName",
        fixed={"StageName"},
        ignored={
            "AccessLogSettings",
            "AccessPolicyId",
            "ClientCertificateId",
            "DefaultRouteSettings",
            "RouteSettings",
            "Tags",
        },
    ),
    "AWS::ApiGatewayV2::Deployment": DeploymentType("Deployment", {"Description", "StageName"}),
    "AWS::ApiGatewayV2::Authorizer": PartType(
        "Authorizer",
        {
            "AuthorizerPayloadFormatVersion",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerType",
            "AuthorizerUri",
            "EnableSimpleResponses",
            "IdentitySource",
            "IdentityValidationExpression",
            "JwtConfiguration",
            "Name",
        },
        ignored={"AuthorizerCredentialsArn"},
    ),
    "AWS::ApiGatewayV2::RouteResponse": PartType(
        "RouteResponse",
        {"RouteResponseKey"},
        parents=("ApiId", "RouteId"),
        ignored={"ModelSelectionExpression", "ResponseModels", "ResponseParameters"},
    ),
    "AWS::ApiGatewayV2::IntegrationResponse": PartType(
        "IntegrationResponse",
        {"IntegrationResponseKey", "ResponseTemplates", "TemplateSelectionExpression"},
        parents=("ApiId", "IntegrationId"),
        ignored={"ContentHandlingStrategy", "ResponseParameters"},
    ),
    "AWS::ApiGatewayV2::DomainName": DomainNameType(),
    "AWS::ApiGatewayV2::ApiMapping": ApiMappingType(
        "ApiMapping", {"ApiMappingKey", "ApiId", "Stage"}, parents=("DomainName",)
    ),
}
