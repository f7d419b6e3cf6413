"""The SNS API.

https://docs.aws.amazon.com/sns/latest/api/API_Operations.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from dayfly.api import Fault, Params
from dayfly.errors import Error, Unsupported
from dayfly.identity.names import Caller
from dayfly.queues import Attachment
from dayfly.topics import Draft, Publication, Subscription, Topics, errors
from dayfly.topics.checks import MAX_SIZE

_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
_PAGE = 100
_T = TypeVar("_T")


class Sns:
    service: ClassVar[str] = "sns"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.NotFound: Fault("NotFoundException"),
        errors.InvalidParameter: Fault("InvalidParameterException"),
        errors.ResourceNotFound: Fault("ResourceNotFoundException"),
        errors.TagLimitExceeded: Fault("TagLimitExceededException"),
        errors.EmptyBatchRequest: Fault("EmptyBatchRequestException"),
        errors.TooManyEntriesInBatchRequest: Fault("TooManyEntriesInBatchRequestException"),
        errors.BatchEntryIdsNotDistinct: Fault("BatchEntryIdsNotDistinctException"),
        errors.InvalidBatchEntryId: Fault("InvalidBatchEntryIdException"),
        errors.BatchRequestTooLong: Fault("BatchRequestTooLongException"),
    }

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    # -- topics ----------------------------------------------------------------------------------------------------
    async def create_topic(self, caller: Caller, params: Params) -> Params:
        tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
        topic = await self._topics.create(caller.scope, params["Name"], params.get("Attributes"), tags)
        return {"TopicArn": topic.arn}

    async def delete_topic(self, caller: Caller, params: Params) -> Params:
        await self._topics.delete(params["TopicArn"])
        return {}

    async def list_topics(self, caller: Caller, params: Params) -> Params:
        await self._topics.settled()
        page, token = _page(self._topics.listed(caller.scope), params)
        return {"Topics": [{"TopicArn": topic.arn} for topic in page], **token}

    async def get_topic_attributes(self, caller: Caller, params: Params) -> Params:
        await self._topics.settled()
        return {"Attributes": self._topics.attributes(params["TopicArn"])}

    async def set_topic_attributes(self, caller: Caller, params: Params) -> Params:
        await self._topics.set_attribute(params["TopicArn"], params["AttributeName"], params.get("AttributeValue", ""))
        return {}

    async def tag_resource(self, caller: Caller, params: Params) -> Params:
        self._check_resource(params["ResourceArn"])
        await self._topics.tag(params["ResourceArn"], {tag["Key"]: tag["Value"] for tag in params["Tags"]})
        return {}

    async def untag_resource(self, caller: Caller, params: Params) -> Params:
        self._check_resource(params["ResourceArn"])
        await self._topics.tag(params["ResourceArn"], {}, params["TagKeys"])
        return {}

    async def list_tags_for_resource(self, caller: Caller, params: Params) -> Params:
        self._check_resource(params["ResourceArn"])
        tags = self._topics.topic(params["ResourceArn"]).tags
        return {"Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}

    def _check_resource(self, arn: str) -> None:
        try:
            self._topics.topic(arn)
        except errors.NotFound as error:
            raise errors.ResourceNotFound("Resource does not exist") from error

    async def add_permission(self, caller: Caller, params: Params) -> Params:
        arn, label = params["TopicArn"], params["Label"]
        policy = json.loads(self._topics.attributes(arn)["Policy"])
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise errors.InvalidParameter("Invalid parameter: Statement already exists")
        policy["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in params["AWSAccountId"]]},
                "Action": [f"SNS:{action}" for action in params["ActionName"]],
                "Resource": arn,
            }
        )
        await self._topics.set_attribute(arn, "Policy", json.dumps(policy))
        return {}

    async def remove_permission(self, caller: Caller, params: Params) -> Params:
        arn = params["TopicArn"]
        policy = json.loads(self._topics.attributes(arn)["Policy"])
        left = [statement for statement in policy["Statement"] if statement.get("Sid") != params["Label"]]
        await self._topics.set_attribute(arn, "Policy", json.dumps(policy | {"Statement": left}))
        return {}

    # -- subscriptions ---------------------------------------------------------------------------------------------
    async def subscribe(self, caller: Caller, params: Params) -> Params:
        subscription = await self._topics.subscribe(
            params["TopicArn"],
            params["Protocol"],
            params.get("Endpoint"),
            params.get("Attributes") or {},
            caller.scope.account,
        )
        shown = subscription.confirmed or params.get("ReturnSubscriptionArn")
        return {"SubscriptionArn": subscription.arn if shown else "pending confirmation"}

    async def confirm_subscription(self, caller: Caller, params: Params) -> Params:
        return {"SubscriptionArn": (await self._topics.confirm(params["TopicArn"], params["Token"])).arn}

    async def unsubscribe(self, caller: Caller, params: Params) -> Params:
        await self._topics.unsubscribe(params["SubscriptionArn"])
        return {}

    async def list_subscriptions(self, caller: Caller, params: Params) -> Params:
        await self._topics.settled()
        page, token = _page(self._topics.subscriptions(caller.scope), params)
        return {"Subscriptions": [_shown(subscription) for subscription in page], **token}

    async def list_subscriptions_by_topic(self, caller: Caller, params: Params) -> Params:
        await self._topics.settled()
        page, token = _page(self._topics.subscriptions(caller.scope, params["TopicArn"]), params)
        return {"Subscriptions": [_shown(subscription) for subscription in page], **token}

    async def get_subscription_attributes(self, caller: Caller, params: Params) -> Params:
        await self._topics.settled()
        subscription = self._topics.subscription(params["SubscriptionArn"])
        computed = {
            "SubscriptionArn": subscription.arn,
            "TopicArn": subscription.topic_arn,
            "Owner": subscription.owner,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "PendingConfirmation": "false" if subscription.confirmed else "true",
            "ConfirmationWasAuthenticated": "true" if subscription.protocol in ("sqs", "lambda") else "false",
            "RawMessageDelivery": "false",
            "SubscriptionPrincipal": caller.arn,
        }
        if "FilterPolicy" in subscription.attributes:
            computed["FilterPolicyScope"] = "MessageAttributes"
        return {"Attributes": computed | subscription.attributes}

    async def set_subscription_attributes(self, caller: Caller, params: Params) -> Params:
        await self._topics.set_subscription_attribute(
            params["SubscriptionArn"], params["AttributeName"], params.get("AttributeValue", "")
        )
        return {}

    # -- publishing ------------------------------------------------------------------------------------------------
    async def publish(self, caller: Caller, params: Params) -> Params:
        if params.get("PhoneNumber") is not None:
            raise Unsupported("dayfly cannot send text messages (Publish with PhoneNumber).")
        arn = params.get("TopicArn") or params.get("TargetArn")
        if not arn:
            raise errors.InvalidParameter(
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
            )
        return _published(await self._topics.publish(arn, _draft(params)))

    async def publish_batch(self, caller: Caller, params: Params) -> Params:
        entries: list[Params] = params.get("PublishBatchRequestEntries") or []
        _check_entries(entries)
        results = await self._topics.publish_all(params["TopicArn"], [_draft(entry) for entry in entries])
        answer: dict[str, list[Params]] = {"Successful": [], "Failed": []}
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, Error):
                failed = {"Id": entry["Id"], "Code": "InvalidParameter", "Message": result.message, "SenderFault": True}
                answer["Failed"].append(failed)
            else:
                answer["Successful"].append({"Id": entry["Id"], **_published(result)})
        return dict(answer)


def _page(items: Sequence[_T], params: Params) -> tuple[Sequence[_T], Params]:
    token = params.get("NextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise errors.InvalidParameter("Invalid parameter: NextToken") from None
    page = items[start : start + _PAGE]
    more = start + _PAGE < len(items)
    return page, {"NextToken": base64.b64encode(str(start + _PAGE).encode()).decode()} if more else {}


def _shown(subscription: Subscription) -> Params:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else "PendingConfirmation",
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }


def _draft(params: Params) -> Draft:
    attributes = {}
    for name, value in (params.get("MessageAttributes") or {}).items():
        if not value.get("DataType"):
            raise errors.InvalidParameter(
                f"Invalid parameter: The message attribute '{name}' must contain a non-empty type."
            )
        attributes[name] = Attachment(value["DataType"], value.get("StringValue", ""), value.get("BinaryValue", b""))
    return Draft(
        message=params["Message"],
        subject=params.get("Subject"),
        structure=params.get("MessageStructure"),
        attributes=attributes,
        group=params.get("MessageGroupId"),
        dedup=params.get("MessageDeduplicationId"),
    )


def _published(publication: Publication) -> Params:
    answer = {"MessageId": publication.id}
    return answer | ({"SequenceNumber": publication.sequence} if publication.sequence is not None else {})


def _check_entries(entries: list[Params]) -> None:
    if not entries:
        raise errors.EmptyBatchRequest
    if len(entries) > 10:
        raise errors.TooManyEntriesInBatchRequest
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise errors.BatchEntryIdsNotDistinct
    if not all(_BATCH_ID.match(entry["Id"]) for entry in entries):
        raise errors.InvalidBatchEntryId
    if sum(len(entry["Message"].encode()) for entry in entries) > MAX_SIZE:
        raise errors.BatchRequestTooLong
