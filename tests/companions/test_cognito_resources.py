"""Users, groups, resource servers, identity providers and identity pools of stacks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Cognito.html
"""

from __future__ import annotations

from pathlib import Path

from dayfly.app.report import resource_items
from dayfly.app.resources import Site
from dayfly.app.resources.cognito import TYPES
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("123123123123", "eu-central-1"))


async def test_what_belongs_to_a_user_pool_is_made_and_taken_away(tmp_path: Path) -> None:
    companions = Companions(journal=MemoryJournal(), clock=SystemClock(), directory=tmp_path)
    site = Site(caller=CALLER, stack="shop", stack_id="arn:x/shop/1", call=companions.call, endpoint="http://x")
    try:
        pool = await TYPES["AWS::Cognito::UserPool"].create(site, "People", {"UsernameAttributes": ["email"]})
        of = {"UserPoolId": pool.id}
        group = await TYPES["AWS::Cognito::UserPoolGroup"].create(site, "Admins", {**of, "GroupName": "admins"})
        wanted = {**of, "Username": "ada@example.com", "ForceAliasCreation": "true",
                  "UserAttributes": [{"Name": "email", "Value": "ada@example.com"}]}  # fmt: skip
        user = await TYPES["AWS::Cognito::UserPoolUser"].create(site, "Ada", wanted)
        member = {**of, "Username": user.id, "GroupName": group.id}
        joined = await TYPES["AWS::Cognito::UserPoolUserToGroupAttachment"].create(site, "Member", member)
        found = await site.do("cognito-idp", "ListUsersInGroup", **of, GroupName="admins")
        assert [one["Username"] for one in found["Users"]] == [user.id]
        await TYPES["AWS::Cognito::UserPoolUserToGroupAttachment"].delete(site, joined, member)
        assert (await site.do("cognito-idp", "ListUsersInGroup", **of, GroupName="admins"))["Users"] == []
        await TYPES["AWS::Cognito::UserPoolUser"].delete(site, user, wanted)
        assert (await site.do("cognito-idp", "ListUsers", **of))["Users"] == []

        scopes = {**of, "Identifier": "shop", "Name": "shop", "Scopes": [{"ScopeName": "r", "ScopeDescription": "R"}]}
        server = await TYPES["AWS::Cognito::UserPoolResourceServer"].create(site, "Server", scopes)
        assert server.id == "shop"
        provider = {**of, "ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {"client_id": "c"}}
        assert (await TYPES["AWS::Cognito::UserPoolIdentityProvider"].create(site, "G", provider)).id == "Google"

        open_ = {"AllowUnauthenticatedIdentities": "true"}
        identities = await TYPES["AWS::Cognito::IdentityPool"].create(site, "Visitors", open_)
        shown = await site.do("cognito-identity", "DescribeIdentityPool", IdentityPoolId=identities.id)
        assert shown["AllowUnauthenticatedIdentities"] is True
        assert identities.attributes["Name"] == shown["IdentityPoolName"]
        await TYPES["AWS::Cognito::IdentityPool"].delete(site, identities, open_)
    finally:
        await companions.close()


def test_what_no_user_pool_does_here_is_named() -> None:
    triggers = {"PreSignUp": "arn:x", "CustomEmailSender": {"LambdaArn": "arn:x"}, "KMSKeyID": "k"}
    linked = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
    properties = {"LambdaConfig": triggers, "Policies": {}, "VerificationMessageTemplate": linked}
    pool = {"Type": "AWS::Cognito::UserPool", "Properties": properties}
    items = resource_items({"Resources": {"People": pool}}, {}, TYPES)
    assert [(one.level, one.what) for one in items] == [
        ("unsupported", "LambdaConfig.CustomEmailSender of AWS::Cognito::UserPool (People)"),
        ("unsupported", "LambdaConfig.KMSKeyID of AWS::Cognito::UserPool (People)"),
        (
            "unsupported",
            "VerificationMessageTemplate.DefaultEmailOption CONFIRM_WITH_LINK of AWS::Cognito::UserPool (People)",
        ),
    ]


async def test_a_pool_that_is_made_elsewhere_is_told_of_functions_and_keeps_what_else_it_has(tmp_path: Path) -> None:
    companions = Companions(journal=MemoryJournal(), clock=SystemClock(), directory=tmp_path)
    site = Site(caller=CALLER, stack="shop", stack_id="arn:x/shop/1", call=companions.call, endpoint="http://x")
    kind = TYPES["Custom::CognitoUserPool"]

    async def triggers() -> dict[str, str]:
        (pool,) = (await site.do("cognito-idp", "ListUserPools", MaxResults=9))["UserPools"]
        shown = (await site.do("cognito-idp", "DescribeUserPool", UserPoolId=pool["Id"]))["UserPool"]
        assert shown["UsernameAttributes"] == shown["AutoVerifiedAttributes"] == ["email"]
        return dict(shown["LambdaConfig"])

    try:
        wanted = {"UserPoolName": "people", "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]}
        await TYPES["AWS::Cognito::UserPool"].create(
            site, "People", {**wanted, "LambdaConfig": {"CustomMessage": "arn:aws:lambda:eu-central-1:1:function:m"}}
        )
        mine = "arn:aws:lambda:eu-central-1:1:function:f"
        told = {"FunctionName": mine, "UserPoolName": "people", "UserPoolConfigs": [{"Trigger": "PreSignUp"}]}
        made = await kind.create(site, "Told", told)
        assert (await triggers())["PreSignUp"] == mine
        after = {**told, "UserPoolConfigs": [{"Trigger": "PostConfirmation"}]}
        await kind.update(site, made, told, after, "Told")
        assert set(await triggers()) == {"CustomMessage", "PostConfirmation"}
        await kind.delete(site, made, after)
        assert set(await triggers()) == {"CustomMessage"}
    finally:
        await companions.close()
