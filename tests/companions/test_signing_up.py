"""Codes and the triggers of who signs up, is confirmed, forgets his password.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from people import ADA, CALLER, Handler, World, answering, claims, refused, refusing

from dayfly.companions.user_pools.triggers import Triggers
from dayfly.errors import Error

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


async def test_a_text_message_is_said_where_people_look(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.make(AutoVerifiedAttributes=["phone_number", "email"])
    attributes = [{"Name": "email", "Value": ADA}, {"Name": "phone_number", "Value": "+4930123456"}]
    answer = await world.sign_up(UserAttributes=attributes)
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "+*******3456", "DeliveryMedium": "SMS", "AttributeName": "phone_number",
    }  # fmt: skip
    assert world.mails == []
    said = re.search(r"text messages; to \+4930123456 it would be: .*(\d{6})", caplog.text)
    assert said is not None
    await world.do("ConfirmSignUp", Username="ada", ConfirmationCode=said[1])
    assert (await world.user())[1]["phone_number_verified"] == "true"


async def test_a_link_in_a_mail_holds_the_code(world: World) -> None:
    await world.make(VerificationMessageTemplate={
        "DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "Please {##confirm##}",
    })  # fmt: skip
    await world.sign_up()
    assert re.fullmatch(r'Please <a href="https://.+confirmation_code=\d{6}">confirm</a>', world.mails[0]["html"])


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


async def test_post_confirmation_may_fail_and_undoes_nothing(world: World) -> None:
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
