"""The SQS API through an SDK (which checks the digests of what it gets)."""

from __future__ import annotations

import functools
import json

import pytest
from botocore.exceptions import ClientError
from in_process import client, in_thread

from dayfly.api.registry import Registry
from dayfly.api.sqs import Sqs
from dayfly.clock import ManualClock
from dayfly.ids import SeededIds
from dayfly.queues import Queues
from dayfly.store.memory import MemoryJournal


class Behind:
    """The registry of the running test, for clients that outlive it: making a client takes long."""

    registry: Registry

    async def answer(self, request):
        return await self.registry.answer(request)


BEHIND = Behind()


@functools.cache
def sdk(service):
    return client(BEHIND, service)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def sqs(clock):
    ids = SeededIds()
    queues = Queues(journal=MemoryJournal(), clock=clock, ids=ids, endpoint="http://127.0.0.1:4566")
    BEHIND.registry = Registry({"sqs": lambda: Sqs(queues)}, clock=clock, ids=ids)
    return sdk("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName="jobs")["QueueUrl"]


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_message_goes_in_and_comes_out_with_everything(sqs, url):
    attributes = {
        "text": {"DataType": "String", "StringValue": "é"},
        "number": {"DataType": "Number.int", "StringValue": "7"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="hello 😀", MessageAttributes=attributes, MessageSystemAttributes=trace
    )
    assert "MD5OfMessageSystemAttributes" in sent
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])[
        "Messages"
    ]
    assert (message["Body"], message["MessageId"]) == ("hello 😀", sent["MessageId"])
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=1-")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    [again] = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_only_the_named_attributes_are_answered(sqs, url):
    value = {"DataType": "String", "StringValue": "x"}
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes={"a.b": value, "a.c": value, "d": value})
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["a.*"])["Messages"]
    assert set(message["MessageAttributes"]) == {"a.b", "a.c"}
    assert "Attributes" not in message


def test_batches(sqs, url):
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(9)] + [{"Id": "bad", "MessageBody": "\x01"}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert len(answer["Successful"]) == 9
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidMessageContents", True)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
    timeouts = [{**handle, "VisibilityTimeout": 60} for handle in handles]
    assert len(sqs.change_message_visibility_batch(QueueUrl=url, Entries=timeouts)["Successful"]) == 9
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=[*handles, {"Id": "x", "ReceiptHandle": "x"}])
    assert len(answer["Successful"]) == 9
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_malformed_batch_is_refused_as_a_whole(sqs, url, entries, code):
    assert code in refused(sqs.send_message_batch, QueueUrl=url, Entries=entries)[0]


def test_a_missing_queue_is_said_in_both_ways_that_sdks_know(sqs):
    code, message = refused(sqs.get_queue_url, QueueName="nothing")
    assert message.startswith("The specified queue does not exist")
    assert code in ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl="http://127.0.0.1:4566/000000000000/nothing", MessageBody="x")


def test_attributes_are_set_and_answered(sqs, url):
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7", "Policy": '{"Version": "x"}'})
    every = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert every["VisibilityTimeout"] == "7"
    assert every["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:jobs"
    assert {"CreatedTimestamp", "ApproximateNumberOfMessages", "MaximumMessageSize", "SqsManagedSseEnabled"} <= set(
        every
    )
    one = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
    assert one == {"DelaySeconds": "0"}
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Nonsense": "1"})[0] == "InvalidAttributeName"
    code, _ = refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"DelaySeconds": "901"})
    assert code == "InvalidAttributeValue"


def test_queues_are_listed_by_prefix_and_in_pages(sqs):
    for name in ("a-1", "a-2", "a-3", "b"):
        sqs.create_queue(QueueName=name)
    assert len(sqs.list_queues()["QueueUrls"]) == 4
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix="a-", PaginationConfig={"PageSize": 2}))
    assert [len(page["QueueUrls"]) for page in pages] == [2, 1]


def test_tags_and_permissions(sqs, url):
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert policy["Statement"][0]["Action"] == ["SQS:SendMessage"]
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_a_queue_is_purged_once_a_minute_and_deleted(sqs, url):
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert "PurgeQueueInProgress" in refused(sqs.purge_queue, QueueUrl=url)[0]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    assert sqs.list_queues().get("QueueUrls", []) == []


@pytest.mark.parametrize(
    "params",
    [{"MaxNumberOfMessages": 11}, {"MaxNumberOfMessages": 0}, {"WaitTimeSeconds": 21}, {"VisibilityTimeout": -1}],
)
def test_receive_parameters_out_of_range_are_refused(sqs, url, params):
    code, message = refused(sqs.receive_message, QueueUrl=url, **params)
    assert code == "InvalidParameterValue"
    assert "Must be between" in message


def test_fifo_answers_sequences_and_refuses_what_has_no_group(sqs):
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
    [message] = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    assert message["Attributes"]["MessageGroupId"] == "g"
    code, text = refused(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert (code, text) == ("MissingParameter", "The request must contain the parameter MessageGroupId.")
    assert refused(sqs.create_queue, QueueName="q", Attributes={"FifoQueue": "true"})[0] == "InvalidParameterValue"


def test_dead_letters_are_moved_back(sqs, clock):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "1"})
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.receive_message(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    [letter] = sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0, AttributeNames=["All"])["Messages"]
    assert letter["Attributes"]["DeadLetterQueueSourceArn"].endswith(":jobs")
    handle = sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]
    assert handle
    in_thread(_turns)
    [task] = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert refused(sqs.cancel_message_move_task, TaskHandle=handle)[0].endswith("UnsupportedOperation")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


async def _turns():
    import asyncio

    for _ in range(20):
        await asyncio.sleep(0)
