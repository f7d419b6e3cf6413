"""From a batch of a source's records to the target of a pipe.

Functions and state machines get a batch as a list; other targets get its events one by one. An event that could not be
delivered is reported as failed, so that the source gives it again, where it still is one of the source's records.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dayfly.errors import NOT_JSON, Error, Unsupported
from dayfly.functions.errors import TooManyRequests
from dayfly.identity import Caller, Scope, parse_arn
from dayfly.ids import Ids
from dayfly.pipes.model import Pipe
from dayfly.pipes.template import given, parameter
from dayfly.store import Changes, Journal
from dayfly.targets import Call, Delivery

Event = Any
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Result(Protocol):
    @property
    def payload(self) -> bytes: ...

    @property
    def error(self) -> str | None: ...


class Functions(Protocol):
    async def invoke(self, scope: Scope, name: str, payload: bytes, *, source: str) -> Result: ...


class Targets(Protocol):
    async def deliver(self, scope: Scope, delivery: Delivery) -> Changes: ...

    async def ask_api(self, delivery: Delivery) -> bytes: ...


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch, as a function's outcome would say it."""

    payload: bytes = b""
    error: str | None = None
    request_id: str = ""
    executed_version: str = ""


class Failed(Error):
    """An enrichment or a target did not take what it was given."""


class Carrier:
    """`found` gives a pipe and its source by the pipe's ARN; `post` calls an API destination."""

    def __init__(
        self,
        *,
        found: Callable[[str], tuple[Pipe, str]],
        functions: Functions,
        targets: Targets,
        call: Call,
        post: Callable[[Scope, Delivery], Awaitable[bytes]],
        journal: Journal,
        ids: Ids,
    ) -> None:
        self._found = found
        self._functions = functions
        self._targets = targets
        self._call = call
        self._post = post
        self._journal = journal
        self._ids = ids

    async def invoke(self, scope: Scope, name: str, payload: bytes, *, source: str) -> Carried:
        """Take one batch through the pipe of this ARN. Raises TooManyRequests, to be tried again soon."""
        pipe, source_arn = self._found(name)
        records = [_flat(record) for record in msgspec.json.decode(payload)["Records"]]
        names = {
            "pipe-arn": name, "pipe-name": pipe.name, "source-arn": source_arn,
            "enrichment-arn": pipe.enrichment, "target-arn": pipe.target,
        }  # fmt: skip
        try:
            events = await self._enriched(scope, pipe, records, names)
            if not events:
                return Carried(request_id=self._ids.uuid())
            return await self._delivered(scope, pipe, name, records, events, names)
        except TooManyRequests:
            raise
        except Error as error:
            _log.warning("Pipe %s could not take a batch to %s: %s", pipe.name, pipe.target, error.message)
            said = {"errorType": type(error).__name__, "errorMessage": error.message}
            return Carried(payload=_encode(said), error="Unhandled", request_id=self._ids.uuid())

    async def _enriched(self, scope: Scope, pipe: Pipe, records: list[Event], names: Mapping[str, str]) -> list[Event]:
        if not pipe.enrichment:
            return records
        template = pipe.enrichment_parameters.get("InputTemplate")
        batch = [given(template, record, names) for record in records]
        service = parse_arn(pipe.enrichment).service
        if service == "lambda":
            return _listed(await self._invoked(scope, pipe.enrichment, batch))
        if service == "states":
            return _listed((await self._executed(scope, pipe.enrichment, batch)).encode())
        found: list[Event] = []
        for event in batch:
            delivery = _http(pipe.enrichment, pipe.enrichment_parameters, event, "")
            ask = self._post(scope, delivery) if service == "events" else self._targets.ask_api(delivery)
            found += _listed(await ask)
        return found

    async def _delivered(
        self,
        scope: Scope,
        pipe: Pipe,
        name: str,
        records: Sequence[Event],
        events: Sequence[Event],
        names: Mapping[str, str],
    ) -> Carried:
        template = pipe.target_parameters.get("InputTemplate")
        batch = [given(template, event, names) for event in events]
        match parse_arn(pipe.target).service:
            case "lambda":
                kind = (pipe.target_parameters.get("LambdaFunctionParameters") or {}).get("InvocationType")
                if kind == "FIRE_AND_FORGET":
                    await self._sent(scope, Delivery(arn=pipe.target, payload=_encode(batch), source="pipes"))
                    return Carried()
                return Carried(payload=await self._invoked(scope, pipe.target, batch))
            case "states":
                kind = (pipe.target_parameters.get("StepFunctionStateMachineParameters") or {}).get("InvocationType")
                if kind == "REQUEST_RESPONSE":
                    await self._executed(scope, pipe.target, batch)
                else:
                    await self._sent(scope, Delivery(arn=pipe.target, payload=_encode(batch), source="pipes"))
                return Carried()
        failed: list[int] = []
        why: Error | None = None
        for place, (event, content) in enumerate(zip(events, batch, strict=True)):
            try:
                await self._sent(scope, _delivery(pipe, name, event, content))
            except Unsupported:
                raise
            except Error as error:
                failed.append(place)
                why = error
        if why is None:
            return Carried()
        if pipe.enrichment or len(failed) == len(events):
            raise why
        items = [{"itemIdentifier": _identifier(records[place])} for place in failed]
        return Carried(payload=_encode({"batchItemFailures": items}))

    async def _sent(self, scope: Scope, delivery: Delivery) -> None:
        await self._journal.commit(await self._targets.deliver(scope, delivery))

    async def _invoked(self, scope: Scope, arn: str, batch: list[Event]) -> bytes:
        result = await self._functions.invoke(scope, arn, _encode(batch), source="pipes")
        if result.error is not None:
            raise Failed(f"{arn} failed: {result.payload.decode('utf-8', 'replace')[:500]}")
        return result.payload

    async def _executed(self, scope: Scope, arn: str, batch: list[Event]) -> str:
        params = {"stateMachineArn": arn, "input": _encode(batch).decode()}
        answer = await self._call(Caller(scope=scope), "stepfunctions", "StartSyncExecution", params)
        if answer.get("status") != "SUCCEEDED":
            raise Failed(f"{arn} ended as {answer.get('status')}: {answer.get('error')} {answer.get('cause')}")
        return str(answer.get("output") or "")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record as pipes have it: that of a Kinesis stream without the level that functions see."""
    return (
        {**record["kinesis"], **{k: v for k, v in record.items() if k != "kinesis"}} if "kinesis" in record else record
    )


def _identifier(record: Mapping[str, Any]) -> str:
    if "messageId" in record:
        return str(record["messageId"])
    return str(record["dynamodb"]["SequenceNumber"] if "dynamodb" in record else record["sequenceNumber"])


def _listed(answer: bytes) -> list[Event]:
    """What an enrichment answered, as events; nothing where it says that nothing shall go on."""
    try:
        found = msgspec.json.decode(answer) if answer.strip() else None
    except NOT_JSON:
        found = answer.decode("utf-8", "replace")
    if isinstance(found, list):
        return found
    return [] if found in (None, "", {}) else [found]


def _text(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else _encode(content)


def _http(arn: str, parameters: Mapping[str, Any], event: Event, source_arn: str) -> Delivery:
    http = parameters.get("HttpParameters") or {}
    return Delivery(
        arn=arn,
        payload=_text(event),
        source="pipes",
        source_arn=source_arn,
        path_values=tuple(parameter(one, event) for one in http.get("PathParameterValues") or ()),
        headers={key: parameter(value, event) for key, value in (http.get("HeaderParameters") or {}).items()},
        query={key: parameter(value, event) for key, value in (http.get("QueryStringParameters") or {}).items()},
    )


def _delivery(pipe: Pipe, name: str, event: Event, content: Any) -> Delivery:
    """One event for a target that takes them singly; parameters look into the event before its template."""
    given_ = pipe.target_parameters
    delivery = _http(pipe.target, given_, event, name)
    queue = given_.get("SqsQueueParameters") or {}
    bus = given_.get("EventBridgeEventBusParameters") or {}
    stream = given_.get("KinesisStreamParameters") or {}
    origin = event.get("eventSource") if isinstance(event, dict) else None
    return msgspec.structs.replace(
        delivery,
        payload=_text(content),
        group_id=parameter(queue.get("MessageGroupId"), event),
        deduplication_id=parameter(queue.get("MessageDeduplicationId"), event),
        detail_type=parameter(bus.get("DetailType"), event) or f"Event from {origin or 'pipe'}",
        event_source=parameter(bus.get("Source"), event) or f"Pipe {pipe.name}",
        resources=tuple(parameter(one, event) for one in bus.get("Resources") or ()),
        partition_key=parameter(stream.get("PartitionKey"), event),
    )
