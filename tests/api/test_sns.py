"""The SNS API through an SDK."""

from __future__ import annotations

import functools
import json

import pytest
from botocore.exceptions import ClientError
from in_process import client, in_thread

from dayfly.api.registry import Registry
from dayfly.api.sns import Sns
from dayfly.api.sqs import Sqs
from dayfly.clock import ManualClock
from dayfly.ids import SeededIds
from dayfly.queues import Queues
from dayfly.store.memory import MemoryJournal
from dayfly.topics import Topics
from dayfly.work import Work


class Behind:
    """The registry of the running test, for clients that outlive it: making a client takes long."""

    registry: Registry

    async def answer(self, request):
        return await self.registry.answer(request)


BEHIND = Behind()


@functools.cache
def sdk(service):
    return client(BEHIND, service)


async def _nothing(*_):
    return ()


@pytest.fixture
def world():
    shared = {"journal": MemoryJournal(), "clock": ManualClock(), "ids": SeededIds()}
    work, queues = Work(**shared), Queues(**shared, endpoint="http://here")
    doors = {"invoke": _nothing, "post": _nothing, "mail": _nothing}
    topics = Topics(**shared, work=work, queues=queues, **doors, endpoint="http://here")
    BEHIND.registry = Registry(
        {"sqs": lambda: Sqs(queues), "sns": lambda: Sns(topics)}, clock=shared["clock"], ids=shared["ids"]
    )

    async def start():
        work.load()
        work.start()

    in_thread(start)
    yield sdk("sns"), sdk("sqs")
    in_thread(lambda: work.stop(1))


@pytest.fixture
def sns(world):
    return world[0]


@pytest.fixture
def topic(sns):
    return sns.create_topic(Name="news")["TopicArn"]


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"]


def test_a_published_message_is_received_from_a_subscribed_queue(world, topic):
    sns, sqs = world
    url = sqs.create_queue(QueueName="q", Attributes={"ReceiveMessageWaitTimeSeconds": "20"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"RawMessageDelivery": "true", "FilterPolicy": '{"kind": ["x"]}'}
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)["SubscriptionArn"]
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (shown["RawMessageDelivery"], shown["FilterPolicyScope"]) == ("true", "MessageAttributes")
    sns.publish(TopicArn=topic, Message="not wanted")
    attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
    answer = sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[{"Id": "1", "Message": "wanted", "MessageAttributes": attributes}],
    )
    assert len(answer["Successful"]) == 1
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert (message["Body"], message["MessageAttributes"]) == ("wanted", attributes)
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    sns.publish(TopicArn=topic, Message="hi", MessageAttributes=attributes)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "hi"
    sns.unsubscribe(SubscriptionArn=subscription)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_topics_have_attributes_tags_and_permissions(sns, topic):
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="News")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (shown["DisplayName"], shown["TopicArn"], shown["SubscriptionsConfirmed"]) == ("News", topic, "0")
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "1"}])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "1"}]
    sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == []
    sns.add_permission(TopicArn=topic, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    assert '"Sid": "l"' in sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    sns.remove_permission(TopicArn=topic, Label="l")
    sns.delete_topic(TopicArn=topic)
    assert sns.list_topics()["Topics"] == []


def test_topics_are_listed_in_pages_of_a_hundred(sns):
    for number in range(101):
        sns.create_topic(Name=f"t{number}")
    assert [len(page["Topics"]) for page in sns.get_paginator("list_topics").paginate()] == [100, 1]


def test_a_web_hook_is_pending_until_it_is_confirmed(sns, topic):
    answer = sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://hook/")
    assert answer["SubscriptionArn"] == "pending confirmation"
    [listed] = sns.list_subscriptions()["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert refused(sns.confirm_subscription, TopicArn=topic, Token="wrong") == "InvalidParameter"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"TopicArn": "arn:aws:sns:eu-west-1:000000000000:gone", "Message": "x"}, "NotFound"),
        ({"TopicArn": "gone", "Message": "x"}, "InvalidParameter"),
        ({"Message": "x"}, "InvalidParameter"),
        ({"Message": ""}, "InvalidParameter"),
        ({"Message": "x", "Subject": "a" * 101}, "InvalidParameter"),
        ({"Message": "x", "Subject": "a\nb"}, "InvalidParameter"),
        ({"Message": "x" * 262_145}, "InvalidParameter"),
        ({"Message": "x", "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": '{"sqs": "x"}', "MessageStructure": "json"}, "InvalidParameter"),
        (
            {"Message": "x", "MessageAttributes": {"a": {"DataType": "Nonsense", "StringValue": "x"}}},
            "InvalidParameter",
        ),
        ({"Message": "x", "MessageDeduplicationId": "1"}, "InvalidParameter"),
    ],
)
def test_publications_that_sns_refuses_are_refused(sns, topic, params, code):
    if "TopicArn" not in params and params != {"Message": "x"}:
        params = {"TopicArn": topic} | params
    assert refused(sns.publish, **params) == code


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([{"Id": str(n), "Message": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "Message": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "Message": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "Message": "x" * 200_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_malformed_batches_are_refused(sns, topic, entries, code):
    assert refused(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries) == code


def test_what_needs_a_telephone_network_is_refused_by_name(sns, topic):
    with pytest.raises(ClientError, match="text messages"):
        sns.publish(PhoneNumber="+15550100", Message="x")
