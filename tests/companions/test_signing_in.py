"""Signing in: triggers before and after, claims of tokens, migration, questions of functions.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from people import ADA, ARN, CALLER, PASSWORD, World, answering, claims, refused, refusing

from dayfly.api import Refused
from dayfly.companions.srp_inside import padded, prime

# Signing in: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html


@pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"])
async def test_functions_are_told_before_and_after_a_sign_in(world: World, flow: str) -> None:
    world.functions |= {"PreAuthentication": lambda event: event, "PostAuthentication": lambda event: event}
    await world.make()
    await world.known()
    operation = "InitiateAuth" if flow.startswith("USER") else "AdminInitiateAuth"
    given = {"USERNAME": "ada", "PASSWORD": PASSWORD}
    answer = await world.do(operation, AuthFlow=flow, AuthParameters=given, ClientMetadata={"device": "tv"})
    assert answer["AuthenticationResult"]["AccessToken"]
    assert world.sources == ["PreAuthentication_Authentication", "PostAuthentication_Authentication"]
    before, after = (event["request"] for event in world.events)
    assert before["validationData"] == {"device": "tv"}
    assert "clientMetadata" not in after
    assert (after["newDeviceUsed"], after["userAttributes"]["email"]) == (False, ADA)
    with pytest.raises(Refused):
        await world.sign_in(password="wrong")
    assert world.sources[2:] == ["PreAuthentication_Authentication"]


async def prove(world: World, password: str) -> dict[str, Any]:
    """Sign in as a client does that sends no password: https://datatracker.ietf.org/doc/html/rfc5054#section-2.6"""
    n, g, a = prime(), 2, 987654321**30

    def hashed(*parts: bytes) -> int:
        return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")

    our = pow(g, a, n)
    given = {"USERNAME": "ada", "SRP_A": f"{our:x}"}
    asked = await world.do("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
    assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
    told = asked["ChallengeParameters"]
    salt, their = int(told["SALT"], 16), int(told["SRP_B"], 16)
    name = (world.pool.split("_")[1] + told["USER_ID_FOR_SRP"]).encode()
    x = hashed(padded(salt), hashlib.sha256(name + b":" + password.encode()).digest())
    u = hashed(padded(our), padded(their))
    k = hashed(padded(n), padded(g))
    secret = pow(their - k * pow(g, x, n), a + u * x, n)
    key = hmac.digest(hmac.digest(padded(u), padded(secret), "sha256"), b"Caldera Derived Key\1", "sha256")[:16]
    now = "Tue Apr 18 00:09:40 UTC 2017"
    block = base64.b64decode(told["SECRET_BLOCK"], validate=True)
    signature = base64.b64encode(hmac.digest(key, name + block + now.encode(), "sha256")).decode()
    return await world.do(
        "RespondToAuthChallenge",
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses={
            "USERNAME": told["USERNAME"],
            "TIMESTAMP": now,
            "PASSWORD_CLAIM_SECRET_BLOCK": told["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": signature,
        },
    )


async def test_a_password_is_proved_without_being_sent(world: World) -> None:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html"""
    world.functions |= {"PreAuthentication": lambda event: event, "PostAuthentication": lambda event: event}
    await world.make()
    await world.known()
    assert await refused(prove(world, "Wrong-horse-1")) == ("NotAuthorizedException", "Incorrect username or password.")
    assert world.sources == ["PreAuthentication_Authentication"]
    tokens = (await prove(world, PASSWORD))["AuthenticationResult"]
    assert claims(tokens["IdToken"])["cognito:username"] == "ada"
    assert world.sources[1:] == ["PreAuthentication_Authentication", "PostAuthentication_Authentication"]


@pytest.mark.parametrize("trigger", ["PreAuthentication", "PostAuthentication", "PreTokenGeneration"])
async def test_a_function_refuses_a_sign_in(world: World, trigger: str) -> None:
    world.functions[trigger] = refusing("Too late")
    await world.make()
    await world.known()
    code, message = await refused(world.sign_in())
    assert (code, message) == ("UserLambdaValidationException", f"{trigger} failed with error Too late.")


async def test_a_new_password_ends_a_sign_in_too(world: World) -> None:
    world.functions |= {"PostAuthentication": lambda event: event, "PreTokenGeneration": lambda event: event}
    await world.make()
    await world.do("AdminCreateUser", Username="ada", TemporaryPassword=PASSWORD)
    session = (await world.sign_in())["Session"]
    assert world.sources == []
    given = {"USERNAME": "ada", "NEW_PASSWORD": "Battery-staple-2"}
    answer = await world.do("RespondToAuthChallenge", ChallengeName="NEW_PASSWORD_REQUIRED", Session=session,
                            ChallengeResponses=given, ClientMetadata={"a": "b"})  # fmt: skip
    assert answer["AuthenticationResult"]["IdToken"]
    assert world.sources == ["PostAuthentication_Authentication", "TokenGeneration_NewPasswordChallenge"]
    assert [event["request"]["clientMetadata"] for event in world.events] == [{"a": "b"}] * 2


# Tokens: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html


async def test_claims_are_added_and_suppressed_and_groups_replaced(world: World) -> None:
    world.functions["PreTokenGeneration"] = answering(
        claimsOverrideDetails={
            "claimsToAddOrOverride": {"tenant": "t-1", "sub": "somebody else"},
            "claimsToSuppress": ["email", "iss"],
            "groupOverrideDetails": {"groupsToOverride": ["all"], "iamRolesToOverride": ["arn:aws:iam::1:role/r"]},
        }
    )
    await world.make()
    await world.known()
    for rank, name in enumerate(("second", "first")):
        await world.do("CreateGroup", GroupName=name, Precedence=9 - rank)
        await world.do("AdminAddUserToGroup", Username="ada", GroupName=name)
    tokens = (await world.sign_in())["AuthenticationResult"]
    (event,) = world.events
    assert (event["version"], event["triggerSource"]) == ("1", "TokenGeneration_Authentication")
    assert event["request"]["groupConfiguration"] == {
        "groupsToOverride": ["first", "second"], "iamRolesToOverride": [], "preferredRole": None,
    }  # fmt: skip
    assert event["response"] == {"claimsOverrideDetails": None}
    identity, access = claims(tokens["IdToken"]), claims(tokens["AccessToken"])
    assert (identity["tenant"], identity["cognito:groups"], "email" in identity) == ("t-1", ["all"], False)
    assert identity["cognito:roles"] == ["arn:aws:iam::1:role/r"]
    assert identity["sub"] == access["sub"] != "somebody else"
    assert identity["iss"] == f"https://cognito-idp.eu-central-1.amazonaws.com/{world.pool}"
    assert ("tenant" in access, access["cognito:groups"]) == (False, ["all"])
    whole = await world.companions.call(CALLER, "cognito-idp", "GetUser", {"AccessToken": tokens["AccessToken"]})
    assert whole["Username"] == "ada"
    given = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    again = await world.do("InitiateAuth", AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=given)
    assert claims(again["AuthenticationResult"]["IdToken"])["tenant"] == "t-1"
    assert world.sources[1:] == ["TokenGeneration_RefreshTokens"]


async def test_version_two_shapes_access_tokens_and_scopes(world: World) -> None:
    details = {
        "idTokenGeneration": {"claimsToAddOrOverride": {"limits": {"daily": 3}}},
        "accessTokenGeneration": {"claimsToAddOrOverride": {"tenant": "t-1"}, "scopesToAdd": ["shop/read"]},
    }
    world.functions["PreTokenGeneration"] = answering(claimsAndScopeOverrideDetails=details)
    arn = ARN.format("PreTokenGeneration")
    await world.make(LambdaConfig={"PreTokenGenerationConfig": {"LambdaArn": arn, "LambdaVersion": "V2_0"}})
    await world.known()
    tokens = (await world.sign_in())["AuthenticationResult"]
    assert world.events[0]["version"] == "2"
    assert world.events[0]["request"]["scopes"] == ["aws.cognito.signin.user.admin"]
    access = claims(tokens["AccessToken"])
    assert (access["tenant"], access["scope"]) == ("t-1", "aws.cognito.signin.user.admin shop/read")
    assert claims(tokens["IdToken"])["limits"] == {"daily": 3}


async def test_an_identity_token_has_all_attributes_that_the_client_may_read(world: World) -> None:
    await world.make()
    await world.known()
    identity = claims((await world.sign_in())["AuthenticationResult"]["IdToken"])
    assert (identity["email"], identity["email_verified"]) == (ADA, True)


# UserMigration: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html


async def test_a_user_from_elsewhere_is_taken_in_when_he_signs_in(world: World) -> None:
    attributes = {"email": ADA, "email_verified": "true"}
    world.functions["UserMigration"] = answering(userAttributes=attributes, finalUserStatus="CONFIRMED")
    await world.make()
    assert (await world.sign_in())["AuthenticationResult"]["IdToken"]
    (event,) = world.events
    assert (event["triggerSource"], event["userName"]) == ("UserMigration_Authentication", "ada")
    assert event["request"]["password"] == PASSWORD
    assert (await world.user())[1]["email"] == ADA
    await world.sign_in()
    assert len(world.events) == 1


async def test_a_user_from_elsewhere_may_have_forgotten_his_password(world: World) -> None:
    world.functions["UserMigration"] = answering(userAttributes={"email": ADA, "email_verified": "true"})
    await world.make()
    await world.do("ForgotPassword", Username="ada")
    assert world.sources == ["UserMigration_ForgotPassword"]
    await world.do("ConfirmForgotPassword", Username="ada", Password=PASSWORD, ConfirmationCode=world.code())
    assert (await world.sign_in())["AuthenticationResult"]["IdToken"]


# CUSTOM_AUTH: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html


def define(event: dict[str, Any]) -> dict[str, Any]:
    asked = event["request"]["session"]
    right = bool(asked) and asked[-1]["challengeResult"] is True
    response = {"issueTokens": right, "failAuthentication": len(asked) > 1 and not right}
    return {**event, "response": {**response, "challengeName": "CUSTOM_CHALLENGE"}}


async def test_functions_ask_their_own_questions(world: World) -> None:
    world.functions |= {
        "DefineAuthChallenge": define,
        "CreateAuthChallenge": answering(
            publicChallengeParameters={"hint": "four"}, privateChallengeParameters={"word": "4"}, challengeMetadata="m"
        ),
        "VerifyAuthChallengeResponse": lambda event: {
            **event,
            "response": {
                "answerCorrect": event["request"]["challengeAnswer"]
                == event["request"]["privateChallengeParameters"]["word"]
            },
        },
        "PostAuthentication": lambda event: event,
    }
    await world.make()
    await world.known()

    async def answer(session: str, text: str) -> dict[str, Any]:
        given = {"USERNAME": "ada", "ANSWER": text}
        return await world.do(
            "RespondToAuthChallenge", ChallengeName="CUSTOM_CHALLENGE", Session=session, ChallengeResponses=given
        )

    begin = {"AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME": "ada"}}
    asked = await world.do("InitiateAuth", **begin)
    assert (asked["ChallengeName"], asked["ChallengeParameters"]) == (
        "CUSTOM_CHALLENGE", {"USERNAME": "ada", "hint": "four"},
    )  # fmt: skip
    again = await answer(asked["Session"], "3")
    assert again["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert (await refused(answer(asked["Session"], "4")))[0] == "NotAuthorizedException", "a session is used once"
    tokens = (await answer(again["Session"], "4"))["AuthenticationResult"]
    assert claims(tokens["IdToken"])["cognito:username"] == "ada"
    assert world.sources[-2:] == ["DefineAuthChallenge_Authentication", "PostAuthentication_Authentication"]
    assert world.events[-2]["request"]["session"] == [
        {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": False, "challengeMetadata": "m"},
        {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": True, "challengeMetadata": "m"},
    ]
    asked = await world.do("InitiateAuth", **begin)
    again = await answer(asked["Session"], "3")
    assert await refused(answer(again["Session"], "3")) == (
        "NotAuthorizedException", "Incorrect username or password.",
    )  # fmt: skip


async def test_questions_of_its_own_need_all_three_functions(world: World) -> None:
    await world.make()
    await world.known()
    begun = world.do("InitiateAuth", AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": "ada"})
    assert "is not configured for the user pool" in (await refused(begun))[1]


# What is repeated after a restart


async def test_a_restart_repeats_what_functions_decided_without_asking_them(tmp_path: Path) -> None:
    records: dict[str, bytes] = {}
    first = World(tmp_path, records)
    try:
        first.functions |= {
            "PreSignUp": lambda event: {
                **event,
                "response": {"autoConfirmUser": event["userName"] == "ada", "autoVerifyEmail": True},
            },
            "PreTokenGeneration": answering(claimsOverrideDetails={"claimsToAddOrOverride": {"tenant": "t-1"}}),
        }
        await first.make()
        sub = (await first.sign_up())["UserSub"]
        await first.sign_up("bob")
        code = first.code()
        tokens = (await first.sign_in())["AuthenticationResult"]
    finally:
        await first.companions.close()
    again = World(tmp_path, records)
    try:
        again.pool, again.client = first.pool, first.client
        status, attributes = await again.user()
        assert (status, attributes["sub"], attributes["email_verified"]) == ("CONFIRMED", sub, "true")
        await again.do("ConfirmSignUp", Username="bob", ConfirmationCode=code)
        whole = await again.companions.call(CALLER, "cognito-idp", "GetUser", {"AccessToken": tokens["AccessToken"]})
        assert whole["Username"] == "ada"
        assert again.events == []
        again.functions["PreTokenGeneration"] = lambda event: event
        given = {"REFRESH_TOKEN": tokens["RefreshToken"]}
        assert (await again.do("InitiateAuth", AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=given))[
            "AuthenticationResult"
        ]
        assert again.sources == ["TokenGeneration_RefreshTokens"]
    finally:
        await again.companions.close()
