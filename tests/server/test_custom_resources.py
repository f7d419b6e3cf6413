"""Custom resources: functions that make what a template asks for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeout: 20}}
Resources:
  Maker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        import cfnresponse, json
        def handler(event, context):
            print("EVENT " + json.dumps(event))
            data = {"Made": event["ResourceProperties"]["Name"].upper()}
            cfnresponse.send(event, context, cfnresponse.SUCCESS, data, "made-" + event["LogicalResourceId"])
  NodeMaker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: |
        const response = require("cfn-response");
        exports.handler = (event, context) => {
          if (event.ResourceProperties.Fail === "true") throw new Error("not today");
          response.send(event, context, response.SUCCESS, {Made: "by node"});
        };
  Thing:
    Type: Custom::Thing
    Properties: {ServiceToken: !GetAtt Maker.Arn, Name: thing, Count: 3, Deep: {Yes: true}}
  Other:
    Type: AWS::CloudFormation::CustomResource
    Properties: {ServiceToken: !GetAtt NodeMaker.Arn}
  Failing:
    Type: Custom::Failing
    Properties: {ServiceToken: !GetAtt NodeMaker.Arn, Fail: true}
Outputs:
  Made: {Value: !GetAtt Thing.Made}
  ByNode: {Value: !GetAtt Other.Made}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("custom")
    (directory / "template.yaml").write_text(TEMPLATE)
    with serve(application=directory) as platform:
        yield platform


def test_what_the_function_answers_is_the_resource(served: Served) -> None:
    stack = served.record["stacks"][0]
    assert stack["resources"]["Thing"]["id"] == "made-Thing"
    assert stack["outputs"] == {"Made": "THING", "ByNode": "by node"}


def test_the_request_is_cloudformation_s(served: Served) -> None:
    name = served.record["stacks"][0]["functions"]["Maker"]["name"]
    logged = served.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="EVENT")
    event = json.loads(logged["events"][0]["message"].removeprefix("EVENT "))
    assert event["RequestType"] == "Create"
    assert event["ResourceType"] == "Custom::Thing"
    assert event["ResourceProperties"]["Count"] == "3"
    assert event["ResourceProperties"]["Deep"] == {"Yes": "true"}


def test_one_that_fails_is_said_and_stood_in_for(served: Served) -> None:
    assert "Failing" not in served.record["stacks"][0]["resources"]
