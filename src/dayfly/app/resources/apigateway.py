"""AWS::ApiGateway: REST APIs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_ApiGateway.html

Deployments and stages are beside, in `apigateway_stages.py`; `apigateway_spelling.py` turns a template's words into the
service's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dayfly.app.resources import Physical, Properties, Remark, Replace, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.apigateway_spelling import camel, respelt, tag_map, taken
from dayfly.app.resources.apigateway_stages import DeploymentType, StageType
from dayfly.app.resources.openapi_body import body_remarks

_SERVICE = "apigateway"


class RestApiType:
    known = frozenset(
        {
            "BinaryMediaTypes",
            "Body",
            "CloneFrom",
            "Description",
            "DisableExecuteApiEndpoint",
            "Mode",
            "Name",
            "Tags",
        }
    )
    ignored = frozenset(
        {
            "ApiKeySourceType",
            "BodyS3Location",
            "EndpointConfiguration",
            "FailOnWarnings",
            "MinimumCompressionSize",
            "Parameters",
            "Policy",
        }
    )

    def remarks(self, properties: Properties) -> Iterator[Remark]:
        return body_remarks(properties.get("Body"), "rest")

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = taken(
            properties, frozenset({"BinaryMediaTypes", "CloneFrom", "Description", "DisableExecuteApiEndpoint"})
        )
        body = properties.get("Body")
        title = body.get("info", {}).get("title") if isinstance(body, dict) else None
        name = properties.get("Name") or title or logical_id
        made = await site.do(_SERVICE, "CreateRestApi", name=name, tags=tag_map(properties.get("Tags")), **given)
        await self._import(site, made["id"], properties, "merge" if given.get("cloneFrom") else "overwrite")
        attributes = {"RootResourceId": made["rootResourceId"], "RestApiId": made["id"]}
        return Physical(id=made["id"], attributes=attributes)

    async def _import(self, site: Site, api_id: str, properties: Properties, mode: str) -> None:
        body = properties.get("Body")
        if body:
            text = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            await site.do(_SERVICE, "PutRestApi", restApiId=api_id, mode=mode, body=text)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("Body") != after.get("Body"):
            await self._import(site, physical.id, after, str(after.get("Mode") or "overwrite"))
        patches = [
            {"op": "replace", "path": f"/{camel(name)}", "value": str(after[name])}
            for name in ("Name", "Description", "DisableExecuteApiEndpoint")
            if after.get(name) is not None and after.get(name) != before.get(name)
        ]
        old, new = (set(one.get("BinaryMediaTypes") or ()) for one in (before, after))
        for op, types in (("add", new - old), ("remove", old - new)):
            patches += [{"op": op, "path": f"/binaryMediaTypes/{one.replace('/', '~1')}"} for one in sorted(types)]
        if patches:
            await site.do(_SERVICE, "UpdateRestApi", restApiId=physical.id, patchOperations=patches)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteRestApi", restApiId=physical.id)


class PartType:
    """What has one create and one delete operation; a change makes a new one."""

    def __init__(
        self,
        noun: str,
        known: set[str],
        *,
        identifier: str = "id",
        delete_as: str = "",
        parents: tuple[str, ...] = ("RestApiId",),
        attribute: str = "",
        ignored: set[str] | None = None,
        named: bool = False,
        told: dict[str, str] | None = None,
    ) -> None:
        self._told = told or {}
        self._noun = noun
        self._identifier = identifier
        self._delete_as = delete_as
        self._parents = parents
        self._attribute = attribute
        self._named = named
        self.known = frozenset(known | set(parents))
        self.ignored = frozenset(ignored or ())

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = taken(properties, self.known)
        if self._named:
            given.setdefault("name", f"{site.stack}-{logical_id}")
        if "tags" in given:
            given["tags"] = tag_map(properties.get("Tags"))
        made = await site.do(_SERVICE, f"Create{self._noun}", **given)
        key = made[self._identifier]
        own = {self._attribute: key} if self._attribute else {}
        return Physical(id=key, attributes=own | {name: text.format(key) for name, text in self._told.items()})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if taken(before, self.known) == taken(after, self.known):
            return physical
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        parents = {camel(name): properties[name] for name in self._parents}
        await gone(site, _SERVICE, f"Delete{self._noun}", **parents, **{self._delete_as: physical.id})


class MethodType:
    known = frozenset(
        {
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "HttpMethod",
            "Integration",
            "MethodResponses",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RequestValidatorId",
            "ResourceId",
            "RestApiId",
        }
    )
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await self._put(site, properties)
        where = "-".join(str(properties[name]) for name in ("RestApiId", "ResourceId", "HttpMethod"))
        return Physical(id=where)

    def _where(self, properties: Properties) -> Properties:
        return taken(properties, frozenset({"RestApiId", "ResourceId", "HttpMethod"}))

    async def _put(self, site: Site, properties: Properties) -> None:
        where = self._where(properties)
        given = taken(properties, self.known - {"Integration", "MethodResponses"})
        given.setdefault("authorizationType", "NONE")
        await site.do(_SERVICE, "PutMethod", **given)
        for response in properties.get("MethodResponses") or ():
            await site.do(_SERVICE, "PutMethodResponse", **where, **_response(response))
        integration = respelt(properties.get("Integration") or {})
        responses = integration.pop("integrationResponses", None) or ()
        if integration:
            await site.do(_SERVICE, "PutIntegration", **where, **integration)
        for response in responses:
            await site.do(_SERVICE, "PutIntegrationResponse", **where, **_response(response))

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if self._where(before) != self._where(after):
            raise Replace
        await self.delete(site, physical, before)
        await self._put(site, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteMethod", **self._where(properties))


def _response(given: Properties) -> Properties:
    response: Properties = respelt(given)
    response["statusCode"] = str(response["statusCode"])
    return response


class GatewayResponseType:
    known = frozenset({"ResponseParameters", "ResponseTemplates", "ResponseType", "RestApiId", "StatusCode"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await site.do(_SERVICE, "PutGatewayResponse", **taken(properties, self.known))
        return Physical(id=f"{properties['RestApiId']}-{properties['ResponseType']}")

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(name) != after.get(name) for name in ("RestApiId", "ResponseType")):
            raise Replace
        await site.do(_SERVICE, "PutGatewayResponse", **taken(after, self.known))
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        where = taken(properties, frozenset({"RestApiId", "ResponseType"}))
        await gone(site, _SERVICE, "DeleteGatewayResponse", **where)


class NothingType:
    """Accepted without effect: there is no such account setting here."""

    known: frozenset[str] = frozenset()
    ignored = frozenset({"CloudWatchRoleArn"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        return Physical(id=f"{site.stack}-{logical_id}")

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        return None


class UsagePlanType:
    known = frozenset({"ApiStages", "Description", "UsagePlanName"})
    ignored = frozenset({"Quota", "Tags", "Throttle"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        made = await site.do(
            _SERVICE,
            "CreateUsagePlan",
            name=properties.get("UsagePlanName") or f"{site.stack}-{logical_id}",
            description=properties.get("Description"),
            apiStages=_stages(properties) or None,
        )
        return Physical(id=made["id"], attributes={"Id": made["id"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        old, new = ({f"{one['apiId']}:{one['stage']}" for one in _stages(given)} for given in (before, after))
        patches = [{"op": "remove", "path": "/apiStages", "value": one} for one in sorted(old - new)]
        patches += [{"op": "add", "path": "/apiStages", "value": one} for one in sorted(new - old)]
        patches += [
            {"op": "replace", "path": path, "value": str(after[name])}
            for name, path in (("UsagePlanName", "/name"), ("Description", "/description"))
            if after.get(name) and after.get(name) != before.get(name)
        ]
        if patches:
            await site.do(_SERVICE, "UpdateUsagePlan", usagePlanId=physical.id, patchOperations=patches)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, _SERVICE, "DeleteUsagePlan", usagePlanId=physical.id)


def _stages(properties: Properties) -> list[dict[str, str]]:
    return [{"apiId": one["ApiId"], "stage": one["Stage"]} for one in properties.get("ApiStages") or ()]


class UsagePlanKeyType:
    known = frozenset({"KeyId", "KeyType", "UsagePlanId"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await site.do(_SERVICE, "CreateUsagePlanKey", **taken(properties, self.known))
        key = f"{properties['KeyId']}:{properties['UsagePlanId']}"
        return Physical(id=key, attributes={"Id": key})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before == after:
            return physical
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        where = {"usagePlanId": properties["UsagePlanId"], "keyId": properties["KeyId"]}
        await gone(site, _SERVICE, "DeleteUsagePlanKey", **where)


class AuthorizerType(PartType):
    """Spells `ProviderARNs` as the service does."""

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        renamed = {("providerARNs" if name == "ProviderARNs" else name): value for name, value in properties.items()}
        given = taken(renamed, self.known | {"providerARNs"})
        made = await site.do(_SERVICE, "CreateAuthorizer", **given)
        return Physical(id=made["id"], attributes={"AuthorizerId": made["id"]})


TYPES = {
    "AWS::ApiGateway::RestApi": RestApiType(),
    "AWS::ApiGateway::Resource": PartType(
        "Resource", {"ParentId", "PathPart"}, delete_as="resourceId", attribute="ResourceId"
    ),
    "AWS::ApiGateway::Method": MethodType(),
    "AWS::ApiGateway::Deployment": DeploymentType(),
    "AWS::ApiGateway::Stage": StageType(),
    "AWS::ApiGateway::Authorizer": AuthorizerType(
        "Authorizer",
        {
            "AuthType",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerUri",
            "IdentitySource",
            "IdentityValidationExpression",
            "Name",
            "ProviderARNs",
            "Type",
        },
        delete_as="authorizerId",
        ignored={"AuthorizerCredentials"},
    ),
    "AWS::ApiGateway::Model": PartType(
        "Model",
        {"ContentType", "Description", "Name", "Schema"},
        identifier="name",
        delete_as="modelName",
        named=True,
    ),
    "AWS::ApiGateway::RequestValidator": PartType(
        "RequestValidator",
        {"Name", "ValidateRequestBody", "ValidateRequestParameters"},
        delete_as="requestValidatorId",
        attribute="RequestValidatorId",
    ),
    "AWS::ApiGateway::GatewayResponse": GatewayResponseType(),
    "AWS::ApiGateway::ApiKey": PartType(
        "ApiKey",
        {"CustomerId", "Description", "Enabled", "Name", "Value", "Tags"},
        delete_as="apiKey",
        parents=(),
        attribute="APIKeyId",
        ignored={"GenerateDistinctId", "StageKeys"},
        named=True,
    ),
    "AWS::ApiGateway::UsagePlan": UsagePlanType(),
    "AWS::ApiGateway::UsagePlanKey": UsagePlanKeyType(),
    "AWS::ApiGateway::Account": NothingType(),
    "AWS::ApiGateway::DomainName": PartType(
        "DomainName",
        {"DomainName"},
        told={
            "RegionalDomainName": "{}",
            "RegionalHostedZoneId": "Z2FDTNDATAQYW2",
            "DistributionDomainName": "{}",
            "DistributionHostedZoneId": "Z2FDTNDATAQYW2",
        },
        identifier="domainName",
        delete_as="domainName",
        parents=(),
        ignored={
            "CertificateArn",
            "EndpointConfiguration",
            "MutualTlsAuthentication",
            "OwnershipVerificationCertificateArn",
            "RegionalCertificateArn",
            "SecurityPolicy",
            "Tags",
        },
    ),
    "AWS::ApiGateway::BasePathMapping": PartType(
        "BasePathMapping",
        {"BasePath", "RestApiId", "Stage"},
        identifier="basePath",
        delete_as="basePath",
        parents=("DomainName",),
    ),
}
