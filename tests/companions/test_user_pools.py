"""Triggers and codes of user pools, with functions that the test plays.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.companions.srp_inside import padded, prime
from dayfly.companions.user_pools.triggers import Triggers
from dayfly.errors import Error
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("123123123123", "eu-central-1"), access_key_id="123123123123")
ARN = "arn:aws:lambda:eu-central-1:123123123123:function:{}"
PASSWORD = "Correct-horse-1"
ADA = "ada@example.com"
Handler = Callable[[dict[str, Any]], Any]


class World:
    """Companions with functions by the name of their trigger, and the mails that were posted."""

    def __init__(self, directory: Path, records: dict[str, bytes] | None = None) -> None:
        self.functions: dict[str, Handler] = {}
        self.events: list[dict[str, Any]] = []
        self.mails: list[dict[str, str]] = []
        self.pool, self.client = "", ""
        self.companions = Companions(
            journal=MemoryJournal({} if records is None else records),
            clock=SystemClock(),
            directory=directory,
            run=self._run,
            post=self._post,
        )
        self.companions.load()

    async def _run(self, scope: Scope, arn: str, event: bytes) -> tuple[bytes, bool]:
        assert scope == CALLER.scope
        trigger = arn.rpartition(":")[2]
        told = json.loads(event)
        self.events.append(told)
        try:
            return json.dumps(self.functions[trigger](told)).encode(), False
        except ValueError as error:
            return json.dumps({"errorType": "Error", "errorMessage": str(error)}).encode(), True

    async def _post(self, scope: Scope, sender: str, to: str, subject: str, html: str) -> None:
        assert scope == CALLER.scope
        self.mails.append({"from": sender, "to": to, "subject": subject, "html": html})

    async def do(self, operation: str, **params: Any) -> dict[str, Any]:
        of_client = ("SignUp", "ConfirmSignUp", "ForgotPassword", "ConfirmForgotPassword", "ResendConfirmationCode",
                     "InitiateAuth", "RespondToAuthChallenge")  # fmt: skip
        named = {"ClientId": self.client} if operation in of_client else {"UserPoolId": self.pool}
        if operation in ("AdminInitiateAuth", "AdminRespondToAuthChallenge"):
            named["ClientId"] = self.client
        return await self.companions.call(CALLER, "cognito-idp", operation, {**named, **params})

    async def make(self, client: dict[str, Any] | None = None, **pool: Any) -> None:
        """A pool that verifies mails, whose triggers are the functions that are there."""
        triggers = {name: ARN.format(name) for name in self.functions}
        wanted = {"PoolName": "people", "AutoVerifiedAttributes": ["email"], "LambdaConfig": triggers, **pool}
        made = await self.companions.call(CALLER, "cognito-idp", "CreateUserPool", wanted)
        self.pool = made["UserPool"]["Id"]
        of = {"UserPoolId": self.pool, "ClientName": "page", **(client or {})}
        made = await self.companions.call(CALLER, "cognito-idp", "CreateUserPoolClient", of)
        self.client = made["UserPoolClient"]["ClientId"]

    async def sign_up(self, name: str = "ada", **more: Any) -> dict[str, Any]:
        given = {"Password": PASSWORD, "UserAttributes": [{"Name": "email", "Value": ADA}], **more}
        return await self.do("SignUp", Username=name, **given)

    async def sign_in(self, name: str = "ada", password: str = PASSWORD, **more: Any) -> dict[str, Any]:
        given = {"USERNAME": name, "PASSWORD": password}
        return await self.do("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given, **more)

    async def known(self, name: str = "ada") -> None:
        """A confirmed user with a proven mail."""
        attributes = [{"Name": "email", "Value": ADA}, {"Name": "email_verified", "Value": "true"}]
        await self.do("AdminCreateUser", Username=name, MessageAction="SUPPRESS", UserAttributes=attributes)
        await self.do("AdminSetUserPassword", Username=name, Password=PASSWORD, Permanent=True)
        self.events.clear()

    async def user(self, name: str = "ada") -> tuple[str, dict[str, str]]:
        found = await self.do("AdminGetUser", Username=name)
        return found["UserStatus"], {one["Name"]: one["Value"] for one in found["UserAttributes"]}

    @property
    def sources(self) -> list[str]:
        return [event["triggerSource"] for event in self.events]

    def code(self) -> str:
        found = re.search(r"\d{6}", self.mails[-1]["html"])
        assert found is not None
        return found[0]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    try:
        yield made
    finally:
        await made.companions.close()


def answering(**response: Any) -> Handler:
    return lambda event: {**event, "response": {**event["response"], **response}}


def refusing(text: str) -> Handler:
    def handler(event: dict[str, Any]) -> Any:
        raise ValueError(text)

    return handler


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def refused(work: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.code, caught.value.message


# Codes: https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html


async def test_who_signs_up_is_confirmed_by_the_code_in_the_mail_and_by_no_other(world: World) -> None:
    await world.make(EmailVerificationSubject="Hello", EmailVerificationMessage="Tell us {####}, please")
    answer = await world.sign_up()
    assert answer["UserConfirmed"] is False
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email",
    }  # fmt: skip
    (mail,) = world.mails
    assert (mail["from"], mail["to"], mail["subject"]) == ("no-reply@verificationemail.com", ADA, "Hello")
    assert mail["html"] == f"Tell us {world.code()}, please"
    assert (await refused(world.sign_in()))[0] == "UserNotConfirmedException"
    wrong = "000000" if world.code() != "000000" else "111111"
    assert await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode=wrong)) == (
        "CodeMismatchException", "Invalid verification code provided, please try again.",
    )  # fmt: skip
    await world.do("ConfirmSignUp", Username="ada", ConfirmationCode=world.code())
    status, attributes = await world.user()
    assert (status, attributes["email_verified"]) == ("CONFIRMED", "true")
    assert await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode=world.code())) == (
        "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED",
    )  # fmt: skip
    assert (await world.sign_in())["AuthenticationResult"]["IdToken"]


async def test_a_code_that_is_sent_again_takes_the_place_of_the_first(world: World) -> None:
    world.functions["CustomMessage"] = lambda event: event
    await world.make()
    await world.sign_up()
    first = world.code()
    assert (await world.do("ResendConfirmationCode", Username="ada"))["CodeDeliveryDetails"]["Destination"]
    assert world.sources == ["CustomMessage_SignUp", "CustomMessage_ResendCode"]
    if first != world.code():
        assert (await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode=first)))[0] == (
            "CodeMismatchException"
        )
    await world.do("ConfirmSignUp", Username="ada", ConfirmationCode=world.code())
    assert await refused(world.do("ResendConfirmationCode", Username="ada")) == (
        "InvalidParameterException", "User is already confirmed.",
    )  # fmt: skip


async def test_a_code_is_not_found_by_trying(world: World) -> None:
    await world.make()
    await world.sign_up()
    for _ in range(10):
        await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode="none"))
    told = await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode=world.code()))
    assert told == ("LimitExceededException", "Attempt limit exceeded, please try after some time.")


async def test_a_pool_that_verifies_nothing_sends_nothing(world: World) -> None:
    await world.make(AutoVerifiedAttributes=[])
    assert "CodeDeliveryDetails" not in await world.sign_up()
    assert world.mails == []
    assert (await refused(world.do("ConfirmSignUp", Username="ada", ConfirmationCode="123456")))[0] == (
        "ExpiredCodeException"
    )


async def test_a_forgotten_password_is_replaced_by_who_reads_the_mail(world: World) -> None:
    world.functions |= {
        "CustomMessage": answering(emailMessage="Reset: {####}"),
        "PostConfirmation": lambda event: event,
    }
    await world.make()
    await world.known()
    answer = await world.do("ForgotPassword", Username="ada", ClientMetadata={"lang": "de"})
    assert answer["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    assert world.mails[-1]["html"] == f"Reset: {world.code()}"
    new = {"Username": "ada", "Password": "Battery-staple-2"}
    assert (await refused(world.do("ConfirmForgotPassword", **new, ConfirmationCode="x")))[0] == "CodeMismatchException"
    weak = {"Username": "ada", "Password": "weak", "ConfirmationCode": world.code()}
    assert (await refused(world.do("ConfirmForgotPassword", **weak)))[0] == "InvalidPasswordException"
    await world.do("ConfirmForgotPassword", **new, ConfirmationCode=world.code())
    assert (await refused(world.sign_in()))[0] == "NotAuthorizedException"
    assert (await world.sign_in(password="Battery-staple-2"))["AuthenticationResult"]
    assert world.sources == ["CustomMessage_ForgotPassword", "PostConfirmation_ConfirmForgotPassword"]
    assert world.events[0]["request"]["clientMetadata"] == {"lang": "de"}


async def test_without_a_proven_address_no_password_is_reset(world: World) -> None:
    await world.make()
    await world.sign_up()
    assert await refused(world.do("ForgotPassword", Username="ada")) == (
        "InvalidParameterException",
        "Cannot reset password for the user as there is no registered/verified email or phone_number",
    )


async def test_who_is_created_by_an_administrator_gets_a_first_password_by_mail(world: World) -> None:
    world.functions["CustomMessage"] = answering(emailMessage="{username}: {####}", emailSubject="Welcome")
    await world.make()
    attributes = [{"Name": "email", "Value": ADA}]
    await world.do("AdminCreateUser", Username="ada", UserAttributes=attributes, DesiredDeliveryMediums=["EMAIL"])
    assert world.events[0]["request"]["usernameParameter"] == "{username}"
    name, _, first = world.mails[-1]["html"].partition(": ")
    assert (name, world.mails[-1]["subject"]) == ("ada", "Welcome")
    challenge = await world.sign_in(password=first)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    await world.do("AdminCreateUser", Username="ada", MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"])
    assert len(world.mails) == 2
    assert len((await world.do("ListUsers"))["Users"]) == 1
    await world.do("AdminCreateUser", Username="eve", MessageAction="SUPPRESS", UserAttributes=attributes)
    assert len(world.mails) == 2


async def test_a_new_address_is_proved_by_a_code(world: World) -> None:
    world.functions["CustomMessage"] = lambda event: event
    await world.make()
    await world.known()
    token = (await world.sign_in())["AuthenticationResult"]["AccessToken"]

    async def do(operation: str, **params: Any) -> dict[str, Any]:
        return await world.companions.call(CALLER, "cognito-idp", operation, {"AccessToken": token, **params})

    new = [{"Name": "email", "Value": "ada@new.example.com"}]
    (sent,) = (await do("UpdateUserAttributes", UserAttributes=new))["CodeDeliveryDetailsList"]
    assert (sent["AttributeName"], world.mails[-1]["to"]) == ("email", "ada@new.example.com")
    assert (await world.user())[1]["email_verified"] == "false"
    await do("GetUserAttributeVerificationCode", AttributeName="email")
    assert world.sources == ["CustomMessage_UpdateUserAttribute", "CustomMessage_VerifyUserAttribute"]
    assert (await refused(do("VerifyUserAttribute", AttributeName="email", Code="x")))[0] == "CodeMismatchException"
    await do("VerifyUserAttribute", AttributeName="email", Code=world.code())
    assert (await world.user())[1]["email_verified"] == "true"
    await world.do("AdminUpdateUserAttributes", Username="ada", UserAttributes=[
        {"Name": "email", "Value": ADA}, {"Name": "email_verified", "Value": "true"},
    ])  # fmt: skip
    assert len(world.mails) == 2


# PreSignUp: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html


async def test_pre_sign_up_is_told_and_may_confirm_and_verify(world: World) -> None:
    world.functions |= {
        "PreSignUp": answering(autoConfirmUser=True, autoVerifyEmail=True),
        "PostConfirmation": lambda event: event,
    }
    await world.make()
    answer = await world.sign_up(
        ValidationData=[{"Name": "captcha", "Value": "7"}], ClientMetadata={"campaign": "spring"}
    )
    assert answer["UserConfirmed"] is True
    assert "CodeDeliveryDetails" not in answer
    assert world.mails == []
    before, after = world.events
    assert before == {
        "version": "1",
        "region": "eu-central-1",
        "userPoolId": world.pool,
        "userName": "ada",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": world.client},
        "triggerSource": "PreSignUp_SignUp",
        "request": {
            "userAttributes": {"email": ADA},
            "validationData": {"captcha": "7"},
            "clientMetadata": {"campaign": "spring"},
        },
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }
    assert after["triggerSource"] == "PostConfirmation_ConfirmSignUp"
    assert after["request"]["userAttributes"] == {
        "sub": answer["UserSub"], "email": ADA, "email_verified": "true", "cognito:user_status": "CONFIRMED",
    }  # fmt: skip
    assert (await world.user())[0] == "CONFIRMED"


async def test_pre_sign_up_refuses_in_its_own_words_and_nobody_is_made(world: World) -> None:
    world.functions["PreSignUp"] = refusing("Not from here")
    await world.make()
    assert await refused(world.sign_up()) == (
        "UserLambdaValidationException", "PreSignUp failed with error Not from here.",
    )  # fmt: skip
    created = world.do("AdminCreateUser", Username="ada")
    assert (await refused(created))[1] == "PreSignUp failed with error Not from here."
    assert world.sources == ["PreSignUp_SignUp", "PreSignUp_AdminCreateUser"]
    assert world.events[1]["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"
    assert (await world.do("ListUsers"))["Users"] == []


async def test_functions_do_not_hear_of_what_is_refused_anyway(world: World) -> None:
    world.functions["PreSignUp"] = lambda event: event
    await world.make()
    assert (await refused(world.sign_up(Password="weak")))[0] == "InvalidPasswordException"
    await world.sign_up()
    assert (await refused(world.sign_up()))[0] == "UsernameExistsException"
    assert len(world.events) == 1


async def test_users_who_are_named_by_their_mail_have_a_name_that_nobody_chose(world: World) -> None:
    world.functions["PreSignUp"] = lambda event: event
    await world.make(UsernameAttributes=["email"])
    answer = await world.sign_up(ADA, UserAttributes=[])
    assert world.events[0]["userName"] == answer["UserSub"]
    assert world.events[0]["request"]["userAttributes"] == {"email": ADA}
    assert world.mails[0]["to"] == ADA
    await world.do("ConfirmSignUp", Username=ADA, ConfirmationCode=world.code())
    assert claims((await world.sign_in(ADA))["AuthenticationResult"]["IdToken"])["email_verified"] is True


@pytest.mark.parametrize(
    ("answer", "message"),
    [(lambda event: None, "Unrecognizable lambda output"), (lambda event: {}, "Unrecognizable lambda output")],
)
async def test_an_answer_that_is_no_event_is_refused(world: World, answer: Handler, message: str) -> None:
    world.functions["PreSignUp"] = answer
    await world.make()
    assert await refused(world.sign_up()) == ("InvalidLambdaResponseException", message)


async def test_a_function_has_five_seconds_three_times(world: World) -> None:
    asked = 0

    async def sleeping(*_: Any) -> tuple[bytes, bool]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(60)
        return b"", False

    world.functions["PreSignUp"] = lambda event: event
    await world.make()
    world.companions._pools.triggers = Triggers(sleeping, limit_s=0.01)
    assert await refused(world.sign_up()) == (
        "UnexpectedLambdaException",
        "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function.",
    )
    assert asked == 3


async def test_a_function_that_is_gone_is_said_to_be_forbidden(world: World) -> None:
    async def gone(*_: Any) -> tuple[bytes, bool]:
        raise Error("Function not found")

    world.functions["PreSignUp"] = lambda event: event
    await world.make()
    world.companions._pools.triggers = Triggers(gone)
    assert await refused(world.sign_up()) == (
        "UnexpectedLambdaException", "PreSignUp invocation failed due to error AccessDeniedException.",
    )  # fmt: skip


# PostConfirmation: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html


async def test_post_confirmation_may_call_cognito_and_fail_without_undoing_it(world: World) -> None:
    world.functions["PostConfirmation"] = refusing("no room")
    await world.make()
    await world.sign_up()
    confirmed = world.do("ConfirmSignUp", Username="ada", ConfirmationCode=world.code())
    assert (await refused(confirmed))[1] == "PostConfirmation failed with error no room."
    assert (await world.user())[0] == "CONFIRMED"
    await world.sign_up("bob")
    assert (await refused(world.do("AdminConfirmSignUp", Username="bob")))[0] == "UserLambdaValidationException"
    assert (await world.user("bob"))[0] == "CONFIRMED"
    assert world.sources == ["PostConfirmation_ConfirmSignUp"] * 2


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
