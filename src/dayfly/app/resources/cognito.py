"""Cognito resources, answered for by a companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Cognito.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Remark, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, numbers, picked, truth

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
_TRIGGERS = (
    "PreSignUp",
    "PostConfirmation",
    "PreAuthentication",
    "PostAuthentication",
    "PreTokenGeneration",
    "PreTokenGenerationConfig",
    "CustomMessage",
    "UserMigration",
    "DefineAuthChallenge",
    "CreateAuthChallenge",
    "VerifyAuthChallengeResponse",
)
"""Functions that user pools ask here; the rest of LambdaConfig is kept and shown."""
_FIXED = frozenset({"AliasAttributes", "UsernameAttributes", "UsernameConfiguration"})
"""What no change of a pool takes."""
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

    def remarks(self, properties: Properties) -> Iterable[Remark]:
        triggers = properties.get("LambdaConfig")
        for name in triggers if isinstance(triggers, Mapping) else ():
            if name not in _TRIGGERS and not name.startswith("Fn::") and name != "Ref":
                yield Remark(level="unsupported", what=f"LambdaConfig.{name}", holder=triggers, key=name)
        messages = properties.get("VerificationMessageTemplate")
        if isinstance(messages, Mapping) and messages.get("DefaultEmailOption") == "CONFIRM_WITH_LINK":
            # The link leads to a page of Cognito's; the code in it confirms all the same.
            what = "VerificationMessageTemplate.DefaultEmailOption CONFIRM_WITH_LINK"
            yield Remark(level="unsupported", what=what, holder=messages, key="DefaultEmailOption")
        verified = properties.get("AutoVerifiedAttributes")
        if isinstance(verified, list) and "phone_number" in verified:
            what = "AutoVerifiedAttributes phone_number (no text messages are sent)"
            yield Remark(level="unsupported", what=what, holder=properties, key="AutoVerifiedAttributes")

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
        params = numbers(picked(after, *(name for name in _POOL if name not in _FIXED)))
        await site.do("cognito-idp", "UpdateUserPool", UserPoolId=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "cognito-idp", "DeleteUserPool", "ResourceNotFoundException", UserPoolId=physical.id)


class UserPoolTriggers:
    """Custom::CognitoUserPool, by which the Serverless Framework tells a pool that is made elsewhere of a function.

    https://www.serverless.com/framework/docs/providers/aws/events/cognito-user-pool#using-existing-pools
    """

    known = frozenset({"ServiceToken", "FunctionName", "UserPoolName", "UserPoolConfigs", "ForceDeploy"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name, function = properties["UserPoolName"], properties["FunctionName"]
        pool = await self._named(site, name)
        if pool is None:
            # On AWS it would have to be there; in development nobody else makes it.
            pool = (await site.do("cognito-idp", "CreateUserPool", PoolName=name))["UserPool"]["Id"]
        await self._tell(site, pool, {one["Trigger"]: function for one in properties["UserPoolConfigs"]}, function)
        return Physical(id=f"{site.stack}-{logical_id}")

    async def _named(self, site: Site, name: str) -> str | None:
        token: str | None = None
        while True:
            page = await site.do("cognito-idp", "ListUserPools", MaxResults=60, NextToken=token)
            found = next((str(one["Id"]) for one in page["UserPools"] if one["Name"] == name), None)
            token = page.get("NextToken")
            if found or not token:
                return found

    async def _tell(self, site: Site, pool: str, mine: Properties, function: str) -> None:
        """Set these triggers; those that named the function before and are not among them are taken away."""
        shown: dict[str, Any] = (await site.do("cognito-idp", "DescribeUserPool", UserPoolId=pool))["UserPool"]
        before = shown.get("LambdaConfig") or {}
        others = {trigger: named for trigger, named in before.items() if named != function}
        params = {name: shown[name] for name in _POOL if name not in _FIXED and shown.get(name) is not None}
        await site.do("cognito-idp", "UpdateUserPool", UserPoolId=pool, **params | {"LambdaConfig": others | mine})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "UserPoolName"):
            raise Replace
        if changed(before, after, "FunctionName"):
            await self.delete(site, physical, before)
        return await self.create(site, logical_id, after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        pool = await self._named(site, properties["UserPoolName"])
        if pool is None:
            return
        try:
            await self._tell(site, pool, {}, properties["FunctionName"])
        except Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise


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


class UserPoolUser:
    """AWS::Cognito::UserPoolUser."""

    _plain = ("UserAttributes", "ValidationData", "ForceAliasCreation", "MessageAction", "DesiredDeliveryMediums")
    known = frozenset({*_plain, "UserPoolId", "Username", "ClientMetadata"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Username") or generated_name(site, logical_id, properties, longest=128)
        params = picked(properties, *self._plain, "UserPoolId", "ClientMetadata")
        if "ForceAliasCreation" in params:
            params["ForceAliasCreation"] = truth(params["ForceAliasCreation"])
        made = await site.do("cognito-idp", "AdminCreateUser", Username=name, **params)
        return Physical(id=made["User"]["Username"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        pool, absent = properties["UserPoolId"], ("ResourceNotFoundException", "UserNotFoundException")
        await gone(site, "cognito-idp", "AdminDeleteUser", *absent, UserPoolId=pool, Username=physical.id)


class UserPoolUserToGroupAttachment:
    """AWS::Cognito::UserPoolUserToGroupAttachment."""

    known = frozenset({"UserPoolId", "Username", "GroupName"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        named = picked(properties, "UserPoolId", "Username", "GroupName")
        await site.do("cognito-idp", "AdminAddUserToGroup", **named)
        return Physical(id="|".join(str(value) for value in named.values()))

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        named = picked(properties, "UserPoolId", "Username", "GroupName")
        absent = ("ResourceNotFoundException", "UserNotFoundException")
        await gone(site, "cognito-idp", "AdminRemoveUserFromGroup", *absent, **named)


class UserPoolResourceServer:
    """AWS::Cognito::UserPoolResourceServer."""

    known = frozenset({"UserPoolId", "Identifier", "Name", "Scopes"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await site.do("cognito-idp", "CreateResourceServer", **picked(properties, *self.known))
        return Physical(id=properties["Identifier"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before != after:  # the companion cannot change one
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        return  # it goes with its user pool: the companion cannot delete one


class UserPoolIdentityProvider:
    """AWS::Cognito::UserPoolIdentityProvider."""

    _plain = ("UserPoolId", "ProviderName", "ProviderType", "ProviderDetails", "AttributeMapping", "IdpIdentifiers")
    known = frozenset(_plain)
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await site.do("cognito-idp", "CreateIdentityProvider", **picked(properties, *self._plain))
        return Physical(id=properties["ProviderName"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "UserPoolId", "ProviderName", "ProviderType"):
            raise Replace
        given = picked(after, *(name for name in self._plain if name != "ProviderType"))
        await site.do("cognito-idp", "UpdateIdentityProvider", **given)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        named = picked(properties, "UserPoolId", "ProviderName")
        await gone(site, "cognito-idp", "DeleteIdentityProvider", "ResourceNotFoundException", **named)


class IdentityPool:
    """AWS::Cognito::IdentityPool."""

    _plain = (
        "SupportedLoginProviders", "DeveloperProviderName", "CognitoIdentityProviders", "OpenIdConnectProviderARNs",
        "SamlProviderARNs",
    )  # fmt: skip
    _truths = ("AllowUnauthenticatedIdentities", "AllowClassicFlow")
    known = frozenset({*_plain, *_truths, "IdentityPoolName", "IdentityPoolTags"})
    ignored = frozenset({"CognitoEvents", "CognitoStreams", "PushSync"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("IdentityPoolName") or generated_name(site, logical_id, properties, longest=128)
        made = await site.do("cognito-identity", "CreateIdentityPool", **self._given(properties, name))
        return Physical(id=made["IdentityPoolId"], attributes={"Name": name})

    def _given(self, properties: Properties, name: str) -> Properties:
        truths = {key: truth(properties[key]) for key in self._truths if key in properties}
        tags = {tag["Key"]: str(tag["Value"]) for tag in properties.get("IdentityPoolTags") or ()}
        given = {**picked(properties, *self._plain), **truths, "IdentityPoolName": name}
        return given | ({"IdentityPoolTags": tags} if tags else {})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        given = self._given(after, after.get("IdentityPoolName") or physical.attributes["Name"])
        await site.do("cognito-identity", "UpdateIdentityPool", IdentityPoolId=physical.id, **given)
        return Physical(id=physical.id, attributes={"Name": given["IdentityPoolName"]})

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        absent = "ResourceNotFoundException"
        await gone(site, "cognito-identity", "DeleteIdentityPool", absent, IdentityPoolId=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::Cognito::UserPool": UserPool(),
    "AWS::Cognito::UserPoolClient": UserPoolClient(),
    "AWS::Cognito::UserPoolDomain": UserPoolDomain(),
    "AWS::Cognito::UserPoolGroup": UserPoolGroup(),
    "AWS::Cognito::UserPoolUser": UserPoolUser(),
    "AWS::Cognito::UserPoolUserToGroupAttachment": UserPoolUserToGroupAttachment(),
    "AWS::Cognito::UserPoolResourceServer": UserPoolResourceServer(),
    "AWS::Cognito::UserPoolIdentityProvider": UserPoolIdentityProvider(),
    "AWS::Cognito::IdentityPool": IdentityPool(),
    "Custom::CognitoUserPool": UserPoolTriggers(),
}
