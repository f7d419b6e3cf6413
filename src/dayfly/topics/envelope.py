"""The documents that subscribers get.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html,
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from dayfly.queues import Attachment
from dayfly.topics.model import Publication, Subscription

_VERSION = "2010-03-31"


def timestamp(at_ms: int) -> str:
    """E.g. `2012-04-26T20:45:04.751Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown_attributes(attributes: dict[str, Attachment]) -> dict[str, dict[str, str]]:
    return {
        name: {
            "Type": attribute.type,
            "Value": base64.b64encode(attribute.data).decode() if attribute.data else attribute.text,
        }
        for name, attribute in attributes.items()
    }


def unsubscribe_url(subscription: Subscription, endpoint: str) -> str:
    # The version says that this is SNS: whoever visits the URL signs nothing.
    return f"{endpoint}/?Action=Unsubscribe&Version={_VERSION}&SubscriptionArn={subscription.arn}"


def notification(publication: Publication, subscription: Subscription, endpoint: str) -> dict[str, Any]:
    """The JSON document of a notification to queues, HTTP endpoints and mail boxes.

    `Signature` is filled in for HTTP endpoints, which verify it.
    """
    document: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": publication.id,
    }
    if publication.sequence is not None:
        document["SequenceNumber"] = publication.sequence
    document["TopicArn"] = publication.topic_arn
    if publication.subject is not None:
        document["Subject"] = publication.subject
    document |= {
        "Message": publication.text_for(subscription.protocol),
        "Timestamp": timestamp(publication.at_ms),
    }
    if publication.sequence is None:
        document |= {
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertURL": f"{endpoint}/_dayfly/sns.pem",
        }
    document["UnsubscribeURL"] = unsubscribe_url(subscription, endpoint)
    if publication.attributes:
        document["MessageAttributes"] = shown_attributes(publication.attributes)
    return document


def confirmation(subscription: Subscription, message_id: str, at_ms: int, endpoint: str) -> dict[str, Any]:
    """What asks an HTTP endpoint or a mail box to confirm."""
    query = f"Action=ConfirmSubscription&Version={_VERSION}&TopicArn={subscription.topic_arn}"
    url = f"{endpoint}/?{query}&Token={subscription.token}"
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": message_id,
        "Token": subscription.token,
        "TopicArn": subscription.topic_arn,
        "Message": (
            f"You have chosen to subscribe to the topic {subscription.topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        ),
        "SubscribeURL": url,
        "Timestamp": timestamp(at_ms),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": f"{endpoint}/_dayfly/sns.pem",
    }


def lambda_event(publication: Publication, subscription: Subscription, endpoint: str) -> bytes:
    """The event that a function gets."""
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": {
            "Type": "Notification",
            "MessageId": publication.id,
            "TopicArn": publication.topic_arn,
            "Subject": publication.subject,
            "Message": publication.text_for("lambda"),
            "Timestamp": timestamp(publication.at_ms),
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertUrl": f"{endpoint}/_dayfly/sns.pem",
            "UnsubscribeUrl": unsubscribe_url(subscription, endpoint),
            "MessageAttributes": shown_attributes(publication.attributes),
        },
    }
    return json.dumps({"Records": [record]}, ensure_ascii=False).encode()
