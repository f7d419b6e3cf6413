"""A queue's attributes: names, defaults, what values are allowed, and what they mean to the state machine.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.queues.errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue

MAX_SIZE = 1_048_576
_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, MAX_SIZE),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": str(MAX_SIZE),
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "SqsManagedSseEnabled": "true",
}
_FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
_WORDS = {
    "ContentBasedDeduplication": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_ERASABLE = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")
COMPUTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)
NAMES = frozenset((*_RANGES, *_WORDS, *_ERASABLE, *COMPUTED, "FifoQueue"))
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")


class Redrive(msgspec.Struct, frozen=True, kw_only=True):
    """After this many receives a message goes to that queue."""

    target: str
    most: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes as the state machine needs them."""

    fifo: bool
    delay_ms: int
    visibility_ms: int
    retention_ms: int
    wait_s: int
    largest: int
    dedup_content: bool = False
    dedup_per_group: bool = False
    redrive: Redrive | None = None


def check_name(name: str, *, fifo: bool) -> None:
    """Raises InvalidParameterValue."""
    stem = name.removesuffix(".fifo") if fifo else name
    if len(name) > 80 or not _NAME.match(stem) or (fifo and not name.endswith(".fifo")):
        if fifo and not name.endswith(".fifo"):
            raise InvalidParameterValue(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                "underscores, must end with .fifo suffix and be 1 to 80 in length."
            )
        raise InvalidParameterValue(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a new queue, checked, with defaults. Raises InvalidAttributeName/Value."""
    fifo = given.get("FifoQueue")
    if fifo is not None and fifo != "true":
        raise InvalidAttributeValue("Invalid value for the parameter FifoQueue. Reason: FifoQueue can only be true.")
    defaults = _DEFAULTS | (_FIFO_DEFAULTS if fifo else {})
    changed = changes(given, fifo=fifo is not None)
    return defaults | {name: value for name, value in changed.items() if value}


def changes(given: Mapping[str, str], *, fifo: bool) -> dict[str, str]:
    """Check attributes that are to be set; '' takes one away."""
    for name, value in given.items():
        _check_one(name, value, fifo)
    return dict(given)


def _check_one(name: str, value: str, fifo: bool) -> None:
    if name not in NAMES or name in COMPUTED:
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    if not fifo and (name in _FIFO_DEFAULTS):
        raise InvalidAttributeName(
            f"You can specify the {name} only when FifoQueue is set to true."
            if name != "FifoQueue"
            else "You cannot change the type of an existing queue."
        )
    if name in _RANGES:
        low, high = _RANGES[name]
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    elif name in _WORDS:
        if value not in _WORDS[name]:
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    elif name == "RedrivePolicy" and value:
        redrive_of(value)
    elif name == "RedriveAllowPolicy" and value:
        _check_allow(value)
    elif name == "Policy" and value:
        _document(name, value)


def _document(name: str, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return document


def redrive_of(text: str) -> Redrive:
    """A RedrivePolicy read. Raises InvalidParameterValue."""
    document = _document("RedrivePolicy", text)
    target, most = document.get("deadLetterTargetArn"), document.get("maxReceiveCount")
    if target is None or most is None:
        raise InvalidParameterValue.of(
            text,
            "RedrivePolicy",
            "Redrive policy does not contain mandatory attribute: "
            + ("deadLetterTargetArn." if target is None else "maxReceiveCount."),
        )
    if isinstance(most, bool) or not str(most).isdigit() or not 1 <= int(most) <= 1000:
        raise InvalidParameterValue.of(
            text,
            "RedrivePolicy",
            f"Invalid value for maxReceiveCount: {most}, valid values are from 1 to 1000 both inclusive.",
        )
    if not isinstance(target, str) or target.count(":") != 5:
        raise InvalidParameterValue.of(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
    return Redrive(target=target, most=int(most))


def _check_allow(text: str) -> None:
    document = _document("RedriveAllowPolicy", text)
    permission = document.get("redrivePermission", "allowAll")
    sources = document.get("sourceQueueArns")
    listed = isinstance(sources, list) and 1 <= len(sources) <= 10
    if permission not in ("allowAll", "denyAll", "byQueue") or (permission == "byQueue") is not listed:
        raise InvalidParameterValue.of(text, "RedriveAllowPolicy", "Amazon SQS can't create the redrive allow policy.")


def may_redrive(allow_policy: str | None, source_arn: str) -> bool:
    """Whether a dead-letter queue with this RedriveAllowPolicy takes messages of that source queue."""
    if not allow_policy:
        return True
    document = json.loads(allow_policy)
    permission = document.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in document["sourceQueueArns"])


def settings_of(attributes: Mapping[str, str]) -> Settings:
    policy = attributes.get("RedrivePolicy")
    return Settings(
        fifo=attributes.get("FifoQueue") == "true",
        delay_ms=int(attributes["DelaySeconds"]) * 1000,
        visibility_ms=int(attributes["VisibilityTimeout"]) * 1000,
        retention_ms=int(attributes["MessageRetentionPeriod"]) * 1000,
        wait_s=int(attributes["ReceiveMessageWaitTimeSeconds"]),
        largest=int(attributes["MaximumMessageSize"]),
        dedup_content=attributes.get("ContentBasedDeduplication") == "true",
        dedup_per_group=attributes.get("DeduplicationScope") == "messageGroup",
        redrive=redrive_of(policy) if policy else None,
    )


def same(existing: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    """The first attribute of `given` whose value differs from the existing queue's, or None."""
    for name, value in given.items():
        mine = existing.get(name, "")
        if mine == value:
            continue
        if name in ("Policy", "RedrivePolicy", "RedriveAllowPolicy") and mine and value:
            if name == "RedrivePolicy" and redrive_of(mine) == redrive_of(value):
                continue
            if json.loads(mine) == json.loads(value):
                continue
        return name
    return None
