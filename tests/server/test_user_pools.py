"""Cognito user pools as guards of APIs: tokens that their users were given open the routes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  People: {Type: "AWS::Cognito::UserPool"}
  Page:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref People, ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]}
  Editors: {Type: "AWS::Cognito::UserPoolGroup", Properties: {UserPoolId: !Ref People, GroupName: editors}}
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Auth:
        DefaultAuthorizer: Pool
        Authorizers:
          Pool: {UserPoolArn: !GetAtt People.Arn}
          Scoped: {UserPoolArn: !GetAtt People.Arn, AuthorizationScopes: [aws.cognito.signin.user.admin]}
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
        import json
        def handler(event, context):
            return {"statusCode": 200, "body": json.dumps(event["requestContext"]["authorizer"])}
      Events:
        Rest: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /me, Method: get}}
        Scoped:
          Type: Api
          Properties: {RestApiId: !Ref Rest, Path: /scoped, Method: get, Auth: {Authorizer: Scoped}}
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /me, Method: get}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("people")
    (directory / "template.yaml").write_text(TEMPLATE)
    with serve(application=directory) as platform:
        yield platform


@pytest.fixture(scope="module")
def tokens(served: Served) -> dict[str, str]:
    resources = served.record["stacks"][0]["resources"]
    pool, client = resources["People"]["id"], resources["Page"]["id"]
    cognito = served.client("cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username="ada")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Correct-horse-1", Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="ada", GroupName="editors")
    given = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-horse-1"},
    )
    return dict(given["AuthenticationResult"])


def get(served: Served, kind: str, path: str, token: str | None) -> tuple[int, Any]:
    api = next(one for one in served.record["stacks"][0]["apis"] if one["kind"] == kind)
    stage = "" if kind == "http" else f"/{api['stage']}"
    headers = {"Host": f"{api['id']}.execute-api.localhost"} | ({"Authorization": token} if token else {})
    try:
        with urlopen(Request(f"{served.endpoint}{stage}{path}", headers=headers), timeout=20) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def test_an_identity_token_opens_a_rest_api_and_its_claims_are_text(served: Served, tokens: dict[str, str]) -> None:
    status, authorizer = get(served, "rest", "/me", tokens["IdToken"])
    assert status == 200
    claims = authorizer["claims"]
    assert (claims["cognito:username"], claims["cognito:groups"], claims["token_use"]) == ("ada", "editors", "id")
    assert claims["exp"].split()[4] == "UTC"


@pytest.mark.parametrize("token", [None, "nonsense", "a.b.c"])
def test_nobody_else_passes_a_rest_api(served: Served, token: str | None) -> None:
    assert get(served, "rest", "/me", token) == (401, {"message": "Unauthorized"})


def test_scopes_are_looked_for_in_access_tokens_only(served: Served, tokens: dict[str, str]) -> None:
    assert get(served, "rest", "/scoped", f"Bearer {tokens['AccessToken']}")[0] == 200
    assert get(served, "rest", "/scoped", tokens["IdToken"]) == (401, {"message": "Unauthorized"})
    assert get(served, "rest", "/me", tokens["AccessToken"]) == (401, {"message": "Unauthorized"})


def test_an_http_api_reads_the_keys_of_a_user_pool_here(served: Served, tokens: dict[str, str]) -> None:
    status, authorizer = get(served, "http", "/me", f"Bearer {tokens['IdToken']}")
    assert (status, authorizer["jwt"]["claims"]["cognito:username"]) == (200, "ada")
    assert authorizer["jwt"]["claims"]["cognito:groups"] == "[editors]", "as AWS writes a list"
    assert get(served, "http", "/me", None) == (401, {"message": "Unauthorized"})
