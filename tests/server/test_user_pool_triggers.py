"""Triggers of user pools with real functions, from a template and from a serverless.yml.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  People: {Type: "AWS::Cognito::UserPool", Properties: {AutoVerifiedAttributes: [email]}}
  Page: {Type: "AWS::Cognito::UserPoolClient", Properties: {UserPoolId: !Ref People}}
  Members: {Type: "AWS::Cognito::UserPoolGroup", Properties: {UserPoolId: !Ref People, GroupName: members}}
  Watch:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        import boto3
        def handler(event, context):
            source, request, response = event["triggerSource"], event["request"], event["response"]
            if source == "PreSignUp_SignUp" and not request["userAttributes"]["email"].endswith("@example.com"):
                raise Exception("Only from example.com")
            if source == "CustomMessage_SignUp":
                response["emailSubject"] = "Welcome, " + event["userName"]
                response["emailMessage"] = "<b>" + request["codeParameter"] + "</b>"
            if source == "PostConfirmation_ConfirmSignUp":
                boto3.client("cognito-idp").admin_add_user_to_group(
                    UserPoolId=event["userPoolId"], Username=event["userName"], GroupName="members")
            if source.startswith("TokenGeneration"):
                response["claimsOverrideDetails"] = {"claimsToAddOrOverride": {"tenant": "t-1"}}
            return event
      Events:
        All:
          Type: Cognito
          Properties:
            UserPool: !Ref People
            Trigger: [PreSignUp, CustomMessage, PostConfirmation, PreTokenGeneration]
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Pool
        Authorizers:
          Pool:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: !Sub "https://cognito-idp.${AWS::Region}.amazonaws.com/${People}"
              audience: [!Ref Page]
  Show:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return event["requestContext"]["authorizer"]["jwt"]["claims"]
      Events:
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /me, Method: get}}
"""
SERVICE = """
service: people
provider: {name: aws, runtime: python3.11}
functions:
  guard:
    handler: index.handler
    events:
      - cognitoUserPool: {pool: people, trigger: PreSignUp}
      - cognitoUserPool: {pool: theirs, trigger: PreSignUp, existing: true}
resources:
  Resources:
    CognitoUserPoolPeople: {Properties: {AutoVerifiedAttributes: [email]}}
    Theirs: {Type: "AWS::Cognito::UserPool", Properties: {UserPoolName: theirs}}
    Page: {Type: "AWS::Cognito::UserPoolClient", Properties: {UserPoolId: !Ref CognitoUserPoolPeople}}
    TheirPage: {Type: "AWS::Cognito::UserPoolClient", Properties: {UserPoolId: !Ref Theirs}}
"""


def sign_up(served: Served, client: str, name: str, mail: str) -> dict[str, Any]:
    attributes = [{"Name": "email", "Value": mail}]
    return dict(
        served.client("cognito-idp").sign_up(
            ClientId=client, Username=name, Password="Correct-horse-1", UserAttributes=attributes
        )
    )


def test_a_template_s_functions_watch_over_a_pool(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    with serve(application=tmp_path) as served:
        stack = served.record["stacks"][0]
        pool, client = stack["resources"]["People"]["id"], stack["resources"]["Page"]["id"]
        cognito = served.client("cognito-idp")
        with pytest.raises(ClientError) as refused:
            sign_up(served, client, "eve", "eve@elsewhere.org")
        assert refused.value.response["Error"] == {
            "Code": "UserLambdaValidationException",
            "Message": "PreSignUp failed with error Only from example.com.",
        }
        sign_up(served, client, "ada", "ada@example.com")
        with urlopen(f"{served.endpoint}/_dayfly/mail", timeout=20) as answer:
            (mail,) = json.load(answer)["messages"]
        assert (mail["to"], mail["subject"]) == (["ada@example.com"], "Welcome, ada")
        code = re.fullmatch(r"<b>(\d{6})</b>\s*", mail["html"])
        assert code is not None
        cognito.confirm_sign_up(ClientId=client, Username="ada", ConfirmationCode=code[1])
        groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username="ada")["Groups"]
        assert [one["GroupName"] for one in groups] == ["members"]
        tokens = cognito.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-horse-1"},
        )["AuthenticationResult"]
        api = next(one for one in stack["apis"] if one["kind"] == "http")
        headers = {"Host": f"{api['id']}.execute-api.localhost", "Authorization": tokens["IdToken"]}
        with urlopen(Request(f"{served.endpoint}/me", headers=headers), timeout=20) as answer:
            claims = json.load(answer)
        assert (claims["tenant"], claims["cognito:groups"]) == ("t-1", "[members]")


def test_a_service_s_function_watches_over_its_own_pool_and_an_existing_one(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(SERVICE)
    (tmp_path / "index.py").write_text("def handler(event, context):\n    raise Exception('Nobody')\n")
    with serve(application=tmp_path) as served:
        resources = served.record["stacks"][0]["resources"]
        assert len(served.client("cognito-idp").list_user_pools(MaxResults=9)["UserPools"]) == 2
        for page in ("Page", "TheirPage"):
            with pytest.raises(ClientError, match="PreSignUp failed with error Nobody"):
                sign_up(served, resources[page]["id"], "ada", "ada@example.com")
