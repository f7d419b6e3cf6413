"""Topics with their follow-up work and queues, in one process."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from dayfly.clock import ManualClock
from dayfly.errors import Unsupported
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.queues import Attachment, Queues
from dayfly.store.memory import MemoryJournal
from dayfly.topics import Draft, Topics, errors
from dayfly.work import Work

HERE = Scope("000000000000", "us-east-1")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


class World:
    def __init__(self):
        self.clock, self.ids, self.journal = ManualClock(), SeededIds(), MemoryJournal()
        self.invoked, self.posted, self.mails, self.statuses = [], [], [], []
        self.open()

    def open(self):
        shared = {"journal": self.journal, "clock": self.clock, "ids": self.ids}
        self.work = Work(**shared)
        self.queues = Queues(**shared, endpoint="http://here")
        self.topics = Topics(
            **shared,
            work=self.work,
            queues=self.queues,
            invoke=self.invoke,
            post=self.post,
            mail=self.mail,
            endpoint="http://here",
        )
        for part in (self.work, self.queues, self.topics):
            part.load()
        self.work.start()

    async def invoke(self, arn, payload, source):
        self.invoked.append((arn, json.loads(payload)))
        return [("invoked/1", payload)]

    async def post(self, url, headers, body):
        self.posted.append((url, headers, body.decode()))
        return self.statuses.pop(0) if self.statuses else 200

    async def mail(self, to, subject, text):
        self.mails.append((to, subject, text))

    async def queue(self, name, **attributes):
        return (await self.queues.create(HERE, name, attributes)).arn

    async def received(self, arn):
        await turns()
        return [delivery.message for delivery in await self.queues.receive(arn, most=10)]


async def turns(count=60):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.work.stop(1)


async def test_a_message_reaches_queues_in_an_envelope_or_raw(world):
    topic = await world.topics.create(HERE, "news")
    plain, raw = await world.queue("plain"), await world.queue("raw")
    await world.topics.subscribe(topic.arn, "sqs", plain, {}, HERE.account)
    await world.topics.subscribe(topic.arn, "sqs", raw, {"RawMessageDelivery": "true"}, HERE.account)
    attributes = {"kind": Attachment("String", "x")}
    publication = await world.topics.publish(topic.arn, Draft(message="hello", subject="s", attributes=attributes))
    [message] = await world.received(plain)
    document = json.loads(message.body)
    assert document["Type"] == "Notification"
    assert (document["Message"], document["Subject"], document["MessageId"]) == ("hello", "s", publication.id)
    assert document["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}
    [message] = await world.received(raw)
    assert (message.body, message.attributes) == ("hello", attributes)


async def test_a_function_gets_the_event_that_aws_sends(world):
    # https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    topic = await world.topics.create(HERE, "news")
    subscription = await world.topics.subscribe(topic.arn, "lambda", FUNCTION, {}, HERE.account)
    await world.topics.publish(topic.arn, Draft(message="hello"))
    await turns()
    [(arn, event)] = world.invoked
    [record] = event["Records"]
    assert arn == FUNCTION
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == subscription.arn
    assert record["Sns"]["Message"] == "hello"
    assert set(record["Sns"]) == {
        *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"),
        *("SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"),
    }
    assert "invoked/1" in world.journal.records


async def test_filters_on_attributes_and_on_the_body_decide_who_gets_a_message(world):
    topic = await world.topics.create(HERE, "news")
    by_attribute, by_body = await world.queue("a"), await world.queue("b")
    policy = {"FilterPolicy": '{"kind": ["x"]}'}
    await world.topics.subscribe(topic.arn, "sqs", by_attribute, policy, HERE.account)
    policy = {"FilterPolicy": '{"a": {"b": [1]}}', "FilterPolicyScope": "MessageBody"}
    await world.topics.subscribe(topic.arn, "sqs", by_body, policy, HERE.account)
    await world.topics.publish(topic.arn, Draft(message="no json", attributes={"kind": Attachment("String", "x")}))
    await world.topics.publish(topic.arn, Draft(message='{"a": {"b": 1}}'))
    assert len(await world.received(by_attribute)) == 1
    assert len(await world.received(by_body)) == 1


async def test_what_was_published_before_a_crash_is_delivered_once_after_it(world):
    topic = await world.topics.create(HERE, "news")
    queue = await world.queue("q")
    await world.topics.subscribe(topic.arn, "sqs", queue, {}, HERE.account)
    await world.work.stop(0)
    await world.topics.publish(topic.arn, Draft(message="hello"))
    world.journal = MemoryJournal(dict(world.journal.records))
    world.open()
    assert len(await world.received(queue)) == 1
    assert not [key for key in world.journal.records if key.startswith("work/")]


async def test_a_web_hook_confirms_and_then_gets_signed_messages(world):
    topic = await world.topics.create(HERE, "news")
    subscription = await world.topics.subscribe(topic.arn, "http", "http://hook/x", {}, HERE.account)
    await turns()
    [(url, headers, body)] = world.posted
    asked = json.loads(body)
    assert (url, headers["x-amz-sns-message-type"]) == ("http://hook/x", "SubscriptionConfirmation")
    assert f"Token={asked['Token']}" in asked["SubscribeURL"]
    await world.topics.publish(topic.arn, Draft(message="too early"))
    await turns()
    assert len(world.posted) == 1
    assert (await world.topics.confirm(topic.arn, asked["Token"])).arn == subscription.arn
    await world.topics.publish(topic.arn, Draft(message="hello"))
    await turns()
    document = json.loads(world.posted[-1][2])
    text = "".join(f"{name}\n{document[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
    certificate = x509.load_pem_x509_certificate(world.topics.certificate)
    signature = base64.b64decode(document["Signature"])
    certificate.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA1())


async def test_a_web_hook_that_fails_is_tried_again_and_then_its_message_is_a_dead_letter(world):
    topic, dead = await world.topics.create(HERE, "news"), await world.queue("dead")
    given = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    subscription = await world.topics.subscribe(topic.arn, "https", "https://hook/x", given, HERE.account)
    await world.topics.confirm(topic.arn, subscription.token)
    await turns()
    world.posted.clear()
    world.statuses = [500, 500, 500, 500]
    await world.topics.publish(topic.arn, Draft(message="hello"))
    for _ in range(4):
        await turns()
        world.clock.advance(20)
    assert len(world.posted) == 4
    [letter] = await world.received(dead)
    assert json.loads(letter.body)["Message"] == "hello"


async def test_a_queue_that_is_gone_sends_the_message_to_the_dead_letters(world):
    topic, queue, dead = await world.topics.create(HERE, "news"), await world.queue("q"), await world.queue("dead")
    given = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    await world.topics.subscribe(topic.arn, "sqs", queue, given, HERE.account)
    await world.queues.delete_queue(world.queues.by_arn(queue))
    await world.topics.publish(topic.arn, Draft(message="hello"))
    assert len(await world.received(dead)) == 1


async def test_mail_goes_through_the_door_for_it(world):
    topic = await world.topics.create(HERE, "news")
    subscription = await world.topics.subscribe(topic.arn, "email", "a@b.example", {}, HERE.account)
    await turns()
    assert subscription.token in world.mails[0][2]
    await world.topics.confirm(topic.arn, subscription.token)
    await world.topics.publish(topic.arn, Draft(message="hello", subject="News"))
    await turns()
    assert world.mails[1] == ("a@b.example", "News", "hello")


async def test_a_fifo_topic_keeps_the_order_and_drops_duplicates(world):
    topic = await world.topics.create(HERE, "n.fifo", {"FifoTopic": "true"})
    queue = await world.queue("q.fifo", FifoQueue="true")
    await world.topics.subscribe(topic.arn, "sqs", queue, {"RawMessageDelivery": "true"}, HERE.account)
    first = await world.topics.publish(topic.arn, Draft(message="1", group="g", dedup="1"))
    again = await world.topics.publish(topic.arn, Draft(message="1", group="g", dedup="1"))
    await world.topics.publish(topic.arn, Draft(message="2", group="g", dedup="2"))
    assert (first.id, first.sequence) == (again.id, again.sequence)
    assert [message.body for message in await world.received(queue)] == ["1", "2"]


async def test_a_structured_message_has_a_text_for_each_protocol(world):
    topic, queue = await world.topics.create(HERE, "news"), await world.queue("q")
    await world.topics.subscribe(topic.arn, "sqs", queue, {"RawMessageDelivery": "true"}, HERE.account)
    await world.topics.subscribe(topic.arn, "lambda", FUNCTION, {}, HERE.account)
    await world.topics.publish(topic.arn, Draft(message='{"default": "all", "sqs": "queues"}', structure="json"))
    assert [message.body for message in await world.received(queue)] == ["queues"]
    assert world.invoked[0][1]["Records"][0]["Sns"]["Message"] == "all"


@pytest.mark.parametrize(
    ("protocol", "endpoint", "error"),
    [
        ("sms", "+1", Unsupported),
        ("application", "arn:aws:sns:x", Unsupported),
        ("pigeon", "x", errors.InvalidParameter),
        ("sqs", "http://x", errors.InvalidParameter),
        ("http", "https://x", errors.InvalidParameter),
        ("sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo", errors.InvalidParameter),
    ],
)
async def test_subscriptions_that_cannot_work_are_refused(world, protocol, endpoint, error):
    topic = await world.topics.create(HERE, "news")
    with pytest.raises(error):
        await world.topics.subscribe(topic.arn, protocol, endpoint, {}, HERE.account)


async def test_all_is_there_after_a_restart_and_gone_when_deleted(world):
    topic = await world.topics.create(HERE, "news", {"DisplayName": "News"}, {"team": "a"})
    await world.topics.subscribe(topic.arn, "lambda", FUNCTION, {}, HERE.account)
    world.topics.load()
    assert world.topics.attributes(topic.arn)["SubscriptionsConfirmed"] == "1"
    assert world.topics.topic(topic.arn).tags == {"team": "a"}
    await world.topics.delete(topic.arn)
    assert world.journal.records == {}
    with pytest.raises(errors.NotFound):
        await world.topics.publish(topic.arn, Draft(message="x"))
