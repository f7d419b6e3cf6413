"""The records of topics. Times are milliseconds since the epoch."""

from __future__ import annotations

import msgspec

from dayfly.queues import Attachment


class TopicRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A topic without its subscriptions; `attributes` as SNS names and spells them."""

    account: str
    region: str
    name: str
    arn: str
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber. Until it is confirmed it gets nothing; `token` confirms it."""

    arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    owner: str
    token: str
    confirmed: bool = True
    attributes: dict[str, str] = {}

    @property
    def raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery", "false") == "true"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to publish. `structure` is `json` where the message has a text for each protocol."""

    message: str
    subject: str | None = None
    structure: str | None = None
    attributes: dict[str, Attachment] = {}
    group: str | None = None
    dedup: str | None = None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One published message. `by_protocol` has the texts of a message with MessageStructure `json`."""

    id: str
    topic_arn: str
    message: str
    at_ms: int
    subject: str | None = None
    by_protocol: dict[str, str] | None = None
    attributes: dict[str, Attachment] = {}
    group: str | None = None
    dedup: str | None = None
    sequence: str | None = None

    def text_for(self, protocol: str) -> str:
        if self.by_protocol is None:
            return self.message
        return self.by_protocol.get(protocol, self.by_protocol["default"])


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery over HTTP or by mail, as follow-up work."""

    subscription_arn: str
    protocol: str
    endpoint: str
    kind: str
    """`Notification`, `SubscriptionConfirmation` or `UnsubscribeConfirmation`."""
    message_id: str
    topic_arn: str
    body: str
    raw: bool = False
    subject: str | None = None
    dead_letters: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A deduplication id of a FIFO topic."""

    key: str
    message_id: str
    sequence: str
    until_ms: int
