"""Pipes: from queues and streams over filters and enrichments to targets.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html
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
  Orders: {Type: "AWS::SQS::Queue", Properties: {VisibilityTimeout: 2}}
  Taken: {Type: "AWS::SQS::Queue"}
  ToQueue:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/any
      Source: !GetAtt Orders.Arn
      SourceParameters:
        FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["tea", "milk"]}}'}]}
        SqsQueueParameters: {BatchSize: "1"}
      Enrichment: !GetAtt Priced.Arn
      EnrichmentParameters: {InputTemplate: '{"kind": <$.body.kind>, "from": "<aws.pipes.pipe-name>"}'}
      Target: !GetAtt Taken.Arn
      TargetParameters: {InputTemplate: '{"kind": <$.kind>, "price": <$.price>, "text": "a <$.kind>"}'}
  Priced:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(events, context):
            if events[0]["kind"] == "milk":
                return []
            return [{**event, "price": 3} for event in events]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: Done, States: {Done: {Type: Pass, End: true}}}
  ToMachine:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/any
      Source: !GetAtt Table.StreamArn
      SourceParameters: {DynamoDBStreamParameters: {StartingPosition: TRIM_HORIZON, BatchSize: 1}}
      Target: !Ref Machine
      TargetParameters:
        StepFunctionStateMachineParameters: {InvocationType: FIRE_AND_FORGET}
        InputTemplate: '{"id": <$.dynamodb.NewImage.id.S>, "what": <$.eventName>}'
  Stream: {Type: "AWS::Kinesis::Stream", Properties: {ShardCount: 1}}
  Seen: {Type: "AWS::SQS::Queue"}
  ToBus:
    Type: AWS::Pipes::Pipe
    Properties:
      Name: to-bus
      RoleArn: arn:aws:iam::000000000000:role/any
      Source: !GetAtt Stream.Arn
      SourceParameters: {KinesisStreamParameters: {StartingPosition: TRIM_HORIZON}}
      Target: !Sub "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
      TargetParameters:
        EventBridgeEventBusParameters: {DetailType: $.data.kind, Source: shop}
        InputTemplate: '{"order": <$.data>}'
  FromBus:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets: [{Id: seen, Arn: !GetAtt Seen.Arn}]
  Failing: {Type: "AWS::SQS::Queue", Properties: {VisibilityTimeout: 1, RedrivePolicy: {
    maxReceiveCount: 2, deadLetterTargetArn: !GetAtt Dead.Arn}}}
  Dead: {Type: "AWS::SQS::Queue"}
  ToFailing:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/any
      Source: !GetAtt Failing.Arn
      Target: !GetAtt Broken.Arn
  Broken:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: |
        def handler(events, context):
            raise ValueError(events[0]["body"])
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("pipes")
    (directory / "template.yaml").write_text(TEMPLATE)
    with serve(application=directory) as platform:
        yield platform


def resource(served: Served, key: str) -> str:
    return str(served.record["stacks"][0]["resources"][key]["id"])


def received(served: Served, key: str, wait_s: int = 15) -> list[Any]:
    sqs = served.client("sqs")
    found = sqs.receive_message(QueueUrl=resource(served, key), WaitTimeSeconds=wait_s).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=resource(served, key), ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def test_a_message_goes_filtered_enriched_and_transformed_to_a_queue(served: Served) -> None:
    for kind in ("water", "milk", "tea"):
        served.client("sqs").send_message(QueueUrl=resource(served, "Orders"), MessageBody=json.dumps({"kind": kind}))
    assert received(served, "Taken") == [{"kind": "tea", "price": 3, "text": "a tea"}]
    left = served.client("sqs").get_queue_attributes(
        QueueUrl=resource(served, "Orders"), AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert left["Attributes"]["ApproximateNumberOfMessages"] == "0"
    # What an enrichment answers with nothing does not go on, nor does what no filter wants.
    assert received(served, "Taken", wait_s=3) == []


def test_a_change_of_a_table_starts_a_state_machine_with_a_list(served: Served) -> None:
    served.client("dynamodb").put_item(TableName=resource(served, "Table"), Item={"id": {"S": "a"}})
    states = served.client("stepfunctions")
    for _ in range(100):
        found = states.list_executions(stateMachineArn=resource(served, "Machine"))["executions"]
        if found:
            break
        time.sleep(0.1)
    given = states.describe_execution(executionArn=found[0]["executionArn"])["input"]
    assert json.loads(given) == [{"id": "a", "what": "INSERT"}]


def test_a_record_of_a_stream_becomes_an_event_on_a_bus(served: Served) -> None:
    data = json.dumps({"kind": "tea", "n": 1}).encode()
    served.client("kinesis").put_record(StreamName=resource(served, "Stream"), Data=data, PartitionKey="k")
    (event,) = received(served, "Seen")
    assert (event["source"], event["detail-type"]) == ("shop", "tea")
    assert event["detail"] == {"order": {"kind": "tea", "n": 1}}


def test_what_a_target_fails_at_returns_and_ends_in_the_source_s_dead_letter_queue(served: Served) -> None:
    served.client("sqs").send_message(QueueUrl=resource(served, "Failing"), MessageBody='"x"')
    assert received(served, "Dead") == ["x"]


def test_a_pipe_is_described_stopped_and_is_no_event_source_mapping(served: Served) -> None:
    pipes = served.client("pipes")
    shown = pipes.describe_pipe(Name="to-bus")
    assert shown["CurrentState"] == "RUNNING"
    assert shown["TargetParameters"]["EventBridgeEventBusParameters"]["Source"] == "shop"
    assert pipes.stop_pipe(Name="to-bus")["DesiredState"] == "STOPPED"
    assert {one["CurrentState"] for one in pipes.list_pipes(NamePrefix="to-")["Pipes"]} == {"STOPPED"}
    assert served.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    with pytest.raises(pipes.exceptions.ConflictException):
        pipes.create_pipe(Name="to-bus", Source=shown["Source"], Target=shown["Target"], RoleArn=shown["RoleArn"])
    with pytest.raises(pipes.exceptions.NotFoundException):
        pipes.describe_pipe(Name="nobody")
