"""The SQS API.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from dayfly.api import Fault, Params, Refused
from dayfly.errors import Error, Unsupported
from dayfly.identity.names import Caller
from dayfly.queues import Attachment, Delivery, Draft, Queue, Queues, Sent, attachments, errors
from dayfly.queues import attributes as known

_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
_SYSTEM = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)


class Sqs:
    service: ClassVar[str] = "sqs"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.QueueDoesNotExist: Fault("QueueDoesNotExist", 400),
        errors.QueueNameExists: Fault("QueueNameExists", 400),
        errors.InvalidParameterValue: Fault("InvalidParameterValue", 400),
        errors.MissingParameter: Fault("MissingParameter", 400),
        errors.InvalidAttributeName: Fault("InvalidAttributeName", 400),
        errors.InvalidAttributeValue: Fault("InvalidAttributeValue", 400),
        errors.InvalidMessageContents: Fault("InvalidMessageContents", 400),
        errors.ReceiptHandleIsInvalid: Fault("ReceiptHandleIsInvalid", 400),
        errors.MessageNotInflight: Fault("MessageNotInflight", 400),
        errors.OverLimit: Fault("OverLimit", 403),
        errors.PurgeQueueInProgress: Fault("PurgeQueueInProgress", 403),
        errors.UnsupportedOperation: Fault("UnsupportedOperation", 400),
        errors.ResourceNotFound: Fault("ResourceNotFoundException", 404),
        errors.EmptyBatchRequest: Fault("EmptyBatchRequest", 400),
        errors.TooManyEntriesInBatchRequest: Fault("TooManyEntriesInBatchRequest", 400),
        errors.BatchEntryIdsNotDistinct: Fault("BatchEntryIdsNotDistinct", 400),
        errors.InvalidBatchEntryId: Fault("InvalidBatchEntryId", 400),
        errors.BatchRequestTooLong: Fault("BatchRequestTooLong", 400),
    }

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def _queue(self, caller: Caller, params: Params) -> Queue:
        return self._queues.by_url(caller.scope, params["QueueUrl"])

    # -- queues ----------------------------------------------------------------------------------------------------
    async def create_queue(self, caller: Caller, params: Params) -> Params:
        tags = params.get("tags") or params.get("Tags")
        queue = await self._queues.create(caller.scope, params["QueueName"], params.get("Attributes"), tags)
        return {"QueueUrl": self._queues.url_of(queue)}

    async def get_queue_url(self, caller: Caller, params: Params) -> Params:
        account = params.get("QueueOwnerAWSAccountId") or caller.scope.account
        queue = self._queues.find(caller.scope._replace(account=account), params["QueueName"])
        return {"QueueUrl": self._queues.url_of(queue)}

    async def list_queues(self, caller: Caller, params: Params) -> Params:
        listed = self._queues.listed(caller.scope, params.get("QueueNamePrefix") or "")
        return self._page(listed, params, "QueueUrls", 1000)

    async def list_dead_letter_source_queues(self, caller: Caller, params: Params) -> Params:
        return self._page(self._queues.sources_of(self._queue(caller, params)), params, "queueUrls", 1000)

    def _page(self, queues: Sequence[Queue], params: Params, member: str, most: int) -> Params:
        limit = params.get("MaxResults")
        if limit is not None and not 1 <= limit <= most:
            raise errors.InvalidParameterValue.of(limit, "MaxResults", f"MaxResults must be between 1 and {most}.")
        after = _token_read(params.get("NextToken"))
        rest = [queue for queue in queues if queue.record.name > after]
        page = rest[: limit or most]
        answer: Params = {member: [self._queues.url_of(queue) for queue in page]}
        if limit is not None and len(rest) > len(page):
            answer["NextToken"] = base64.b64encode(page[-1].record.name.encode()).decode()
        return answer

    async def delete_queue(self, caller: Caller, params: Params) -> Params:
        await self._queues.delete_queue(self._queue(caller, params))
        return {}

    async def purge_queue(self, caller: Caller, params: Params) -> Params:
        await self._queues.purge(self._queue(caller, params))
        return {}

    async def get_queue_attributes(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        wanted = params.get("AttributeNames") or []
        for name in wanted:
            if name != "All" and name not in known.NAMES:
                raise errors.InvalidAttributeName(f"Unknown Attribute {name}.")
        shown = await self._queues.attributes(queue)
        chosen = shown if "All" in wanted else {name: shown[name] for name in wanted if name in shown}
        return {"Attributes": chosen} if chosen else {}

    async def set_queue_attributes(self, caller: Caller, params: Params) -> Params:
        await self._queues.configure(self._queue(caller, params), params["Attributes"])
        return {}

    async def tag_queue(self, caller: Caller, params: Params) -> Params:
        await self._queues.tag(self._queue(caller, params), params["Tags"])
        return {}

    async def untag_queue(self, caller: Caller, params: Params) -> Params:
        await self._queues.tag(self._queue(caller, params), {}, params["TagKeys"])
        return {}

    async def list_queue_tags(self, caller: Caller, params: Params) -> Params:
        tags = self._queue(caller, params).record.tags
        return {"Tags": dict(tags)} if tags else {}

    async def add_permission(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        policy = json.loads(queue.record.attributes.get("Policy") or '{"Version": "2008-10-17", "Statement": []}')
        label = params["Label"]
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise errors.InvalidParameterValue.of(label, "Label", "Already exists.")
        policy["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in params["AWSAccountIds"]]},
                "Action": [f"SQS:{action}" for action in params["Actions"]],
                "Resource": queue.arn,
            }
        )
        await self._queues.configure(queue, {"Policy": json.dumps(policy)})
        return {}

    async def remove_permission(self, caller: Caller, params: Params) -> Params:
        queue, label = self._queue(caller, params), params["Label"]
        policy = json.loads(queue.record.attributes.get("Policy") or '{"Statement": []}')
        left = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
        if len(left) == len(policy["Statement"]):
            raise errors.InvalidParameterValue.of(label, "Label", "can't find label on existing policy.")
        await self._queues.configure(queue, {"Policy": json.dumps(policy | {"Statement": left}) if left else ""})
        return {}

    # -- messages --------------------------------------------------------------------------------------------------
    async def send_message(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        return _sent(await self._queues.send(queue, _draft(caller, params)))

    async def send_message_batch(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        entries = _entries(params, "SendMessageBatch")
        drafts = [_draft(caller, entry) for entry in entries]
        total = sum(_size(draft) for draft in drafts)
        if total > known.MAX_SIZE:
            raise errors.BatchRequestTooLong(
                f"Batch requests cannot be longer than {known.MAX_SIZE} bytes. You have sent {total} bytes."
            )
        return _results(entries, await self._queues.send_all(queue, drafts), _sent)

    async def receive_message(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        most, wait_s = params.get("MaxNumberOfMessages"), params.get("WaitTimeSeconds")
        visibility_s = params.get("VisibilityTimeout")
        _check_range("MaxNumberOfMessages", most, 1, 10)
        _check_range("WaitTimeSeconds", wait_s, 0, 20)
        _check_range("VisibilityTimeout", visibility_s, 0, 43_200)
        system = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
        for name in system:
            if name not in _SYSTEM and name != "All" and name not in known.NAMES:
                raise errors.InvalidAttributeName(f"Unknown Attribute {name}.")
        deliveries = await self._queues.receive(
            queue.arn,
            most=1 if most is None else most,
            wait_s=wait_s,
            visibility_s=visibility_s,
            attempt=params.get("ReceiveRequestAttemptId") or None,
            client=True,
        )
        if not deliveries:
            return {}
        named = params.get("MessageAttributeNames") or ()
        return {"Messages": [_message(delivery, system, named) for delivery in deliveries]}

    async def delete_message(self, caller: Caller, params: Params) -> Params:
        await self._queues.delete(self._queue(caller, params), params["ReceiptHandle"])
        return {}

    async def delete_message_batch(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        entries = _entries(params, "DeleteMessageBatch")
        results = await self._queues.delete_all(queue, [entry["ReceiptHandle"] for entry in entries])
        return _results(entries, results, lambda _: {})

    async def change_message_visibility(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        await self._queues.change_visibility(queue, params["ReceiptHandle"], params["VisibilityTimeout"])
        return {}

    async def change_message_visibility_batch(self, caller: Caller, params: Params) -> Params:
        queue = self._queue(caller, params)
        entries = _entries(params, "ChangeMessageVisibilityBatch")
        timeouts = [(entry["ReceiptHandle"], entry.get("VisibilityTimeout", 0)) for entry in entries]
        return _results(entries, await self._queues.change_visibility_all(queue, timeouts), lambda _: {})

    # -- moving dead letters ---------------------------------------------------------------------------------------
    async def start_message_move_task(self, caller: Caller, params: Params) -> Params:
        source = params["SourceArn"]
        queue = self._queues.find_arn(source)
        task = await self._queues.moves.start(
            source,
            params.get("DestinationArn"),
            params.get("MaxNumberOfMessagesPerSecond"),
            is_dead_letter=queue is not None and bool(self._queues.sources_of(queue)),
        )
        return {"TaskHandle": task.handle}

    async def list_message_move_tasks(self, caller: Caller, params: Params) -> Params:
        most = params.get("MaxResults") or 1
        _check_range("MaxResults", most, 1, 10)
        results = []
        for task in (await self._queues.moves.of(params["SourceArn"]))[:most]:
            entry: Params = {
                "Status": task.status,
                "SourceArn": task.source,
                "ApproximateNumberOfMessagesMoved": task.moved,
                "ApproximateNumberOfMessagesToMove": task.to_move,
                "StartedTimestamp": task.started_ms,
            }
            optional = {
                "TaskHandle": task.handle if task.status == "RUNNING" else None,
                "DestinationArn": task.target,
                "MaxNumberOfMessagesPerSecond": task.per_second,
                "FailureReason": task.failure,
            }
            results.append(entry | {name: value for name, value in optional.items() if value is not None})
        return {"Results": results}

    async def cancel_message_move_task(self, caller: Caller, params: Params) -> Params:
        task = await self._queues.moves.cancel(params["TaskHandle"])
        return {"ApproximateNumberOfMessagesMoved": task.moved}


def _token_read(token: str | None) -> str:
    if not token:
        return ""
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise errors.InvalidParameterValue("Invalid or expired next token.") from None


def _check_range(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise errors.InvalidParameterValue.of(value, name, f"Must be between {low} and {high}, if provided.")


def _draft(caller: Caller, params: Params) -> Draft:
    given = params.get("MessageAttributes")
    system = params.get("MessageSystemAttributes")
    return Draft(
        body=params["MessageBody"],
        attributes={name: _attachment(name, value) for name, value in given.items()} if given else {},
        delay_s=params.get("DelaySeconds"),
        group=params.get("MessageGroupId"),
        dedup=params.get("MessageDeduplicationId"),
        trace_header=_trace_header(system) if system else None,
        sender=caller.access_key_id,
    )


def _attachment(name: str, value: Params) -> Attachment:
    if not value.get("DataType"):
        raise errors.InvalidParameterValue(f"The message (user) attribute '{name}' must contain a non-empty type.")
    if "StringListValues" in value or "BinaryListValues" in value:
        raise Unsupported("Message attribute lists in message attribute values are not supported.")
    return Attachment(value["DataType"], value.get("StringValue", ""), value.get("BinaryValue", b""))


def _trace_header(system: Mapping[str, Params]) -> str | None:
    for name in system:
        if name != "AWSTraceHeader":
            raise errors.InvalidParameterValue(f"Message system attribute name '{name}' is invalid.")
    value = system.get("AWSTraceHeader", {})
    if value.get("DataType") != "String":
        raise errors.InvalidParameterValue(
            "Message system attribute value or type for 'AWSTraceHeader' is invalid: it must be a String."
        )
    header = value.get("StringValue")
    return str(header) if header else None


def _size(draft: Draft) -> int:
    attached = sum(
        len(name) + len(attribute.type) + len(attribute.text.encode()) + len(attribute.data)
        for name, attribute in draft.attributes.items()
    )
    return len(draft.body.encode()) + attached


def _sent(sent: Sent) -> Params:
    answer: Params = {"MessageId": sent.message_id, "MD5OfMessageBody": sent.md5}
    if sent.md5_attributes is not None:
        answer["MD5OfMessageAttributes"] = sent.md5_attributes
    if sent.md5_system is not None:
        answer["MD5OfMessageSystemAttributes"] = sent.md5_system
    if sent.sequence is not None:
        answer["SequenceNumber"] = sent.sequence
    return answer


def _entries(params: Params, operation: str) -> list[Params]:
    entries: list[Params] = params.get("Entries") or []
    if not entries:
        raise errors.EmptyBatchRequest(f"There should be at least one {operation}RequestEntry in the request.")
    if len(entries) > 10:
        raise errors.TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are 10. You have sent {len(entries)}."
        )
    ids: set[str] = set()
    for entry in entries:
        if not _BATCH_ID.match(entry["Id"]):
            raise errors.InvalidBatchEntryId(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long."
            )
        if entry["Id"] in ids:
            raise errors.BatchEntryIdsNotDistinct(f"Id {entry['Id']} repeated.")
        ids.add(entry["Id"])
    return entries


def _results(entries: list[Params], results: Sequence[Any], shown: Callable[[Any], Params]) -> Params:
    answer: Params = {"Successful": [], "Failed": []}
    for entry, result in zip(entries, results, strict=True):
        if isinstance(result, Error):
            failed = {"Id": entry["Id"], "SenderFault": True, "Code": _code(result), "Message": result.message}
            answer["Failed"].append(failed)
        else:
            answer["Successful"].append({"Id": entry["Id"], **shown(result)})
    return {name: listed for name, listed in answer.items() if listed or name == "Successful"}


def _code(error: Error) -> str:
    if isinstance(error, Refused):
        return error.code
    fault = Sqs.FAULTS.get(type(error))
    return fault.code if fault is not None else "InternalError"


def message_attributes(delivery: Delivery) -> dict[str, Params]:
    """A message's attributes in the wire's members."""
    return {
        name: {
            "DataType": attribute.type,
            **(
                {"BinaryValue": attribute.data}
                if attribute.type.startswith("Binary")
                else {"StringValue": attribute.text}
            ),
        }
        for name, attribute in delivery.message.attributes.items()
    }


def _system_attributes(delivery: Delivery, wanted: set[str]) -> dict[str, str]:
    message = delivery.message
    values: dict[str, str | None] = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(delivery.receives),
        "ApproximateFirstReceiveTimestamp": str(delivery.first_received_ms),
        "SequenceNumber": delivery.sequence,
        "MessageDeduplicationId": message.dedup,
        "MessageGroupId": message.group,
        "AWSTraceHeader": message.trace_header,
        "DeadLetterQueueSourceArn": message.source_arn,
    }
    everything = "All" in wanted
    return {name: value for name, value in values.items() if value is not None and (everything or name in wanted)}


def _wants(name: str, wanted: Sequence[str]) -> bool:
    for pattern in wanted:
        if pattern in ("All", ".*", name):
            return True
        if pattern.endswith(".*") and name.startswith(pattern[:-1]):
            return True
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return True
    return False


def _message(delivery: Delivery, system: set[str], named: Sequence[str]) -> Params:
    message = delivery.message
    answer: Params = {
        "MessageId": message.id,
        "ReceiptHandle": delivery.handle,
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    if system:
        shown = _system_attributes(delivery, system)
        if shown:
            answer["Attributes"] = shown
    if named and message.attributes:
        chosen = {name: value for name, value in message.attributes.items() if _wants(name, named)}
        if chosen:
            every = message_attributes(delivery)
            answer["MessageAttributes"] = {name: every[name] for name in chosen}
            answer["MD5OfMessageAttributes"] = attachments.md5(chosen)
    return answer
