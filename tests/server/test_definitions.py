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
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("machines")
    (directory / "template.yaml").write_text(TEMPLATE)
    with serve(application=directory) as platform:
        yield platform


def test_distributed_maps_and_errors_of_one_s_own_run(served: Served) -> None:
    states = served.client("stepfunctions")
    arn = served.record["stacks"][0]["resources"]["Each"]["id"]
    started = states.start_execution(stateMachineArn=arn, input=json.dumps({"items": [1, 2]}))["executionArn"]
    found: dict[str, Any] = {}
    for _ in range(100):
        found = states.describe_execution(executionArn=started)
        if found["status"] != "RUNNING":
            break
        time.sleep(0.1)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "States.Enough", "all done")


def test_one_that_cannot_be_read_leaves_the_rest_of_the_application_running(served: Served) -> None:
    resources = served.record["stacks"][0]["resources"]
    served.client("sqs").send_message(QueueUrl=resources["Queue"]["id"], MessageBody="x")
    names = [one["name"] for one in served.client("stepfunctions").list_state_machines()["stateMachines"]]
    assert not any("Unread" in name for name in names)
