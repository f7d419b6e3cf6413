"""Where rules send events besides functions and queues: state machines, streams, HTTP endpoints, routes of APIs.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dayfly.testing import Served, serve

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Hook: {Type: String}}
Resources:
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: Done, States: {Done: {Type: Pass, End: true}}}
      Events:
        Ordered: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}, InputPath: $.detail}}
  Stream: {Type: "AWS::Kinesis::Stream", Properties: {ShardCount: 1}}
  ToStream:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets:
        - {Id: s, Arn: !GetAtt Stream.Arn, InputPath: $.detail, KinesisParameters: {PartitionKeyPath: $.detail.kind}}
  Key:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters:
        ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: secret}
        InvocationHttpParameters: {QueryStringParameters: [{Key: from, Value: here}]}
  Endpoint:
    Type: AWS::Events::ApiDestination
    Properties:
      ConnectionArn: !GetAtt Key.Arn
      HttpMethod: PUT
      InvocationEndpoint: !Sub "${Hook}/orders/*"
  ToEndpoint:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets:
        - Id: e
          Arn: !GetAtt Endpoint.Arn
          RoleArn: arn:aws:iam::000000000000:role/any
          InputPath: $.detail
          HttpParameters: {PathParameterValues: [new], HeaderParameters: {X-More: "1"}}
  Lost: {Type: "AWS::SQS::Queue"}
  ToNobody:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [refused]}
      Targets: [{Id: n, Arn: !GetAtt Endpoint.Arn, InputPath: $.detail, DeadLetterConfig: {Arn: !GetAtt Lost.Arn}}]
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: live}
  Taken:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            print("taken", event["path"], event["body"])
            return {"statusCode": 200, "body": ""}
      Events:
        Route: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /take, Method: post}}
  ToRoute:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets:
        - Id: r
          Arn: !Sub "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/POST/take"
          InputPath: $.detail
"""


class Hook(BaseHTTPRequestHandler):
    seen: list[tuple[str, str, dict[str, str], Any]] = []

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.command, self.path, dict(self.headers), body))
        self.send_response(403 if body.get("kind") == "bad" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("targets")
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    default = f"Hook: {{Type: String, Default: 'http://127.0.0.1:{hook.server_port}'}}"
    (directory / "template.yaml").write_text(TEMPLATE.replace("Hook: {Type: String}", default))
    with serve(application=directory) as platform:
        for kind in ("tea", "milk"):
            put(platform, "shop", kind)
        put(platform, "refused", "bad")
        yield platform
    hook.shutdown()


def put(served: Served, source: str, kind: str) -> None:
    entry = {"Source": source, "DetailType": "order", "Detail": json.dumps({"kind": kind})}
    assert served.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def until(look: Any) -> Any:
    for _ in range(100):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came")


def resource(served: Served, key: str) -> str:
    return str(served.record["stacks"][0]["resources"][key]["id"])


def test_each_event_starts_an_execution_of_a_state_machine(served: Served) -> None:
    states = served.client("stepfunctions")

    def inputs() -> Any:
        found = states.list_executions(stateMachineArn=resource(served, "Machine"))["executions"]
        given = [states.describe_execution(executionArn=one["executionArn"])["input"] for one in found]
        return given if len(given) >= 2 else None

    assert sorted(json.loads(one)["kind"] for one in until(inputs)) == ["milk", "tea"]


def test_executions_that_are_given_no_name_are_each_their_own(served: Served) -> None:
    states = served.client("stepfunctions")
    started = {
        states.start_execution(stateMachineArn=resource(served, "Machine"), input=text)["executionArn"]
        for text in ('{"a": 1}', '{"a": 2}', '{"a": 1}')
    }
    assert len(started) == 3


def test_a_stream_gets_the_event_under_the_key_that_its_path_names(served: Served) -> None:
    kinesis = served.client("kinesis")
    name = resource(served, "Stream")
    shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]

    def records() -> Any:
        start = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        found = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return found if len(found) >= 2 else None

    assert {(one["PartitionKey"], one["Data"]) for one in until(records)} == {
        ("tea", b'{"kind":"tea"}'),
        ("milk", b'{"kind":"milk"}'),
    }


def test_an_api_destination_is_called_with_its_connection_s_key(served: Served) -> None:
    method, path, headers, _ = until(lambda: next((one for one in Hook.seen if one[3] == {"kind": "tea"}), None))
    assert (method, path) == ("PUT", "/orders/new?from=here")
    assert (headers["X-Key"], headers["X-More"]) == ("secret", "1")
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_what_an_endpoint_refuses_goes_to_the_dead_letter_queue(served: Served) -> None:
    queue = resource(served, "Lost")
    letters = served.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=15, MessageAttributeNames=["All"])
    assert json.loads(letters["Messages"][0]["Body"]) == {"kind": "bad"}
    assert "answered 403" in letters["Messages"][0]["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_a_connection_does_not_show_its_secrets(served: Served) -> None:
    shown = served.client("events").describe_connection(Name=resource(served, "Key"))
    assert shown["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "X-Key"}


def test_a_route_of_an_api_takes_events(served: Served) -> None:
    name = served.record["stacks"][0]["functions"]["Taken"]["name"]

    def lines() -> Any:
        try:
            found = served.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except served.client("logs").exceptions.ResourceNotFoundException:
            return None
        return [one["message"] for one in found if "taken /take" in one["message"] and "tea" in one["message"]]

    assert until(lines)
