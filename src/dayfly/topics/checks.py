"""What topics, subscriptions and publications must look like.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, API_CreateTopic.html, API_Subscribe.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dayfly.errors import Error, Unsupported
from dayfly.queues import Attachment, attachments
from dayfly.queues.checks import content_id
from dayfly.topics.errors import InvalidParameter
from dayfly.topics.patterns import InvalidPattern, compile_policy

MAX_SIZE = 262_144
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}\Z")
_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}\Z")
TOPIC_ATTRIBUTES = frozenset(
    {
        "DeliveryPolicy",
        "DisplayName",
        "Policy",
        "TracingConfig",
        "KmsMasterKeyId",
        "SignatureVersion",
        "FifoTopic",
        "FifoThroughputScope",
        "ContentBasedDeduplication",
        "ArchivePolicy",
        *(
            f"{protocol}{kind}"
            for protocol in ("HTTP", "Firehose", "Lambda", "SQS", "Application")
            for kind in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
        ),
    }
)
SUBSCRIPTION_ATTRIBUTES = frozenset(
    {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
)
_UNSUPPORTED_PROTOCOLS = {"sms": "SMS", "application": "mobile push", "firehose": "Firehose"}
PROTOCOLS = frozenset({"sqs", "lambda", "http", "https", "email", "email-json"})


def check_topic(name: str, attributes: Mapping[str, str]) -> None:
    """Raises InvalidParameter."""
    fifo = attributes.get("FifoTopic") == "true"
    if fifo and not name.endswith(".fifo"):
        raise InvalidParameter(
            "Invalid parameter: Fifo Topic names must end with .fifo and must be made up of only "
            "uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be "
            "between 1 and 256 characters long."
        )
    if not _NAME.match(name.removesuffix(".fifo") if fifo else name):
        raise InvalidParameter("Invalid parameter: Topic Name")
    for key, value in attributes.items():
        check_topic_attribute(key, value)
    if "ContentBasedDeduplication" in attributes and not fifo:
        raise InvalidParameter(
            "Invalid parameter: Attributes Reason: Content-based deduplication can only be set for FIFO topics"
        )


def check_topic_attribute(name: str, value: str) -> None:
    if name not in TOPIC_ATTRIBUTES:
        raise InvalidParameter(f"Invalid parameter: Attributes Reason: Unknown attribute {name}")
    if name in ("FifoTopic", "ContentBasedDeduplication") and value not in ("true", "false"):
        raise InvalidParameter(f"Invalid parameter: Attributes Reason: {name} must be true or false")
    if name == "SignatureVersion" and value not in ("1", "2"):
        raise InvalidParameter("Invalid parameter: Attributes Reason: SignatureVersion must be 1 or 2")
    if name == "ArchivePolicy" and value not in ("", "{}"):
        raise Unsupported("dayfly does not archive and replay the messages of FIFO topics yet (ArchivePolicy).")


def check_subscription(protocol: str, endpoint: str | None, topic_fifo: bool) -> None:
    """Raises InvalidParameter, Unsupported."""
    if protocol in _UNSUPPORTED_PROTOCOLS:
        raise Unsupported(f"dayfly cannot deliver notifications over {_UNSUPPORTED_PROTOCOLS[protocol]} ({protocol}).")
    if protocol not in PROTOCOLS:
        raise InvalidParameter(f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint:
        raise InvalidParameter("Invalid parameter: Endpoint Reason: Endpoint must be given")
    if topic_fifo and protocol not in ("sqs",):
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: FIFO topics can only be subscribed to by Amazon SQS queues"
        )
    wanted = {"sqs": ":sqs:", "lambda": ":lambda:"}.get(protocol)
    if wanted is not None and wanted not in endpoint:
        raise InvalidParameter(f"Invalid parameter: {protocol.upper()} endpoint ARN")
    if protocol in ("http", "https") and not endpoint.startswith(f"{protocol}://"):
        raise InvalidParameter("Invalid parameter: Endpoint must match the specified protocol")
    if protocol.startswith("email") and "@" not in endpoint:
        raise InvalidParameter("Invalid parameter: Email address")
    if protocol == "sqs" and not topic_fifo and endpoint.endswith(".fifo"):
        raise InvalidParameter(
            "Invalid parameter: Invalid parameter: Endpoint Reason: "
            "FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def check_subscription_attributes(attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        if name == "ReplayPolicy":
            raise Unsupported("dayfly does not replay the messages of FIFO topics yet (ReplayPolicy).")
        if name not in SUBSCRIPTION_ATTRIBUTES:
            raise InvalidParameter(f"Invalid parameter: AttributeName Reason: Unknown attribute {name}")
        if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
            raise InvalidParameter("Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value")
        if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
            raise InvalidParameter("Invalid parameter: FilterPolicyScope: Invalid value")
        if name == "RedrivePolicy" and value:
            dead_letters_of(value)
    policy = attributes.get("FilterPolicy")
    if policy:
        try:
            compile_policy(policy, attributes.get("FilterPolicyScope", "MessageAttributes"))
        except InvalidPattern as error:
            raise InvalidParameter(f"Invalid parameter: FilterPolicy: {error.message}") from error


def dead_letters_of(policy: str | None) -> str | None:
    """The queue of a subscription's RedrivePolicy. Raises InvalidParameter."""
    if not policy:
        return None
    try:
        target = json.loads(policy)["deadLetterTargetArn"]
    except (ValueError, KeyError, TypeError):
        target = None
    if not isinstance(target, str) or ":sqs:" not in target:
        raise InvalidParameter("Invalid parameter: RedrivePolicy: must be JSON with a deadLetterTargetArn of a queue")
    return target


def check_publication(
    message: str, subject: str | None, attributes: Mapping[str, Attachment], structure: str | None
) -> dict[str, str] | None:
    """The texts by protocol where the message is structured. Raises InvalidParameter."""
    if not message:
        raise InvalidParameter("Invalid parameter: Empty message")
    if subject is not None and (
        not subject or len(subject) > 100 or not subject.isascii() or not subject.isprintable() or subject[0] == " "
    ):
        raise InvalidParameter("Invalid parameter: Subject")
    size = len(message.encode()) + _attributes_size(attributes)
    if size > MAX_SIZE:
        raise InvalidParameter("Invalid parameter: Message too long")
    if structure is None or structure == "":
        return None
    if structure != "json":
        raise InvalidParameter("Invalid parameter: MessageStructure Reason: Invalid value")
    return _structured(message)


def _attributes_size(attributes: Mapping[str, Attachment]) -> int:
    size = 0
    for name, attribute in attributes.items():
        try:
            if attribute.type == "String.Array" and not isinstance(json.loads(attribute.text), list):
                raise InvalidParameter(f"Invalid parameter: The value of attribute {name} is not a JSON array.")
            size += attachments.check({name: attribute})
        except ValueError as error:
            raise InvalidParameter(f"Invalid parameter: The value of attribute {name} is not a JSON array.") from error
        except Error as error:
            raise InvalidParameter(f"Invalid parameter: {error.message}") from error
    return size


def _structured(message: str) -> dict[str, str]:
    try:
        document = json.loads(message)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidParameter("Invalid parameter: Message Structure - JSON message body failed to parse")
    if not isinstance(document.get("default"), str):
        raise InvalidParameter("Invalid parameter: Message Structure - No default entry in JSON message body")
    return {name: value for name, value in document.items() if isinstance(value, str)}


def check_order(fifo: bool, group: str | None, dedup: str | None, content_based: bool, message: str) -> str | None:
    """The deduplication id of a message to a FIFO topic, None for a standard one. Raises InvalidParameter."""
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup)):
        if value is not None and not _ID.match(value):
            raise InvalidParameter(
                f"Invalid parameter: {name} Reason: can only include alphanumeric and punctuation characters, "
                "1 to 128 of them"
            )
    if not fifo:
        if dedup is not None:
            raise InvalidParameter(
                "Invalid parameter: MessageDeduplicationId Reason: "
                "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
            )
        return None
    if group is None:
        raise InvalidParameter("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    if dedup is None and not content_based:
        raise InvalidParameter(
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return dedup or content_id(message)
