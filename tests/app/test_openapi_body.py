"""What the report says of OpenAPI documents in templates: extensions that have no effect here are named, by line.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

import json
from pathlib import Path

from dayfly.app.load import load
from dayfly.app.report import resource_items
from dayfly.app.resources.table import TABLE
from dayfly.app.yaml import parse

TEMPLATE = """Resources:
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Policy: {Statement: []}
      Body:
        openapi: 3.0.1
        x-amazon-apigateway-policy: {Statement: []}
        x-amazon-apigateway-minimum-compression-size: 10
        x-amazon-apigateway-api-key-source: AUTHORIZER
        x-amazon-apigateway-documentation: {}
        x-amazon-apigateway-binary-media-types: [image/png]
        x-amazon-apigateway-gateway-responses: {}
        x-amazon-apigateway-request-validators: {}
        x-amazon-apigateway-unheard: 1
        servers:
          - url: /
            x-amazon-apigateway-endpoint-configuration:
              disableExecuteApiEndpoint: true
              vpcEndpointIds: [vpce-1]
        paths:
          /x:
            get:
              x-amazon-apigateway-auth: {type: NONE}
              x-amazon-apigateway-integration: {type: mock}
              x-amazon-apigateway-unheard-too: 1
            parameters: []
        components:
          securitySchemes:
            Guard:
              x-amazon-apigateway-authorizer:
                type: token
                authorizerCredentials: !GetAtt Role.Arn
  Http:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Body:
        openapi: 3.0.1
        x-amazon-apigateway-importexport-version: "1.0"
        x-amazon-apigateway-cors: {}
        x-amazon-apigateway-policy: {}
        x-amazon-apigateway-endpoint-configuration: {ipAddressType: ipv4}
        tags: [{name: a, x-amazon-apigateway-tag-value: b}]
  Chosen:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body: !If [Prod, {x-amazon-apigateway-policy: {}}, {}]
"""


def test_extensions_without_effect_are_named_like_properties() -> None:
    found = resource_items(parse(TEMPLATE, Path("template.yaml")), {}, TABLE)
    said = [(one.line, one.level, one.what.replace("x-amazon-apigateway-", "x-")) for one in found]
    rest, http = "AWS::ApiGateway::RestApi (Rest)", "AWS::ApiGatewayV2::Api (Http)"
    assert said == [
        (5, "ignored", f"Policy of {rest}"),
        (8, "ignored", f"x-policy in Body of {rest}"),
        (9, "ignored", f"x-minimum-compression-size in Body of {rest}"),
        (11, "ignored", f"x-documentation in Body of {rest}"),
        (20, "ignored", f"vpcEndpointIds of x-endpoint-configuration in Body of {rest}"),
        (10, "unsupported", f"x-api-key-source AUTHORIZER in Body of {rest}"),
        (33, "ignored", f"authorizerCredentials of x-authorizer in Body of {rest}"),
        (15, "unsupported", f"x-unheard in Body of {rest}"),
        (26, "unsupported", f"x-unheard-too in Body of {rest}"),
        (42, "ignored", f"ipAddressType of x-endpoint-configuration in Body of {http}"),
        (47, "ignored", "x-policy in Body of AWS::ApiGateway::RestApi (Chosen)"),
    ]


def test_a_body_that_is_text_is_read_too() -> None:
    text = json.dumps({"openapi": "3.0.1", "x-amazon-apigateway-policy": {}})
    for body, told in ((text, ["x-amazon-apigateway-policy in Body of AWS::ApiGateway::RestApi (Api)"]), ("- x", [])):
        template = {"Resources": {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}}}}
        assert [one.what for one in resource_items(template, {}, TABLE)] == told


def test_the_resource_policy_of_a_sam_api_is_said_to_have_no_effect(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-apiauth.html"""
    (tmp_path / "app.py").write_text("def handler(event, context): return {}")
    (tmp_path / "template.yaml").write_text("""
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: dev, Auth: {ResourcePolicy: {IpRangeDenylist: [10.0.0.0/8]}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: .
      Events: {Any: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /x, Method: GET}}}
""")
    application = load(tmp_path, default_region="us-east-1", account="000000000000")
    found = resource_items(application.template, application.origins, TABLE)
    assert "x-amazon-apigateway-policy in Body of AWS::ApiGateway::RestApi (Api)" in [one.what for one in found]
