"""Definitions of state machines: what of AWS's language runs here, and what is said of the rest.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Each:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Map
        States:
          Map:
            Type: Map
            ItemsPath: $.items
            ItemProcessor:
              ProcessorConfig: {Mode: DISTRIBUTED, ExecutionType: EXPRESS}
              StartAt: Same
              States: {Same: {Type: Pass, End: true}}
            Next: Enough
          Enough: {Type: Fail, Error: States.Enough, Cause: all done}
  Unread:
    Type: AWS::Serverless::StateMachine
    Properties: {Definition: {StartAt: A, States: {A: {Type: Unheard, End: true}}}}
  Queue: {Type: "AWS::SQS::Queue"}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.echo
      CodeUri: .
      Events:
        Any: {Type: Api, Properties: {Path: "/echo/{name}", Method: ANY}}
        Guarded: {Type: Api, Properties: {Path: /signed, Method: POST, Auth: {Authorizer: AWS_IAM}}}
  Caller:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionSubstitutions: {Host: !Sub "${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com"}
      Definition:
        StartAt: Open
        States:
          Open:
            Type: Task
            Resource: arn:aws:states:::apigateway:invoke
            Parameters:
              ApiEndpoint: "${Host}"
              Method: POST
              Stage: Prod
              Path: /echo/a b
              Headers: {X-Of: [the task]}
              QueryParameters: {q: ["1", "2"]}
              RequestBody: {"n.$": $.n}
            ResultPath: $.open
            Next: Signed
          Signed:
            Type: Task
            Resource: arn:aws:states:::apigateway:invoke
            Parameters: {ApiEndpoint: "${Host}", Method: POST, Stage: Prod, Path: signed, AuthType: IAM_ROLE}
            ResultPath: $.signed
            Next: Refused
          Refused:
            Type: Task
            Resource: arn:aws:states:::apigateway:invoke
            Parameters: {ApiEndpoint: "${Host}", Method: GET, Stage: Prod, Path: echo/refuse}
            Catch: [{ErrorEquals: [ApiGateway.409], ResultPath: $.refused, Next: Done}]
            End: true
          Done: {Type: Succeed}
"""

CODE = """
import json
def echo(event, context):
    if (event["pathParameters"] or {}).get("name") == "refuse":
        return {"statusCode": 409, "body": "taken"}
    said = {"name": event["pathParameters"], "of": event["headers"].get("X-Of"),
            "q": event["multiValueQueryStringParameters"], "body": event["body"]}
    return {"statusCode": 201, "body": json.dumps(said)}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("machines")
    (directory / "template.yaml").write_text(TEMPLATE)
    (directory / "app.py").write_text(CODE)
    with serve(application=directory) as platform:
        yield platform


def _ended(served: Served, machine: str, given: object) -> dict[str, Any]:
    states = served.client("stepfunctions")
    arn = served.record["stacks"][0]["resources"][machine]["id"]
    started = states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]
    found: dict[str, Any] = {}
    for _ in range(100):
        found = states.describe_execution(executionArn=started)
        if found["status"] != "RUNNING":
            break
        time.sleep(0.1)
    return found


def test_distributed_maps_and_errors_of_one_s_own_run(served: Served) -> None:
    found = _ended(served, "Each", {"items": [1, 2]})
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "States.Enough", "all done")


def test_tasks_call_the_routes_of_apis(served: Served) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html"""
    found = _ended(served, "Caller", {"n": 5})
    assert found["status"] == "SUCCEEDED", (found["error"], found["cause"])
    output = json.loads(found["output"])
    assert output["open"]["ResponseBody"] == {
        "name": {"name": "a b"},
        "of": "the task",
        "q": {"q": ["1", "2"]},
        "body": '{"n": 5}',
    }
    assert (output["open"]["StatusCode"], output["open"]["StatusText"]) == (201, "Created")
    assert output["signed"]["StatusCode"] == 201
    assert output["refused"] == {"Error": "ApiGateway.409", "Cause": "taken"}


def test_one_that_cannot_be_read_leaves_the_rest_of_the_application_running(served: Served) -> None:
    resources = served.record["stacks"][0]["resources"]
    served.client("sqs").send_message(QueueUrl=resources["Queue"]["id"], MessageBody="x")
    names = [one["name"] for one in served.client("stepfunctions").list_state_machines()["stateMachines"]]
    assert not any("Unread" in name for name in names)
