"""Functions that are subscribed to log groups, in applications of both kinds.

https://www.serverless.com/framework/docs/providers/aws/events/cloudwatch-log
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-cloudwatchlogs.html
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import time
from pathlib import Path

import pytest

from dayfly.testing import Served, serve

SERVERLESS = """
service: app
provider: {name: aws, runtime: python3.11, region: us-east-1}
functions:
  # The one that listens is written first: the group of the other must be there all the same.
  shipper:
    handler: main.ship
    events:
      - cloudwatchLog: {logGroup: /aws/lambda/app-dev-noisy, filter: ERROR}
      - cloudwatchLog: /elsewhere
  noisy:
    handler: main.noise
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.11, CodeUri: .}}
Resources:
  Shipper:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: app-dev-shipper
      Handler: main.ship
      Events:
        Lines:
          Type: CloudWatchLogs
          Properties: {LogGroupName: !Ref Group, FilterPattern: ERROR}
        More:
          Type: CloudWatchLogs
          Properties: {LogGroupName: /elsewhere, FilterPattern: ''}
  Noisy:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: app-dev-noisy, Handler: main.noise}
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/lambda/app-dev-noisy}
"""
MAIN = """
import json
def ship(event, context):
    print("SHIPPED " + json.dumps(event))
def noise(event, context):
    print("all is well")
    print("ERROR " + event["word"])
"""


def shipped(served: Served, wanted: int) -> list[dict]:
    """What the function got, taken from its own lines."""
    logs = served.client("logs")
    until, found = time.monotonic() + 20, []
    while len(found) < wanted and time.monotonic() < until:
        time.sleep(0.05)
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):  # nothing was logged yet
            asked = logs.filter_log_events(logGroupName="/aws/lambda/app-dev-shipper", filterPattern="SHIPPED")
            found = asked["events"]
    events = [json.loads(one["message"].removeprefix("SHIPPED ")) for one in found]
    return [json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"]))) for event in events]


@pytest.mark.parametrize(("name", "text"), [("serverless.yml", SERVERLESS), ("template.yaml", TEMPLATE)])
def test_a_function_is_called_with_the_lines_of_another(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "main.py").write_text(MAIN)
    with serve(application=tmp_path) as served:
        served.client("lambda").invoke(FunctionName="app-dev-noisy", Payload=json.dumps({"word": "here"}))
        (got,) = shipped(served, 1)
        assert (got["messageType"], got["owner"], got["logGroup"]) == (
            "DATA_MESSAGE",
            "000000000000",
            "/aws/lambda/app-dev-noisy",
        )
        assert [event["message"] for event in got["logEvents"]] == ["ERROR here"]
        logs = served.client("logs")
        (kept,) = logs.describe_subscription_filters(logGroupName="/elsewhere")["subscriptionFilters"]
        assert kept["destinationArn"].endswith(":function:app-dev-shipper")
        logs.create_log_stream(logGroupName="/elsewhere", logStreamName="s")
        line = {"timestamp": int(time.time() * 1000), "message": "of somebody else"}
        logs.put_log_events(logGroupName="/elsewhere", logStreamName="s", logEvents=[line])
        assert [event["message"] for event in shipped(served, 2)[1]["logEvents"]] == [line["message"]]
        own = {"logGroupName": "/aws/lambda/app-dev-shipper", "filterName": "own", "filterPattern": ""}
        with pytest.raises(logs.exceptions.InvalidParameterException, match="reserved for the function logs"):
            logs.put_subscription_filter(**own, destinationArn=kept["destinationArn"])


def test_a_kinesis_stream_gets_lines() -> None:
    with serve() as served:
        kinesis, logs = served.client("kinesis"), served.client("logs")
        kinesis.create_stream(StreamName="lines", ShardCount=1)
        arn = kinesis.describe_stream(StreamName="lines")["StreamDescription"]["StreamARN"]
        logs.create_log_group(logGroupName="/g")
        logs.create_log_stream(logGroupName="/g", logStreamName="s")
        logs.put_subscription_filter(logGroupName="/g", filterName="f", filterPattern="", destinationArn=arn)
        line = {"timestamp": int(time.time() * 1000), "message": "hello"}
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[line])
        shard = kinesis.describe_stream(StreamName="lines")["StreamDescription"]["Shards"][0]["ShardId"]
        begin = {"StreamName": "lines", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        until, records = time.monotonic() + 20, []
        while not records and time.monotonic() < until:
            iterator = kinesis.get_shard_iterator(**begin)["ShardIterator"]
            records = kinesis.get_records(ShardIterator=iterator)["Records"]
        assert records[0]["PartitionKey"] == "s"
        assert json.loads(gzip.decompress(records[0]["Data"]))["logEvents"][0]["message"] == "hello"
