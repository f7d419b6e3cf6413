"""DynamoDB and Kinesis streams whose records become events of functions.

Nouns: a *shard* is an ordered part of a stream; a *place* is the sequence number up to which a mapping has processed a
shard, kept in the journal. Each shard of a mapping has a reader of its own, which hands on one batch at a time, so a
shard's order holds; it waits until the companion that keeps the stream has changed something (`wake`).

A batch that fails is tried again until it succeeds, is too old, or was tried often enough; then what is known of it
goes to the failure destination and the shard goes on.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html, with-kinesis.html, services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.functions.errors import TooManyRequests
from dayfly.identity.names import Caller, Scope, parse_arn
from dayfly.ids import Ids
from dayfly.store import Change, Changes, Journal
from dayfly.targets import Call, Delivery, Send
from dayfly.topics.patterns import Matcher

if TYPE_CHECKING:
    from dayfly.functions.invoke import Outcome
    from dayfly.functions.sources import SourceMapping

PREFIX = "esm-places/"
SERVICES = {"dynamodb": "dynamodbstreams", "kinesis": "kinesis"}
_LOOK_AGAIN_S = 30.0
"""A reader that nobody wakes looks by itself: somebody else may write to a companion that the user named."""
_DAY_S = 24 * 3600
_LONGEST_PAUSE_S = 60.0

Record = dict[str, Any]
Filters = Sequence[Callable[[Mapping[str, Any]], bool]]


class Invoker(Protocol):
    """What is needed of `Functions`."""

    async def invoke(self, scope: Scope, name: str, payload: bytes, *, source: str) -> Outcome: ...


class Streams:
    """The readers' side of mappings of streams. `call` asks the companion; `send` is for failure destinations."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, call: Call, functions: Invoker, send: Send) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._call = call
        self._functions = functions
        self._send = send
        self._turns: dict[tuple[str, str], asyncio.Event] = {}

    def hand_to(self, receivers: Invoker) -> None:
        """Who takes batches from now on."""
        self._functions = receivers

    def wake(self, service: str, scope: Scope) -> None:
        """Something of this service changed: let its readers look."""
        turn = self._turns.pop((service, scope.account), None)
        if turn is not None:
            turn.set()

    async def begin(self, mapping: SourceMapping) -> Changes:
        """Where a new mapping begins. LATEST: behind what is there now. Raises what the service refuses with."""
        changes: list[Change] = []
        for shard in await self._shards(mapping):
            place = ""
            while mapping.position != "TRIM_HORIZON":
                records = await self._records(mapping, shard, place, 1000)
                if mapping.position == "AT_TIMESTAMP":
                    records = [one for one in records if _seconds(one) < mapping.timestamp_s]
                if not records:
                    break
                place = _sequence(records[-1])
            if place:
                changes.append((_key(mapping, shard), place.encode()))
        return changes

    def forget(self, mapping: SourceMapping) -> Changes:
        """The places of a mapping that goes."""
        return [(key, None) for key, _ in self._journal.load(_key(mapping, ""))]

    async def read(self, mapping: SourceMapping, filters: Filters) -> None:
        """Follow all shards until cancelled."""
        while True:
            try:
                shards = await self._shards(mapping)
                break
            except Error:
                await self._clock.sleep(_LOOK_AGAIN_S)  # the stream is gone for now
        async with asyncio.TaskGroup() as readers:
            for shard in shards:
                readers.create_task(self._follow(mapping, shard, filters), name=f"shard {shard}")

    async def _follow(self, mapping: SourceMapping, shard: str, filters: Filters) -> None:
        place = self._place(mapping, shard)
        while True:
            account = parse_arn(mapping.source_arn).account
            turn = self._turns.setdefault((_service(mapping), account), asyncio.Event())
            try:
                records = await self._records(mapping, shard, place, mapping.batch_size)
                if records and len(records) < mapping.batch_size and mapping.window_s:
                    await self._clock.sleep(mapping.window_s)
                    records = await self._records(mapping, shard, place, mapping.batch_size)
                if not records:
                    await self._wait(turn)
                    continue
                wanted = [one for one in records if not filters or any(matches(one) for matches in filters)]
                given_up = await self._process(mapping, shard, wanted) if wanted else ()
            except Error:
                await self._clock.sleep(5.0)  # the stream, the function or the journal is gone for now
                continue
            place = _sequence(records[-1])
            await self._journal.commit([(_key(mapping, shard), place.encode()), *given_up])

    async def _wait(self, turn: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(turn.wait())
        pause = asyncio.ensure_future(self._clock.sleep(_LOOK_AGAIN_S))
        try:
            await asyncio.wait((waiting, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pause.cancel()

    def _place(self, mapping: SourceMapping, shard: str) -> str:
        return next((raw.decode() for _, raw in self._journal.load(_key(mapping, shard))), "")

    # -- what the companion has ------------------------------------------------------------------------------------
    async def _ask(self, mapping: SourceMapping, operation: str, **params: Any) -> dict[str, Any]:
        scope = parse_arn(mapping.source_arn).scope
        caller = Caller(scope=scope, access_key_id=scope.account)  # whose stream it is, not whose function
        return await self._call(caller, SERVICES[_service(mapping)], operation, params)

    async def _shards(self, mapping: SourceMapping) -> list[str]:
        described = await self._ask(mapping, "DescribeStream", **_stream(mapping))
        return [one["ShardId"] for one in described["StreamDescription"]["Shards"]]

    async def _records(self, mapping: SourceMapping, shard: str, place: str, most: int) -> list[Record]:
        """What follows a place, as functions see it."""
        start: dict[str, Any] = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", _SEQUENCE[_service(mapping)]: place}
            if place
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        found = await self._ask(mapping, "GetShardIterator", **_stream(mapping), ShardId=shard, **start)
        answer = await self._ask(
            mapping, "GetRecords", ShardIterator=found["ShardIterator"], Limit=min(most, _MOST[_service(mapping)])
        )
        shown = _shown_change if _service(mapping) == "dynamodb" else _shown_data
        return [shown(record, mapping, shard) for record in answer["Records"]]

    # -- handing on ------------------------------------------------------------------------------------------------
    async def _process(self, mapping: SourceMapping, shard: str, batch: Sequence[Record]) -> Changes:
        """Hand a batch on until it is done with. What is to be committed for it where it was given up."""
        tries, pause_s = 0, 1.0
        while True:
            try:
                outcome = await self._functions.invoke(
                    mapping.scope,
                    mapping.function_arn,
                    json.dumps({"Records": batch}, ensure_ascii=False).encode(),
                    source=_service(mapping),
                )
            except TooManyRequests:
                await self._clock.sleep(pause_s)
                continue
            left = _left(outcome, batch, mapping.partial)
            if not left:
                return ()
            if len(left) < len(batch):
                batch, tries = left, 0
            tries += 1
            age_s = self._clock.now_ms() / 1000 - _seconds(batch[0])
            oldest_s = mapping.max_age_s if mapping.max_age_s > 0 else _DAY_S
            if tries > mapping.max_retries >= 0 or age_s > oldest_s:
                return self._give_up(mapping, shard, batch, outcome, tries)
            if mapping.bisect and len(batch) > 1:
                half = len(batch) // 2
                first = await self._process(mapping, shard, batch[:half])
                return [*first, *await self._process(mapping, shard, batch[half:])]
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _give_up(
        self, mapping: SourceMapping, shard: str, batch: Sequence[Record], outcome: Outcome, tries: int
    ) -> Changes:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
        if not mapping.failure_arn:
            return ()
        spent = tries > mapping.max_retries >= 0
        told = {
            "requestContext": {
                "requestId": outcome.request_id,
                "functionArn": mapping.function_arn,
                "condition": "RetryAttemptsExhausted" if spent else "RecordAgeExceeded",
                "approximateInvokeCount": tries,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": outcome.executed_version,
                "functionError": outcome.error,
            },
            "version": "1.0",
            "timestamp": _iso(self._clock.now_ms() / 1000),
            "DDBStreamBatchInfo" if _service(mapping) == "dynamodb" else "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": _sequence(batch[0]),
                "endSequenceNumber": _sequence(batch[-1]),
                "approximateArrivalOfFirstRecord": _iso(_seconds(batch[0])),
                "approximateArrivalOfLastRecord": _iso(_seconds(batch[-1])),
                "batchSize": len(batch),
                "streamArn": mapping.source_arn,
            },
        }
        delivery = Delivery(arn=mapping.failure_arn, payload=msgspec.json.encode(told), source=_service(mapping))
        return self._send(mapping.scope, delivery)


_SEQUENCE = {"dynamodb": "SequenceNumber", "kinesis": "StartingSequenceNumber"}
_MOST = {"dynamodb": 1000, "kinesis": 10_000}


def is_stream(arn: str) -> bool:
    return parse_arn(arn).service in SERVICES


def filter_of(pattern: Mapping[str, Any], matches: Matcher) -> Callable[[Mapping[str, Any]], bool]:
    """A filter over records; a pattern for `data` is for what the record of a Kinesis stream has as JSON.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
    """
    if not isinstance(pattern.get("data"), dict):
        return matches

    def matches_data(record: Mapping[str, Any]) -> bool:
        try:
            return matches({**record, "data": json.loads(base64.b64decode(record["kinesis"]["data"]))})
        except (ValueError, KeyError):
            return False

    return matches_data


def _service(mapping: SourceMapping) -> str:
    return parse_arn(mapping.source_arn).service


def _stream(mapping: SourceMapping) -> dict[str, str]:
    arn = parse_arn(mapping.source_arn)
    if arn.service == "dynamodb":
        return {"StreamArn": mapping.source_arn}
    # A consumer's ARN names its stream first: stream/<name>/consumer/<consumer>:<time>
    return {"StreamName": arn.resource.split("/")[1]}


def _key(mapping: SourceMapping, shard: str) -> str:
    return f"{PREFIX}{mapping.account}/{mapping.id}/{shard}"


def _shown_change(record: Mapping[str, Any], mapping: SourceMapping, _shard: str) -> Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    change = _plain(record["dynamodb"])
    if isinstance(change.get("ApproximateCreationDateTime"), float):
        change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"])
    return {
        **{name: record[name] for name in ("eventID", "eventName", "eventVersion") if name in record},
        "eventSource": "aws:dynamodb",
        "awsRegion": parse_arn(mapping.source_arn).region,
        "dynamodb": change,
        "eventSourceARN": mapping.source_arn,
    }


def _shown_data(record: Mapping[str, Any], mapping: SourceMapping, shard: str) -> Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    arn = parse_arn(mapping.source_arn)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": _plain(record["ApproximateArrivalTimestamp"]),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{arn.scope.account}:role/lambda-role",
        "awsRegion": arn.region,
        "eventSourceARN": mapping.source_arn,
    }


def _plain(value: Any) -> Any:
    """What JSON has no form for: bytes in base64, moments in seconds."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
    return value


def _sequence(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"] if "dynamodb" in record else record["kinesis"]["sequenceNumber"])


def _seconds(record: Record) -> float:
    if "dynamodb" in record:
        return float(record["dynamodb"].get("ApproximateCreationDateTime", 0))
    return float(record["kinesis"]["approximateArrivalTimestamp"])


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _left(outcome: Outcome, batch: Sequence[Record], partial: bool) -> Sequence[Record]:
    """What of a batch is not done: from the first record on that the function says it failed at.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    if outcome.error is not None:
        return batch
    if not partial or not outcome.payload:
        return ()
    try:
        answer = json.loads(outcome.payload)
        failed = [failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures") or ()]
    except (ValueError, TypeError, KeyError, AttributeError):
        return batch
    if not failed:
        return ()
    places = [place for place, record in enumerate(batch) if _sequence(record) in failed]
    return batch[min(places) :] if places and all(failed) else batch
