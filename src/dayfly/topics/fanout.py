"""Delivering what was published.

One item of work is one publication. Deliveries to queues and functions are made in one synchronous step and committed
together with the item's completion. Deliveries over HTTP and by mail may take long and fail: each becomes an item of
its own in that same commit, with AWS's retries (three, 20 seconds apart) and the subscription's dead-letter queue.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from dayfly.errors import Error
from dayfly.queues import Queues
from dayfly.queues.errors import QueueDoesNotExist
from dayfly.store import Change, Changes
from dayfly.topics import envelope
from dayfly.topics.checks import dead_letters_of
from dayfly.topics.model import Posting, Publication, Subscription
from dayfly.topics.patterns import Matcher, compile_policy, document_of
from dayfly.topics.signing import Signer
from dayfly.work import Item, RetryPolicy, Work

Invoke = Callable[[str, bytes, str], Awaitable[Changes]]
"""(function ARN, payload, source): takes an event for a function; answers the changes that make it durable. It must not
give way to the loop, so that these changes are committed in the step in which they were made."""
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""(URL, headers, body) → HTTP status. Raises Error or OSError where there is no answer."""
Mail = Callable[[str, str, str], Awaitable[None]]
"""(to, subject, text)."""

_SENDER = "AIDAISMY7JYY5F7RTT6AO"
"""The SenderId of messages that a topic puts into a queue: SNS's own, not the publisher's."""
FANOUT, POSTING = "sns-publication", "sns-posting"


class NotTaken(Error):
    """The subscriber did not take the message."""


class Fanout:
    """Runs publications and postings. `subscriptions_of` knows who listens to a topic."""

    def __init__(
        self,
        *,
        work: Work,
        queues: Queues,
        invoke: Invoke,
        post: Post,
        mail: Mail,
        endpoint: str,
        signer: Signer,
        subscriptions_of: Callable[[str], Sequence[Subscription]],
        signature_version_of: Callable[[str], str],
    ) -> None:
        self._work = work
        self._queues = queues
        self._invoke = invoke
        self._post = post
        self._mail = mail
        self._endpoint = endpoint
        self._signer = signer
        self._subscriptions_of = subscriptions_of
        self._signature_version_of = signature_version_of
        self._matchers: dict[tuple[str, str], Matcher] = {}
        retry = RetryPolicy(delays_ms=(20_000,), attempts=4, exhausted=self._given_up)
        work.handle(FANOUT, self.run)
        work.handle(POSTING, self.run_posting, retry=retry)

    async def run(self, item: Item) -> Changes:
        """Deliver one publication to all whom its topic's filters let it reach."""
        publication = msgspec.msgpack.decode(item.payload, type=Publication)
        changes: list[Change] = []
        for subscription in self._subscriptions_of(publication.topic_arn):
            if subscription.confirmed and self._wants(subscription, publication):
                changes += await self._deliver(subscription, publication)
        return changes

    def _wants(self, subscription: Subscription, publication: Publication) -> bool:
        policy = subscription.attributes.get("FilterPolicy")
        if not policy or policy == "{}":
            return True
        scope = subscription.attributes.get("FilterPolicyScope", "MessageAttributes")
        matcher = self._matchers.get((policy, scope))
        if matcher is None:
            if len(self._matchers) > 10_000:
                self._matchers.clear()
            matcher = self._matchers[policy, scope] = compile_policy(policy, scope)
        if scope == "MessageAttributes":
            return matcher(document_of(publication.attributes))
        try:
            return matcher(json.loads(publication.text_for(subscription.protocol)))
        except ValueError:
            return False

    async def _deliver(self, subscription: Subscription, publication: Publication) -> Changes:
        dead_letters = dead_letters_of(subscription.attributes.get("RedrivePolicy"))
        try:
            if subscription.protocol == "sqs":
                return self._to_queue(subscription.endpoint, subscription, publication)
            if subscription.protocol == "lambda":
                event = envelope.lambda_event(publication, subscription, self._endpoint)
                return await self._invoke(subscription.endpoint, event, "sns")
        except Error:
            # The subscriber is gone or refuses the message: AWS does not retry such client errors.
            if dead_letters is None:
                return ()
            try:
                return self._to_queue(dead_letters, subscription, publication)
            except QueueDoesNotExist:
                return ()
        return self._work.put(POSTING, msgspec.msgpack.encode(self._posting(subscription, publication, dead_letters)))[
            1
        ]

    def _to_queue(self, queue_arn: str, subscription: Subscription, publication: Publication) -> Changes:
        if subscription.raw:
            body, attributes = publication.text_for(subscription.protocol), dict(publication.attributes)
        else:
            document = envelope.notification(publication, subscription, self._endpoint)
            body, attributes = json.dumps(document, ensure_ascii=False), {}
        if len(attributes) > 10:
            raise NotTaken("Raw delivery to a queue takes at most ten message attributes.")
        return self._queues.sending(
            queue_arn,
            body,
            attributes,
            group=publication.group,
            dedup=publication.dedup,
            sender=_SENDER,
        )[1]

    def _posting(self, subscription: Subscription, publication: Publication, dead_letters: str | None) -> Posting:
        raw = subscription.raw and subscription.protocol in ("http", "https")
        text = publication.text_for(subscription.protocol)
        document: Any = text
        if not raw and subscription.protocol != "email":
            document = envelope.notification(publication, subscription, self._endpoint)
            if subscription.protocol in ("http", "https"):
                document = self._signer.sign(document, self._signature_version_of(publication.topic_arn))
        return Posting(
            subscription_arn=subscription.arn,
            protocol=subscription.protocol,
            endpoint=subscription.endpoint,
            kind="Notification",
            message_id=publication.id,
            topic_arn=publication.topic_arn,
            body=document if isinstance(document, str) else json.dumps(document, ensure_ascii=False),
            raw=raw,
            subject=publication.subject,
            dead_letters=dead_letters,
        )

    def confirming(self, subscription: Subscription, message_id: str, at_ms: int) -> Changes:
        """The work of asking a subscriber to confirm; commit it with the subscription."""
        document = envelope.confirmation(subscription, message_id, at_ms, self._endpoint)
        if subscription.protocol in ("http", "https"):
            document = self._signer.sign(document, self._signature_version_of(subscription.topic_arn))
        body = document["Message"] + "\n\n" + document["SubscribeURL"] if subscription.protocol == "email" else None
        posting = Posting(
            subscription_arn="PendingConfirmation",
            protocol=subscription.protocol,
            endpoint=subscription.endpoint,
            kind="SubscriptionConfirmation",
            message_id=message_id,
            topic_arn=subscription.topic_arn,
            body=body or json.dumps(document),
            subject="AWS Notification - Subscription Confirmation",
        )
        return self._work.put(POSTING, msgspec.msgpack.encode(posting))[1]

    async def run_posting(self, item: Item) -> None:
        """Deliver over HTTP or by mail. Raises NotTaken, which lets the work queue try again."""
        posting = msgspec.msgpack.decode(item.payload, type=Posting)
        if posting.protocol.startswith("email"):
            await self._mail(posting.endpoint, posting.subject or "AWS Notification Message", posting.body)
            return
        headers = {
            "content-type": "text/plain; charset=UTF-8",
            "user-agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": posting.kind,
            "x-amz-sns-message-id": posting.message_id,
            "x-amz-sns-topic-arn": posting.topic_arn,
        }
        if posting.kind == "Notification":
            headers["x-amz-sns-subscription-arn"] = posting.subscription_arn
        if posting.raw:
            headers["x-amz-sns-rawdelivery"] = "true"
        status = await self._post(posting.endpoint, headers, posting.body.encode())
        if not 200 <= status < 300:
            raise NotTaken(f"{posting.endpoint} answered {status}.")

    def _given_up(self, item: Item, error: BaseException) -> Changes:
        posting = msgspec.msgpack.decode(item.payload, type=Posting)
        if posting.dead_letters is None:
            return ()
        try:
            return self._queues.sending(posting.dead_letters, posting.body)[1]
        except QueueDoesNotExist:
            return ()
