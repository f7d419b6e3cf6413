"""Message attributes: what is allowed, how they count, and their MD5.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

from __future__ import annotations

import hashlib
import re
import struct

from dayfly.queues.errors import InvalidMessageContents, InvalidParameterValue
from dayfly.queues.model import Attachment, Attachments

_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.\-]{1,256}(?<!\.)\Z")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKED = bytes(byte if byte in (9, 10, 13) or 32 <= byte < 128 else 0 for byte in range(256))
"""ASCII as it is, what is forbidden of it as 0."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")


def check_text(text: str) -> None:
    """Refuse characters that XML 1.0 has no place for. Raises InvalidMessageContents."""
    # Most texts are plain ASCII: two quick passes, where a search would take each letter apart.
    if text.isascii() and 0 not in text.encode().translate(_MARKED):
        return
    found = _FORBIDDEN.search(text)
    if found:
        raise InvalidMessageContents(
            f"Invalid binary character '#x{ord(found[0]):X}' was found in the message body, "
            "the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
        )


def check(attributes: Attachments) -> int:
    """Refuse what SQS refuses; answer the bytes that these attributes add to the message's size."""
    if len(attributes) > 10:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10]."
        )
    return sum(_check_one(name, attribute) for name, attribute in attributes.items())


def _check_one(name: str, attribute: Attachment) -> int:
    if not _NAME.match(name):
        raise InvalidParameterValue(
            "Message (user) attribute names can contain alphanumeric characters, hyphens, underscores and periods, "
            f"must not start or end with a period or have successive periods, and be 1 to 256 long: '{name}'."
        )
    if name.lower().startswith(("aws.", "amazon.")):
        raise InvalidParameterValue(
            f"Message (user) attribute name '{name}' can not start with 'AWS.' or 'Amazon.', which are reserved."
        )
    base = attribute.type.partition(".")[0]
    if base not in ("String", "Number", "Binary") or len(attribute.type) > 256:
        raise InvalidParameterValue(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    binary = base == "Binary"
    value = attribute.data if binary else attribute.text
    if attribute.text if binary else attribute.data:
        raise InvalidParameterValue(
            f"The message (user) attribute '{name}' with type '{base}' must use field "
            f"'{'Binary' if binary else 'String'}'."
        )
    if not value:
        raise InvalidParameterValue(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{attribute.type}'."
        )
    if isinstance(value, bytes):
        return len(name) + len(attribute.type) + len(value)
    check_text(value)
    if base == "Number" and not _NUMBER.match(value):
        raise InvalidParameterValue(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    return len(name) + len(attribute.type) + len(value.encode())


def md5(attributes: Attachments) -> str | None:
    """The digest that SDKs check: name, type and value of each attribute by name, each with its length before it."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        for text in (name, attribute.type):
            raw = text.encode()
            digest.update(struct.pack("!I", len(raw)) + raw)
        binary = attribute.type.startswith("Binary")
        data, kind = (attribute.data, b"\x02") if binary else (attribute.text.encode(), b"\x01")
        digest.update(kind + struct.pack("!I", len(data)) + data)
    return digest.hexdigest()
