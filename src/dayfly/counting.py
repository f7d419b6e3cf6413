"""What an API request is counted under: the queue, topic, function, table or bucket that its parameters name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.api import Params
from dayfly.errors import NOT_JSON
from dayfly.front.messages import Request

_LARGEST_READ = 64 * 1024

_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "sqs": ("QueueUrl", "QueueName"),
    "sns": ("TopicArn", "TargetArn", "SubscriptionArn", "Name"),
    "lambda": ("FunctionName", "LayerName"),
    "logs": ("logGroupName",),
    "events": ("EventBusName", "Name"),
    "scheduler": ("Name",),
    "apigateway": ("restApiId",),
    "apigatewayv2": ("ApiId",),
    "ses": ("Source",),
    "sesv2": ("FromEmailAddress",),
}
"""The parameters that name a service's resource, the best one first."""

MESSAGES: Mapping[str, tuple[str, str]] = {
    "SendMessage": ("messages sent", ""),
    "SendMessageBatch": ("messages sent", "Successful"),
    "ReceiveMessage": ("messages received", "Messages"),
    "DeleteMessage": ("messages deleted", ""),
    "DeleteMessageBatch": ("messages deleted", "Successful"),
    "Publish": ("messages published", ""),
    "PublishBatch": ("messages published", "Successful"),
}
"""Operations on messages: what is counted, and the member of the result that lists them (none: it is one)."""

_names: dict[tuple[str, str], str] = {}
_MOST_NAMES = 10_000


def resource_of(service: str, params: Params) -> str:
    """The resource's name; '' where the request names none."""
    for member in _NAMED_BY.get(service, ()):
        said = params.get(member)
        if said:
            found = _names.get((service, said))
            if found is None:
                if len(_names) >= _MOST_NAMES:
                    _names.clear()
                found = _names[service, said] = _name_in(service, said)
            return found
    return ""


def messages_of(operation: str, result: Params) -> tuple[str, int]:
    """The metric and the number of messages of an operation in MESSAGES that succeeded."""
    metric, member = MESSAGES[operation]
    return metric, len(result.get(member) or ()) if member else 1


def named_in(service: str, request: Request) -> str:
    """The same for a request to a companion: a table, or S3's bucket; '' where it cannot be told cheaply."""
    if service == "s3":
        return request.path.lstrip("/").partition("/")[0]
    if not service.startswith("dynamodb") or len(request.body) > _LARGEST_READ:
        return ""
    try:
        said = msgspec.json.decode(request.body, type=dict[str, Any]).get("TableName")
    except NOT_JSON:
        return ""
    return _name_in(service, said) if isinstance(said, str) else ""


def _name_in(service: str, said: str) -> str:
    """From a name, an ARN or a queue's URL."""
    for kind in (":function:", ":layer:", ":log-group:"):
        if kind in said:
            return said.partition(kind)[2].partition(":")[0]
    if said.startswith("arn:"):
        parts = said.split(":")
        return parts[5].rpartition("/")[2] if len(parts) > 5 else said
    if service == "sqs":
        return said.rstrip("/").rpartition("/")[2]
    return said.partition(":")[0] if service == "lambda" else said
