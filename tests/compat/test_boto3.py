"""boto3 against the platform."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dayfly.testing import Served


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return packed.getvalue()


def made(platform: Served, name: str, code: str, **options: Any) -> Any:
    client = platform.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": zipped(app__py=code)},
        **options,
    )
    return client


def test_a_message_goes_through_a_queue(platform: Served) -> None:
    sqs = platform.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="job 1", MessageAttributes={"kind": {"DataType": "String", "StringValue": "a"}}
    )
    found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=1)["Messages"]
    assert [(m["MessageId"], m["Body"]) for m in found] == [(sent["MessageId"], "job 1")]
    assert found[0]["MessageAttributes"]["kind"]["StringValue"] == "a"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])


def test_a_topic_reaches_its_queue(platform: Served) -> None:
    sqs, sns = platform.client("sqs"), platform.client("sns")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(found[0]["Body"])["Message"] == "hello"


def test_a_function_answers(platform: Served) -> None:
    client = made(platform, "adder", "def handler(event, context):\n    return {'sum': event['a'] + event['b']}\n")
    said = client.invoke(FunctionName="adder", Payload=json.dumps({"a": 1, "b": 2}))
    assert (said["StatusCode"], json.loads(said["Payload"].read())) == (200, {"sum": 3})


def test_a_failing_function_answers_with_awss_error_document(platform: Served) -> None:
    client = made(platform, "failing", "def handler(event, context):\n    raise ValueError('no such thing')\n")
    said = client.invoke(FunctionName="failing")
    document = json.loads(said["Payload"].read())
    assert said["FunctionError"] == "Unhandled"
    assert (document["errorType"], document["errorMessage"]) == ("ValueError", "no such thing")


def test_a_function_reaches_the_platform_with_the_sdk_of_the_runtime(platform: Served) -> None:
    call = "boto3.client('sqs').create_queue(QueueName='made')['QueueUrl']"
    code = f"import boto3\ndef handler(event, context):\n    return {call}\n"
    client = made(platform, "maker", code, Timeout=20)
    said = client.invoke(FunctionName="maker")
    assert json.loads(said["Payload"].read()) == f"{platform.endpoint}/000000000000/made"


def test_a_mail_lands_in_the_inbox(platform: Served) -> None:
    platform.client("ses").send_email(
        Source="a@example.com",
        Destination={"ToAddresses": ["b@example.com"]},
        Message={"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "hello"}}},
    )
    import urllib.request

    with urllib.request.urlopen(f"{platform.endpoint}/_dayfly/mail?to=b@example.com") as answer:
        assert [m["subject"] for m in json.load(answer)["messages"]] == ["S"]


def test_a_12_digit_access_key_is_an_account_of_its_own(platform: Served) -> None:
    one, other = platform.client("sqs", account="111111111111"), platform.client("sqs", account="222222222222")
    one.create_queue(QueueName="mine")
    assert platform.client("sts", account="111111111111").get_caller_identity()["Account"] == "111111111111"
    assert other.list_queues().get("QueueUrls", []) == []


def test_what_is_not_supported_names_itself(platform: Served) -> None:
    with pytest.raises(ClientError, match="CreateCodeSigningConfig"):
        platform.client("lambda").create_code_signing_config(
            AllowedPublishers={
                "SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/x/y"]
            }
        )


def test_a_service_of_a_companion_answers_at_the_same_endpoint(platform: Served) -> None:
    dynamodb = platform.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="t", Item={"id": {"S": "1"}})
    assert dynamodb.get_item(TableName="t", Key={"id": {"S": "1"}})["Item"] == {"id": {"S": "1"}}
