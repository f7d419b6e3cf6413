"""What a message must look like to be accepted.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from __future__ import annotations

import hashlib
import re

from dayfly.queues import attachments
from dayfly.queues.attributes import Settings
from dayfly.queues.errors import InvalidParameterValue, MissingParameter
from dayfly.queues.model import Attachment, Draft

_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}\Z")
_QUEUE_TYPE = "The request include parameter that is not valid for this queue type"


def check_draft(draft: Draft, settings: Settings) -> tuple[int, str]:
    """The size in bytes and the MD5 of the body. Raises InvalidParameterValue, MissingParameter,
    InvalidMessageContents."""
    body = draft.body
    if not body:
        raise MissingParameter("The request must contain the parameter MessageBody.")
    attachments.check_text(body)
    raw = body.encode()
    size = len(raw) + (attachments.check(draft.attributes) if draft.attributes else 0)
    if size > settings.largest:
        raise InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {settings.largest} bytes."
        )
    if draft.delay_s is not None and not 0 <= draft.delay_s <= 900:
        raise InvalidParameterValue.of(draft.delay_s, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    if draft.group is not None:
        _check_id("MessageGroupId", draft.group)
    if settings.fifo:
        _check_fifo(draft, settings)
    elif draft.dedup is not None:
        raise InvalidParameterValue.of(draft.dedup, "MessageDeduplicationId", f"{_QUEUE_TYPE}.")
    return size, hashlib.md5(raw, usedforsecurity=False).hexdigest()


def _check_fifo(draft: Draft, settings: Settings) -> None:
    if draft.group is None:
        raise MissingParameter("The request must contain the parameter MessageGroupId.")
    if draft.dedup is not None:
        _check_id("MessageDeduplicationId", draft.dedup)
    elif not settings.dedup_content:
        raise InvalidParameterValue(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    if draft.delay_s:
        raise InvalidParameterValue.of(draft.delay_s, "DelaySeconds", f"{_QUEUE_TYPE}.")


def _check_id(name: str, value: str) -> None:
    if not _ID.match(value):
        raise InvalidParameterValue.of(
            value, name, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )


def content_id(body: str) -> str:
    """The deduplication id of a body under content-based deduplication."""
    return hashlib.sha256(body.encode()).hexdigest()


def trace_md5(header: str) -> str | None:
    return attachments.md5({"AWSTraceHeader": Attachment("String", header)})
