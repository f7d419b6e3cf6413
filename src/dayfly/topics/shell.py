"""All topics of all accounts and who listens to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.identity.names import Scope, parse_arn
from dayfly.ids import Ids
from dayfly.queues import Queues
from dayfly.store import Change, Journal
from dayfly.topics import checks
from dayfly.topics.errors import InvalidParameter, NotFound, TagLimitExceeded
from dayfly.topics.fanout import FANOUT, Fanout, Invoke, Mail, Post
from dayfly.topics.model import Draft, Known, Publication, Subscription, TopicRecord
from dayfly.topics.signing import Signer
from dayfly.work import Work

_DEDUP_MS = 300_000
_SEQUENCE_BASE = 10**19
_encode = msgspec.msgpack.encode


class _Topic:
    __slots__ = ("known", "last", "record", "subscriptions")

    def __init__(self, record: TopicRecord) -> None:
        self.record = record
        self.subscriptions: dict[str, Subscription] = {}
        self.known: dict[str, Known] = {}
        self.last = 0


class Topics:
    """The topics of a platform. `load()` builds them from the journal. Coroutines return once all is durable."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        work: Work,
        queues: Queues,
        invoke: Invoke,
        post: Post,
        mail: Mail,
        endpoint: str,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._work = work
        self._topics: dict[str, _Topic] = {}
        self._signer = Signer(clock.now_ms())
        self._fanout = Fanout(
            work=work,
            queues=queues,
            invoke=invoke,
            post=post,
            mail=mail,
            endpoint=endpoint,
            signer=self._signer,
            subscriptions_of=self._listeners,
            signature_version_of=self._signature_version,
        )

    def load(self) -> None:
        """Read everything from the journal; what was in memory is forgotten."""
        self._topics = {}
        late: list[tuple[list[str], bytes]] = []
        for key, raw in self._journal.load("sns/"):
            parts = key.split("/")
            if parts[3] == "t":
                record = msgspec.msgpack.decode(raw, type=TopicRecord)
                self._topics[record.arn] = _Topic(record)
            else:
                late.append((parts, raw))
        for parts, raw in late:
            topic = self._topics.get(Scope(parts[1], parts[2]).arn("sns", parts[4]))
            if topic is None:
                continue
            if parts[3] == "s":
                subscription = msgspec.msgpack.decode(raw, type=Subscription)
                topic.subscriptions[subscription.arn] = subscription
            else:
                known = msgspec.msgpack.decode(raw, type=Known)
                topic.known[known.key] = known
                topic.last = max(topic.last, int(known.sequence) - _SEQUENCE_BASE)

    @property
    def certificate(self) -> bytes:
        """The certificate (PEM) that verifies signatures; to be served at `/_dayfly/sns.pem`."""
        return self._signer.certificate

    async def settled(self) -> None:
        """Return once everything that look-ups have shown so far is durable."""
        await self._journal.commit(())

    def _listeners(self, topic_arn: str) -> Sequence[Subscription]:
        topic = self._topics.get(topic_arn)
        return list(topic.subscriptions.values()) if topic is not None else ()

    def _signature_version(self, topic_arn: str) -> str:
        topic = self._topics.get(topic_arn)
        return topic.record.attributes.get("SignatureVersion", "1") if topic is not None else "1"

    # -- topics ----------------------------------------------------------------------------------------------------
    def _topic(self, arn: str) -> _Topic:
        topic = self._topics.get(arn)
        if topic is None:
            if not arn.startswith("arn:") or arn.count(":") < 5:
                raise InvalidParameter("Invalid parameter: TopicArn")
            raise NotFound("Topic does not exist")
        return topic

    def topic(self, arn: str) -> TopicRecord:
        """Raises NotFound."""
        return self._topic(arn).record

    def listed(self, scope: Scope) -> Sequence[TopicRecord]:
        """The topics of a scope by name."""
        records = (topic.record for topic in self._topics.values())
        here = [record for record in records if (record.account, record.region) == tuple(scope)]
        return sorted(here, key=lambda record: record.name)

    async def create(
        self,
        scope: Scope,
        name: str,
        attributes: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> TopicRecord:
        """Make a topic, or answer the one that exists if nothing differs. Raises InvalidParameter."""
        given = dict(attributes or {})
        checks.check_topic(name, given)
        arn = scope.arn("sns", name)
        existing = self._topics.get(arn)
        if existing is not None:
            mine = existing.record.attributes
            if any(
                mine.get(key, "false" if key.startswith(("Fifo", "Content")) else "") != value
                for key, value in given.items()
            ):
                raise InvalidParameter(
                    "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
                )
            if tags and dict(tags) != existing.record.tags:
                raise InvalidParameter("Invalid parameter: Tags Reason: Topic already exists with different tags")
            await self._journal.commit(())
            return existing.record
        record = TopicRecord(
            account=scope.account, region=scope.region, name=name, arn=arn, attributes=given, tags=dict(tags or {})
        )
        self._topics[arn] = _Topic(record)
        await self._journal.commit([(_topic_key(record), _encode(record))])
        return record

    async def delete(self, arn: str) -> None:
        """Delete a topic with its subscriptions; deleting what is not there is fine."""
        topic = self._topics.pop(arn, None)
        changes: list[Change] = []
        if topic is not None:
            changes.append((_topic_key(topic.record), None))
            changes += [(_subscription_key(subscription), None) for subscription in topic.subscriptions.values()]
            changes += [(_known_key(topic.record, known), None) for known in topic.known.values()]
        await self._journal.commit(changes)

    def attributes(self, arn: str) -> dict[str, str]:
        """All attributes of a topic, the computed ones included."""
        topic = self._topic(arn)
        record = topic.record
        confirmed = sum(subscription.confirmed for subscription in topic.subscriptions.values())
        owner_only: dict[str, Any] = {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": [
                        f"SNS:{action}"
                        for action in (
                            "GetTopicAttributes",
                            "SetTopicAttributes",
                            "AddPermission",
                            "RemovePermission",
                            "DeleteTopic",
                            "Subscribe",
                            "ListSubscriptionsByTopic",
                            "Publish",
                        )
                    ],
                    "Resource": arn,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": record.account}},
                }
            ],
        }
        computed = {
            "TopicArn": arn,
            "Owner": record.account,
            "Policy": json.dumps(owner_only),
            "DisplayName": "",
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsPending": str(len(topic.subscriptions) - confirmed),
            "SubscriptionsDeleted": "0",
            "EffectiveDeliveryPolicy": json.dumps(_EFFECTIVE_POLICY),
        }
        fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "false"} if record.fifo else {}
        return computed | fifo | record.attributes

    async def set_attribute(self, arn: str, name: str, value: str) -> None:
        """Raises NotFound, InvalidParameter."""
        record = self._topic(arn).record
        if name == "FifoTopic":
            raise InvalidParameter("Invalid parameter: AttributeName")
        checks.check_topic_attribute(name, value)
        attributes = record.attributes | {name: value}
        if not value:
            del attributes[name]
        await self._keep(msgspec.structs.replace(record, attributes=attributes))

    async def tag(self, arn: str, tags: Mapping[str, str], removed: Sequence[str] = ()) -> None:
        """Add tags and take others away. Raises TagLimitExceeded above 50."""
        record = self._topic(arn).record
        merged = {name: value for name, value in record.tags.items() if name not in removed} | dict(tags)
        if len(merged) > 50:
            raise TagLimitExceeded
        await self._keep(msgspec.structs.replace(record, tags=merged))

    async def _keep(self, record: TopicRecord) -> None:
        self._topics[record.arn].record = record
        await self._journal.commit([(_topic_key(record), _encode(record))])

    # -- subscriptions ---------------------------------------------------------------------------------------------
    async def subscribe(
        self, topic_arn: str, protocol: str, endpoint: str | None, attributes: Mapping[str, str], owner: str
    ) -> Subscription:
        """Let an endpoint listen. The same endpoint twice is one subscription. HTTP and mail must confirm."""
        topic = self._topic(topic_arn)
        checks.check_subscription(protocol, endpoint, topic.record.fifo)
        assert endpoint is not None
        given = {name: value for name, value in attributes.items() if value != ""}
        checks.check_subscription_attributes(given)
        for existing in topic.subscriptions.values():
            if (existing.protocol, existing.endpoint) == (protocol, endpoint):
                if any(existing.attributes.get(name) != value for name, value in given.items()):
                    raise InvalidParameter(
                        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
                    )
                await self._journal.commit(())
                return existing
        subscription = Subscription(
            arn=f"{topic_arn}:{self._ids.uuid()}",
            topic_arn=topic_arn,
            protocol=protocol,
            endpoint=endpoint,
            owner=owner,
            token=self._ids.token(64),
            confirmed=protocol in ("sqs", "lambda"),
            attributes=given,
        )
        topic.subscriptions[subscription.arn] = subscription
        changes: list[Change] = [(_subscription_key(subscription), _encode(subscription))]
        if not subscription.confirmed:
            changes += self._fanout.confirming(subscription, self._ids.uuid(), self._clock.now_ms())
        await self._journal.commit(changes)
        return subscription

    async def confirm(self, topic_arn: str, token: str) -> Subscription:
        """What a subscriber does with the token it was sent. Raises InvalidParameter."""
        for subscription in self._topic(topic_arn).subscriptions.values():
            if subscription.token == token:
                return await self._keep_subscription(msgspec.structs.replace(subscription, confirmed=True))
        raise InvalidParameter("Invalid parameter: Token")

    def subscription(self, arn: str) -> Subscription:
        """Raises NotFound."""
        topic = self._topics.get(arn.rpartition(":")[0])
        found = topic.subscriptions.get(arn) if topic is not None else None
        if found is None:
            if arn.count(":") < 6:
                raise InvalidParameter(
                    "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements"
                )
            raise NotFound("Subscription does not exist")
        return found

    def subscriptions(self, scope: Scope, topic_arn: str | None = None) -> Sequence[Subscription]:
        """The subscriptions of a topic, or all of a scope, by ARN."""
        if topic_arn is not None:
            return sorted(self._topic(topic_arn).subscriptions.values(), key=lambda one: one.arn)
        everything = (one for topic in self._topics.values() for one in topic.subscriptions.values())
        return sorted((one for one in everything if parse_arn(one.arn).scope == scope), key=lambda one: one.arn)

    async def set_subscription_attribute(self, arn: str, name: str, value: str) -> None:
        """Raises NotFound, InvalidParameter."""
        subscription = self.subscription(arn)
        attributes = subscription.attributes | {name: value}
        checks.check_subscription_attributes(attributes)
        if value in ("", "{}") and name != "RawMessageDelivery":
            del attributes[name]
        await self._keep_subscription(msgspec.structs.replace(subscription, attributes=attributes))

    async def _keep_subscription(self, subscription: Subscription) -> Subscription:
        self._topics[subscription.topic_arn].subscriptions[subscription.arn] = subscription
        await self._journal.commit([(_subscription_key(subscription), _encode(subscription))])
        return subscription

    async def unsubscribe(self, arn: str) -> None:
        """End a subscription; one that is not there is fine."""
        topic = self._topics.get(arn.rpartition(":")[0])
        found = topic.subscriptions.pop(arn, None) if topic is not None else None
        await self._journal.commit([(_subscription_key(found), None)] if found is not None else ())

    # -- publishing ------------------------------------------------------------------------------------------------
    def publishing(self, topic_arn: str, draft: Draft) -> tuple[Publication, list[Change]]:
        """A publication as part of a larger commit. Raises NotFound, InvalidParameter."""
        topic = self._topic(topic_arn)
        texts = checks.check_publication(draft.message, draft.subject, draft.attributes, draft.structure)
        content_based = topic.record.attributes.get("ContentBasedDeduplication") == "true"
        key = checks.check_order(topic.record.fifo, draft.group, draft.dedup, content_based, draft.message)
        now_ms = self._clock.now_ms()
        changes: list[Change] = []
        message_id, sequence = self._ids.uuid(), None
        if key is not None:
            changes += self._forget(topic, now_ms)
            known = topic.known.get(key)
            sequence = known.sequence if known is not None else self._next_sequence(topic, now_ms)
            message_id = known.message_id if known is not None else message_id
        publication = Publication(
            id=message_id,
            topic_arn=topic_arn,
            message=draft.message,
            at_ms=now_ms,
            subject=draft.subject,
            by_protocol=texts,
            attributes=draft.attributes,
            group=draft.group,
            dedup=key,
            sequence=sequence,
        )
        if key is not None and sequence is not None:
            if key in topic.known:
                return publication, changes
            topic.known[key] = Known(key=key, message_id=message_id, sequence=sequence, until_ms=now_ms + _DEDUP_MS)
            changes.append((_known_key(topic.record, topic.known[key]), _encode(topic.known[key])))
        if topic.subscriptions:
            line = topic_arn if topic.record.fifo else None
            changes += self._work.put(FANOUT, _encode(publication), group=line)[1]
        return publication, changes

    def _next_sequence(self, topic: _Topic, now_ms: int) -> str:
        topic.last = max(topic.last + 1, now_ms << 20)
        return str(_SEQUENCE_BASE + topic.last)

    def _forget(self, topic: _Topic, now_ms: int) -> list[Change]:
        over = []
        for known in topic.known.values():
            if known.until_ms > now_ms:
                break
            over.append(known)
        for known in over:
            del topic.known[known.key]
        return [(_known_key(topic.record, known), None) for known in over]

    async def publish(self, topic_arn: str, draft: Draft) -> Publication:
        """Take a message for all subscribers: once this returns, it will be delivered."""
        publication, changes = self.publishing(topic_arn, draft)
        await self._journal.commit(changes)
        return publication

    async def publish_all(self, topic_arn: str, drafts: Sequence[Draft]) -> Sequence[Publication | Error]:
        """Several messages in one commit; each succeeds or fails for itself."""
        self._topic(topic_arn)
        results: list[Publication | Error] = []
        changes: list[Change] = []
        for draft in drafts:
            try:
                publication, made = self.publishing(topic_arn, draft)
            except Error as error:
                results.append(error)
            else:
                results.append(publication)
                changes += made
        await self._journal.commit(changes)
        return results


_EFFECTIVE_POLICY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
    }
}


def _topic_key(record: TopicRecord) -> str:
    return f"sns/{record.account}/{record.region}/t/{record.name}"


def _subscription_key(subscription: Subscription) -> str:
    place = parse_arn(subscription.topic_arn)
    name = subscription.arn.rpartition(":")[2]
    return f"sns/{place.account}/{place.region}/s/{place.resource}/{name}"


def _known_key(record: TopicRecord, known: Known) -> str:
    return f"sns/{record.account}/{record.region}/d/{record.name}/{known.sequence}"
