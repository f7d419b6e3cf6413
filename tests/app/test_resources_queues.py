"""The CloudFormation resources of queues, topics and subscriptions, through the APIs they call."""

from __future__ import annotations

import json

import pytest

from dayfly.api.registry import Registry
from dayfly.api.sns import Sns
from dayfly.api.sqs import Sqs
from dayfly.app.resources import Replace, Site, sns, sqs
from dayfly.clock import ManualClock
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.queues import Queues
from dayfly.store.memory import MemoryJournal
from dayfly.topics import Topics
from dayfly.work import Work

HERE = Scope("000000000000", "us-east-1")


async def _nothing(*_):
    return ()


@pytest.fixture
def site():
    shared = {"journal": MemoryJournal(), "clock": ManualClock(), "ids": SeededIds()}
    queues = Queues(**shared, endpoint="http://here")
    doors = {"invoke": _nothing, "post": _nothing, "mail": _nothing}
    topics = Topics(**shared, work=Work(**shared), queues=queues, **doors, endpoint="http://here")
    registry = Registry(
        {"sqs": lambda: Sqs(queues), "sns": lambda: Sns(topics)}, clock=shared["clock"], ids=shared["ids"]
    )
    return Site(
        caller=Caller(scope=HERE), stack="orders-dev", stack_id="id", call=registry.call, endpoint="http://here"
    )


async def attributes_of(site, url):
    return (await site.do("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]))["Attributes"]


async def test_the_ref_of_a_queue_is_its_url(site):
    kind = sqs.TYPES["AWS::SQS::Queue"]
    made = await kind.create(site, "Jobs", {"QueueName": "jobs", "VisibilityTimeout": 60, "FifoQueue": False})
    assert made.id == "http://here/000000000000/jobs"
    assert made.attributes == {
        "Arn": "arn:aws:sqs:us-east-1:000000000000:jobs",
        "QueueName": "jobs",
        "QueueUrl": made.id,
    }
    assert (await attributes_of(site, made.id))["VisibilityTimeout"] == "60"


async def test_a_queue_without_a_name_is_named_after_its_stack(site):
    made = await sqs.TYPES["AWS::SQS::Queue"].create(site, "Jobs", {"FifoQueue": "true"})
    name = made.attributes["QueueName"]
    assert name.startswith("orders-dev-Jobs-")
    assert name.endswith(".fifo")


async def test_a_queue_is_changed_in_place_and_replaced_when_renamed(site):
    kind = sqs.TYPES["AWS::SQS::Queue"]
    dead = await kind.create(site, "Dead", {"QueueName": "dead"})
    before = {"QueueName": "jobs", "DelaySeconds": 5, "Tags": [{"Key": "a", "Value": "1"}]}
    made = await kind.create(site, "Jobs", before)
    policy = {"deadLetterTargetArn": dead.attributes["Arn"], "maxReceiveCount": 3}
    after = {"QueueName": "jobs", "RedrivePolicy": policy, "Tags": [{"Key": "b", "Value": "2"}]}
    assert await kind.update(site, made, before, after, "Jobs") == made
    shown = await attributes_of(site, made.id)
    assert shown["DelaySeconds"] == "0"
    assert json.loads(shown["RedrivePolicy"]) == policy
    assert (await site.do("sqs", "ListQueueTags", QueueUrl=made.id))["Tags"] == {"b": "2"}
    for change in ({"QueueName": "other"}, {"FifoQueue": True}):
        with pytest.raises(Replace):
            await kind.update(site, made, after, after | change, "Jobs")


async def test_deleting_what_is_gone_already_is_fine(site):
    kind = sqs.TYPES["AWS::SQS::Queue"]
    made = await kind.create(site, "Jobs", {})
    await kind.delete(site, made, {})
    await kind.delete(site, made, {})
    policy = {"Queues": [made.id], "PolicyDocument": {}}
    await sqs.TYPES["AWS::SQS::QueuePolicy"].delete(site, made, policy)


async def test_policies_are_set_and_taken_away(site):
    queue = await sqs.TYPES["AWS::SQS::Queue"].create(site, "Jobs", {})
    properties = {"Queues": [queue.id], "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    kind = sqs.TYPES["AWS::SQS::QueuePolicy"]
    made = await kind.create(site, "Policy", properties)
    assert json.loads((await attributes_of(site, queue.id))["Policy"]) == properties["PolicyDocument"]
    await kind.delete(site, made, properties)
    assert "Policy" not in await attributes_of(site, queue.id)


async def test_a_topic_with_subscriptions_inside_follows_its_template(site):
    queue = await sqs.TYPES["AWS::SQS::Queue"].create(site, "Jobs", {"QueueName": "jobs"})
    kind = sns.TYPES["AWS::SNS::Topic"]
    inline = [{"Protocol": "sqs", "Endpoint": queue.attributes["Arn"]}]
    before = {"TopicName": "news", "Subscription": inline}
    made = await kind.create(site, "News", before)
    assert made.id == "arn:aws:sns:us-east-1:000000000000:news"
    assert made.attributes == {"TopicArn": made.id, "TopicName": "news"}
    assert len((await site.do("sns", "ListSubscriptions"))["Subscriptions"]) == 1
    after = {"TopicName": "news", "DisplayName": "News"}
    await kind.update(site, made, before, after, "News")
    assert (await site.do("sns", "ListSubscriptions"))["Subscriptions"] == []
    shown = (await site.do("sns", "GetTopicAttributes", TopicArn=made.id))["Attributes"]
    assert shown["DisplayName"] == "News"
    with pytest.raises(Replace):
        await kind.update(site, made, after, {"TopicName": "other"}, "News")
    await kind.delete(site, made, after)


async def test_a_subscription_is_changed_in_place_and_replaced_for_another_endpoint(site):
    topic = await sns.TYPES["AWS::SNS::Topic"].create(site, "News", {})
    kind = sns.TYPES["AWS::SNS::Subscription"]
    before = {"TopicArn": topic.id, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:jobs"}
    made = await kind.create(site, "Sub", before | {"FilterPolicy": {"a": ["b"]}, "RawMessageDelivery": True})
    after = before | {"FilterPolicy": {"a": ["c"]}}
    await kind.update(site, made, before | {"FilterPolicy": {"a": ["b"]}, "RawMessageDelivery": True}, after, "Sub")
    shown = (await site.do("sns", "GetSubscriptionAttributes", SubscriptionArn=made.id))["Attributes"]
    assert (json.loads(shown["FilterPolicy"]), shown["RawMessageDelivery"]) == ({"a": ["c"]}, "false")
    with pytest.raises(Replace):
        await kind.update(site, made, after, after | {"Endpoint": "arn:aws:sqs:us-east-1:000000000000:x"}, "Sub")
    await kind.delete(site, made, after)
    assert (await site.do("sns", "ListSubscriptions"))["Subscriptions"] == []
