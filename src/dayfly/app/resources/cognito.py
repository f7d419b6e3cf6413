"""Cognito resources, answered for by a companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Cognito.html
"""

from __future__ import annotations

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, numbers, picked

_POOL = (
    "Policies",
    "DeletionProtection",
    "LambdaConfig",
    "AutoVerifiedAttributes",
    "AliasAttributes",
    "UsernameAttributes",
    "SmsVerificationMessage",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "VerificationMessageTemplate",
    "SmsAuthenticationMessage",
    "MfaConfiguration",
    "UserAttributeUpdateSettings",
    "DeviceConfiguration",
    "EmailConfiguration",
    "SmsConfiguration",
    "UserPoolTags",
    "AdminCreateUserConfig",
    "UsernameConfiguration",
    "UserPoolAddOns",
    "AccountRecoverySetting",
)
_CLIENT = (
    "GenerateSecret",
    "RefreshTokenValidity",
    "AccessTokenValidity",
    "IdTokenValidity",
    "TokenValidityUnits",
    "ReadAttributes",
    "WriteAttributes",
    "ExplicitAuthFlows",
    "SupportedIdentityProviders",
    "CallbackURLs",
    "LogoutURLs",
    "DefaultRedirectURI",
    "AllowedOAuthFlows",
    "AllowedOAuthScopes",
    "AllowedOAuthFlowsUserPoolClient",
    "PreventUserExistenceErrors",
    "EnableTokenRevocation",
)


class UserPool:
    """AWS::Cognito::UserPool."""

    known = frozenset({*_POOL, "UserPoolName", "Schema"})
    ignored = frozenset({"EnabledMfas", "UserPoolTier", "WebAuthnRelyingPartyID", "WebAuthnUserVerification"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("UserPoolName") or generated_name(site, logical_id, properties, longest=128)
        params = numbers(picked(properties, *_POOL))
        made = await site.do("cognito-idp", "CreateUserPool", PoolName=name, Schema=properties.get("Schema"), **params)
        pool = made["UserPool"]
        host = f"cognito-idp.{site.scope.region}.amazonaws.com/{pool['Id']}"
        attributes = {
            "Arn": pool["Arn"],
            "UserPoolId": pool["Id"],
            "ProviderName": host,
            "ProviderURL": f"https://{host}",
        }
        return Physical(id=pool["Id"], attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "Schema"):
            raise Replace
        fixed = {"AliasAttributes", "UsernameAttributes", "UsernameConfiguration"}
        params = numbers(picked(after, *(name for name in _POOL if name not in fixed)))
        await site.do("cognito-idp", "UpdateUserPool", UserPoolId=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "cognito-idp", "DeleteUserPool", "ResourceNotFoundException", UserPoolId=physical.id)


class UserPoolClient:
    """AWS::Cognito::UserPoolClient."""

    known = frozenset({*_CLIENT, "UserPoolId", "ClientName"})
    ignored = frozenset({"AnalyticsConfiguration", "AuthSessionValidity", "EnablePropagateAdditionalUserContextData"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("ClientName") or generated_name(site, logical_id, properties, longest=128)
        params = numbers(picked(properties, *_CLIENT))
        pool = properties["UserPoolId"]
        made = await site.do("cognito-idp", "CreateUserPoolClient", UserPoolId=pool, ClientName=name, **params)
        client = made["UserPoolClient"]
        attributes = {"ClientId": client["ClientId"], "Name": name}
        if client.get("ClientSecret"):
            attributes["ClientSecret"] = client["ClientSecret"]
        return Physical(id=client["ClientId"], attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "UserPoolId", "GenerateSecret"):
            raise Replace
        params = numbers(picked(after, *(name for name in _CLIENT if name != "GenerateSecret"), "ClientName"))
        pool = after["UserPoolId"]
        await site.do("cognito-idp", "UpdateUserPoolClient", UserPoolId=pool, ClientId=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        pool = properties["UserPoolId"]
        operation = "DeleteUserPoolClient"
        code = "ResourceNotFoundException"
        await gone(site, "cognito-idp", operation, code, UserPoolId=pool, ClientId=physical.id)


class UserPoolDomain:
    """AWS::Cognito::UserPoolDomain."""

    known = frozenset({"UserPoolId", "Domain", "CustomDomainConfig"})
    ignored = frozenset({"ManagedLoginVersion"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        params = picked(properties, "UserPoolId", "Domain", "CustomDomainConfig")
        await site.do("cognito-idp", "CreateUserPoolDomain", **params)
        return Physical(id=properties["Domain"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        pool = properties["UserPoolId"]
        code = "ResourceNotFoundException"
        await gone(site, "cognito-idp", "DeleteUserPoolDomain", code, UserPoolId=pool, Domain=physical.id)


class UserPoolGroup:
    """AWS::Cognito::UserPoolGroup."""

    known = frozenset({"UserPoolId", "GroupName", "Description", "Precedence", "RoleArn"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("GroupName") or generated_name(site, logical_id, properties, longest=128)
        params = numbers(picked(properties, "UserPoolId", "Description", "Precedence", "RoleArn"))
        await site.do("cognito-idp", "CreateGroup", GroupName=name, **params)
        return Physical(id=name)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "UserPoolId", "GroupName"):
            raise Replace
        params = numbers(picked(after, "UserPoolId", "Description", "Precedence", "RoleArn"))
        await site.do("cognito-idp", "UpdateGroup", GroupName=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        pool = properties["UserPoolId"]
        code = "ResourceNotFoundException"
        await gone(site, "cognito-idp", "DeleteGroup", code, UserPoolId=pool, GroupName=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::Cognito::UserPool": UserPool(),
    "AWS::Cognito::UserPoolClient": UserPoolClient(),
    "AWS::Cognito::UserPoolDomain": UserPoolDomain(),
    "AWS::Cognito::UserPoolGroup": UserPoolGroup(),
}
