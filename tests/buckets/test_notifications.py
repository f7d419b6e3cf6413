"""Events of buckets and streams, from a client's write to the function that gets them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from dayfly.testing import Served, serve

APPLICATION = """
service: events
provider: {name: aws, runtime: python3.11, region: eu-west-1}
functions:
  uploaded:
    handler: handler.show
    events:
      - s3: {bucket: uploads-of-events, event: "s3:ObjectCreated:*", rules: [{prefix: in/}, {suffix: .txt}]}
      - s3: {bucket: uploads-of-events, event: "s3:ObjectRemoved:Delete"}
  existing:
    handler: handler.show
    environment: {BUCKET: {Ref: Own}}
    events:
      - s3: {bucket: {Ref: Own}, existing: true, event: "s3:ObjectCreated:Put", rules: [{suffix: .png}]}
  changed:
    handler: handler.show
    events:
      - stream: {type: dynamodb, arn: !GetAtt Table.StreamArn, batchSize: 2, maximumRetryAttempts: 0}
  data:
    handler: handler.show
    events:
      - stream: {type: kinesis, arn: !GetAtt Clicks.Arn, startingPosition: LATEST}
resources:
  Resources:
    Own: {Type: "AWS::S3::Bucket"}
    Clicks: {Type: "AWS::Kinesis::Stream", Properties: {Name: clicks, ShardCount: 1}}
    Table:
      Type: AWS::DynamoDB::Table
      Properties:
        TableName: things
        BillingMode: PAY_PER_REQUEST
        AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
        KeySchema: [{AttributeName: id, KeyType: HASH}]
        StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
"""
HANDLER = "import json\ndef show(event, context):\n    print('EVENT ' + json.dumps(event))\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    directory = tmp_path_factory.mktemp("events")
    (directory / "serverless.yml").write_text(APPLICATION)
    (directory / "handler.py").write_text(HANDLER)
    with serve(application=directory) as platform:
        yield platform


def records(served: Served, function: str, count: int) -> list[dict[str, Any]]:
    """What the function was given so far, once it is at least so many records."""
    logs = served.client("logs", region="eu-west-1")
    found: list[dict[str, Any]] = []
    for _ in range(200):
        try:
            lines = logs.filter_log_events(logGroupName=f"/aws/lambda/events-dev-{function}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            lines = []
        shown = [line["message"][6:] for line in lines if line["message"].startswith("EVENT ")]
        found = [record for text in shown for record in json.loads(text)["Records"]]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{function} got {len(found)} records")


def test_the_platform_is_where_its_first_application_is(served):
    assert served.record["region"] == "eu-west-1"


def test_an_object_written_under_the_prefix_and_suffix_reaches_the_function(served):
    s3 = served.client("s3", region="eu-west-1")
    s3.put_object(Bucket="uploads-of-events", Key="out/a.txt", Body=b"no")
    s3.put_object(Bucket="uploads-of-events", Key="in/a b.txt", Body=b"three")
    s3.copy_object(Bucket="uploads-of-events", Key="in/c.txt", CopySource="uploads-of-events/out/a.txt")
    s3.delete_objects(Bucket="uploads-of-events", Delete={"Objects": [{"Key": "out/a.txt"}]})
    found = records(served, "uploaded", 3)
    assert sorted((one["eventName"], one["s3"]["object"]["key"]) for one in found) == [
        ("ObjectCreated:Copy", "in/c.txt"),
        ("ObjectCreated:Put", "in/a+b.txt"),
        ("ObjectRemoved:Delete", "out/a.txt"),
    ]
    put = next(one for one in found if one["eventName"] == "ObjectCreated:Put")
    assert put["eventSource"] == "aws:s3"
    assert put["awsRegion"] == "eu-west-1"
    assert put["s3"]["bucket"]["name"] == "uploads-of-events"
    assert put["s3"]["object"]["size"] == 5
    assert put["s3"]["object"]["eTag"] == "35d6d33467aae9a2e3dccb4b6b027878"


def test_changes_of_a_table_reach_the_function_in_order(served):
    table = served.client("dynamodb", region="eu-west-1")
    for number in range(3):
        table.put_item(TableName="things", Item={"id": {"S": "1"}, "n": {"N": str(number)}, "b": {"B": b"\x00\xff"}})
    table.delete_item(TableName="things", Key={"id": {"S": "1"}})
    found = records(served, "changed", 4)
    assert [one["eventName"] for one in found] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    assert found[0]["dynamodb"]["NewImage"] == {"id": {"S": "1"}, "n": {"N": "0"}, "b": {"B": "AP8="}}
    assert found[1]["dynamodb"]["OldImage"]["n"] == {"N": "0"}
    assert found[0]["eventSource"] == "aws:dynamodb"
    assert "/stream/" in found[0]["eventSourceARN"]


def test_what_is_put_into_a_kinesis_stream_reaches_the_function(served):
    served.client("kinesis", region="eu-west-1").put_record(StreamName="clicks", Data=b"hello", PartitionKey="p")
    (record,) = records(served, "data", 1)
    assert record["kinesis"]["data"] == "aGVsbG8="
    assert record["kinesis"]["partitionKey"] == "p"
    assert record["eventSource"] == "aws:kinesis"


def test_a_bucket_that_the_function_itself_names_reaches_it(served):
    s3 = served.client("s3", region="eu-west-1")
    bucket = served.record["stacks"][0]["resources"]["Own"]["id"]
    s3.put_object(Bucket=bucket, Key="a.png", Body=b"1")
    (record,) = records(served, "existing", 1)
    assert record["s3"]["object"]["key"] == "a.png"
