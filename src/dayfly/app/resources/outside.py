"""What an application listens to and somebody else makes: queues, topics, streams and buses named by ARN.

On AWS they are there before the application comes. Where it runs alone they are not, and an empty one stands in for
each, under its own ARN, so that the application starts and what it listens to can be sent to.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.app.resources import Properties, Site
from dayfly.identity.names import Arn, Caller, InvalidArn, parse_arn

_PROPERTY = {
    "AWS::Lambda::EventSourceMapping": "EventSourceArn",
    "AWS::SNS::Subscription": "TopicArn",
    "AWS::Events::Rule": "EventBusName",
}


async def stand_in(site: Site, type_name: str, properties: Properties) -> str | None:
    """Make what a resource of this type listens to; its ARN, or None where it is of a kind that cannot be made up."""
    text = str(properties.get(_PROPERTY.get(type_name, "")))
    if type_name == "AWS::Events::Rule" and ":" not in text:
        text = site.scope.arn("events", f"event-bus/{text}")
    try:
        arn = parse_arn(text)
    except InvalidArn:
        return None
    wanted = _maker(arn)
    if wanted is None or not arn.region or not (len(arn.account) == 12 and arn.account.isdigit()):
        return None
    service, operation, params = wanted
    there = Caller(scope=arn.scope, access_key_id=arn.account)
    await msgspec.structs.replace(site, caller=there).do(service, operation, **params)
    return text


def _maker(arn: Arn) -> tuple[str, str, dict[str, Any]] | None:
    kind, _, name = arn.resource.rpartition("/")
    match arn.service:
        case "sqs":
            attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else None
            return "sqs", "CreateQueue", {"QueueName": name, "Attributes": attributes}
        case "sns":
            attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else None
            return "sns", "CreateTopic", {"Name": name, "Attributes": attributes}
        case "kinesis" if kind == "stream":
            return "kinesis", "CreateStream", {"StreamName": name, "ShardCount": 1}
        case "events" if kind == "event-bus":
            return "events", "CreateEventBus", {"Name": name}
    return None
