"""Event source mappings: queues whose messages become events of functions; `streams.py` reads streams.

Nouns: a *mapping* joins a queue and a function; its *poller* is a task that long-polls the queue; a *batch* is what one
invocation gets. A poller waits for a free place, receives, and hands the batch to a task of its own, so several batches
of one mapping run at once. What a function processed is deleted; what it failed at returns when its visibility timeout
is over, as on AWS. In a FIFO queue the lock of a message group keeps the order.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, services-sqs-errorhandling.html, services-sqs-scaling.html
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error, Unsupported
from dayfly.functions.catalogue import Catalogue
from dayfly.functions.errors import Conflict, InvalidParameter, NotFound, TooManyRequests
from dayfly.functions.names import read_function
from dayfly.functions.streams import Streams, filter_of, is_stream
from dayfly.identity.names import Scope, parse_arn
from dayfly.ids import Ids
from dayfly.pipes.model import Pipe
from dayfly.queues import Delivery, Queue, Queues
from dayfly.store import Changes, Journal
from dayfly.topics.patterns import InvalidPattern, Matcher, compile_pattern

_AT_ONCE = 64
"""Batches of one mapping that run at once where it sets no maximum of its own."""
_RETRY_S = 1.0
_POLL_S = 20.0


class Result(Protocol):
    """What is needed of an invocation's outcome."""

    @property
    def payload(self) -> bytes: ...

    @property
    def error(self) -> str | None: ...


class Invoker(Protocol):
    """What is needed of `Functions`."""

    @property
    def catalogue(self) -> Catalogue: ...

    async def invoke(self, scope: Scope, name: str, payload: bytes, *, source: str) -> Result: ...


class SourceMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A queue or stream joined to a function. `function_arn` is qualified where a version or alias was asked for."""

    id: str
    account: str
    region: str
    source_arn: str
    function_arn: str
    batch_size: int = 10
    window_s: int = 0
    enabled: bool = True
    filters: tuple[str, ...] = ()
    partial: bool = False
    """The function answers with the items it failed at (ReportBatchItemFailures)."""
    at_once: int | None = None
    position: str = ""
    """Of a stream: TRIM_HORIZON, LATEST or AT_TIMESTAMP; the others below are for streams, too."""
    timestamp_s: float = 0
    max_retries: int = -1
    max_age_s: int = -1
    bisect: bool = False
    shard_batches: int = 1
    """ParallelizationFactor. One batch of a shard runs at a time whatever it says: its order is never weaker."""
    failure_arn: str = ""
    modified_ms: int = 0
    tags: dict[str, str] = {}
    pipe: Pipe | None = None
    """What takes the batches where it is no function; `function_arn` is the pipe's ARN then."""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def arn(self) -> str:
        return self.scope.arn("lambda", f"event-source-mapping:{self.id}")


class Receivers:
    """Who takes batches: functions, or what was added for another service in a receiver's ARN."""

    def __init__(self, functions: Invoker) -> None:
        self._functions = functions
        self._others: dict[str, Callable[[], Any]] = {}

    def add(self, service: str, make: Callable[[], Any]) -> None:
        """`make` gives what has an `invoke` like that of functions; it is called for each batch."""
        self._others[service] = make

    async def invoke(self, scope: Scope, name: str, payload: bytes, *, source: str) -> Any:
        other = self._others.get(parse_arn(name).service)
        receiver = self._functions if other is None else other()
        return await receiver.invoke(scope, name, payload, source=source)


class Sources:
    """The mappings of a platform. `load()` builds them from the journal; `start()` lets them poll."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        queues: Queues,
        functions: Invoker,
        streams: Streams | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._queues = queues
        self._functions = functions
        self.receivers = Receivers(functions)
        self._streams = streams
        if streams is not None:
            streams.hand_to(self.receivers)
        self._mappings: dict[str, SourceMapping] = {}
        self._pollers: dict[str, asyncio.Task[None]] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._started = False

    def load(self) -> None:
        """Read the mappings from the journal."""
        self._mappings = {}
        for _, raw in self._journal.load("esm/"):
            mapping = msgspec.msgpack.decode(raw, type=SourceMapping)
            self._mappings[mapping.id] = mapping
        if self._started:
            for mapping_id in {*self._pollers, *self._mappings}:
                self._follow(mapping_id)

    def start(self) -> None:
        """Begin to poll; call it in the running loop, after `load`."""
        self._started = True
        for mapping_id in self._mappings:
            self._follow(mapping_id)

    async def stop(self, deadline_s: float) -> None:
        """Take no more batches; let those that run finish until the deadline, then abort them."""
        self._started = False
        pollers = list(self._pollers.values())
        self._pollers.clear()
        for poller in pollers:
            poller.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)
        if self._batches:
            _, late = await asyncio.wait(list(self._batches), timeout=deadline_s)
            for batch in late:
                batch.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def function_arn(self, scope: Scope, name: str) -> str:
        """The ARN of a function that exists, qualified as asked for. Raises FunctionNotFound."""
        function = read_function(scope, name)
        self._functions.catalogue.configuration(function)
        return function.arn

    # -- the mappings themselves -----------------------------------------------------------------------------------
    def get(self, scope: Scope, mapping_id: str) -> SourceMapping:
        """Raises NotFound."""
        found = self._mappings.get(mapping_id)
        if found is None or found.scope != scope:
            raise NotFound("The resource you requested does not exist.")
        return found

    def listed(
        self, scope: Scope, source_arn: str | None = None, function_arn: str | None = None
    ) -> Sequence[SourceMapping]:
        """The mappings of a scope, of one queue or function where given, by id."""
        return sorted(
            (
                mapping
                for mapping in self._mappings.values()
                if mapping.scope == scope
                and mapping.pipe is None
                and source_arn in (None, mapping.source_arn)
                and function_arn in (None, mapping.function_arn)
            ),
            key=lambda mapping: mapping.id,
        )

    def piped(self) -> list[SourceMapping]:
        """The mappings that pipes have."""
        return [mapping for mapping in self._mappings.values() if mapping.pipe is not None]

    def receiving(self, arn: str) -> SourceMapping | None:
        """The mapping whose batches a pipe takes."""
        return next((mapping for mapping in self.piped() if mapping.function_arn == arn), None)

    async def settled(self) -> None:
        """Return once everything that look-ups have shown so far is durable."""
        await self._journal.commit(())

    async def create(self, scope: Scope, source_arn: str, function_arn: str, **settings: Any) -> SourceMapping:
        """Join a queue or stream to a function. `settings` are fields of SourceMapping.

        Raises InvalidParameter, Conflict (these two are joined already), Unsupported (another kind of source).
        """
        check_source(source_arn)
        if not is_stream(source_arn) and self._queues.find_arn(source_arn) is None:
            raise InvalidParameter(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                "SQS Error Message: The specified queue does not exist."
            )
        for existing in self.listed(scope, source_arn, function_arn):
            raise Conflict(
                f"An event source mapping with {_KINDS[parse_arn(source_arn).service]} arn "
                f'(" {source_arn} ") and function (" {function_arn} ") already '
                f"exists. Please update or delete the existing mapping with UUID {existing.id}"
            )
        mapping = SourceMapping(
            id=self._ids.uuid(),
            account=scope.account,
            region=scope.region,
            source_arn=source_arn,
            function_arn=function_arn,
            modified_ms=self._clock.now_ms(),
            **settings,
        )
        return await self._keep(mapping, await self._begin(mapping))

    async def _begin(self, mapping: SourceMapping) -> Changes:
        if not is_stream(mapping.source_arn):
            return ()
        if self._streams is None:
            raise Unsupported(f"Streams are not read here: {mapping.source_arn}")
        _check(mapping)
        return await self._streams.begin(mapping)

    async def update(self, scope: Scope, mapping_id: str, **settings: Any) -> SourceMapping:
        """Change fields of a mapping. Raises NotFound, InvalidParameter."""
        mapping = self.get(scope, mapping_id)
        return await self._keep(msgspec.structs.replace(mapping, modified_ms=self._clock.now_ms(), **settings))

    async def _keep(self, mapping: SourceMapping, places: Changes = ()) -> SourceMapping:
        _check(mapping)
        self._mappings[mapping.id] = mapping
        committed = self._journal.commit([(_key(mapping), msgspec.msgpack.encode(mapping)), *places])
        await committed
        self._follow(mapping.id)
        return mapping

    async def delete(self, scope: Scope, mapping_id: str) -> SourceMapping:
        """Raises NotFound."""
        mapping = self.get(scope, mapping_id)
        del self._mappings[mapping_id]
        self._follow(mapping_id)
        places = self._streams.forget(mapping) if self._streams is not None else ()
        await self._journal.commit([(_key(mapping), None), *places])
        return mapping

    # -- polling ---------------------------------------------------------------------------------------------------
    def _follow(self, mapping_id: str) -> None:
        """Let the poller be what the mapping says: none, or one with its present settings."""
        if not self._started:
            return
        poller = self._pollers.pop(mapping_id, None)
        if poller is not None:
            poller.cancel()
        mapping = self._mappings.get(mapping_id)
        if mapping is not None and mapping.enabled:
            self._pollers[mapping_id] = self._spawn(self._reading(mapping), f"poll {mapping.source_arn}")

    def _reading(self, mapping: SourceMapping) -> Coroutine[Any, Any, None]:
        if self._streams is not None and is_stream(mapping.source_arn):
            return self._streams.read(mapping, [_compile_filter(text) for text in mapping.filters])
        return self._poll(mapping)

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(coroutine, name=name)

    async def _poll(self, mapping: SourceMapping) -> None:
        places = asyncio.Semaphore(mapping.at_once or _AT_ONCE)
        filters = [_compile_filter(text) for text in mapping.filters]
        while True:
            await places.acquire()
            try:
                batch = await self._receive(mapping)
                wanted = await self._filtered(mapping, filters, batch) if filters else batch
            except Error:
                # The queue is gone for now, or the journal is: look again later rather than end.
                places.release()
                await self._clock.sleep(_RETRY_S * 5)
                continue
            except asyncio.CancelledError:
                places.release()
                raise
            if not wanted:
                places.release()
                continue
            task = self._spawn(self._process(mapping, wanted), f"batch of {mapping.source_arn}")
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)
            task.add_done_callback(_releasing(places))

    async def _receive(self, mapping: SourceMapping) -> list[Delivery]:
        """One batch: what is there, or within the window up to the batch size."""
        most = mapping.batch_size
        batch = list(await self._queues.receive(mapping.source_arn, most=min(10, most), wait_s=_POLL_S))
        end_ms = self._clock.now_ms() + mapping.window_s * 1000
        try:
            while batch and len(batch) < most:
                left_s = max(0.0, (end_ms - self._clock.now_ms()) / 1000)
                more = await self._queues.receive(mapping.source_arn, most=min(10, most - len(batch)), wait_s=left_s)
                if not more:
                    break
                batch += more
        except asyncio.CancelledError:
            await self._give_back(mapping, batch)
            raise
        return batch

    async def _give_back(self, mapping: SourceMapping, batch: Iterable[Delivery]) -> None:
        queue = self._queues.find_arn(mapping.source_arn)
        if queue is not None:
            await self._queues.change_visibility_all(queue, [(delivery.handle, 0) for delivery in batch])

    async def _filtered(
        self, mapping: SourceMapping, filters: Sequence[Callable[[Mapping[str, Any]], bool]], batch: Sequence[Delivery]
    ) -> list[Delivery]:
        """The deliveries that a filter wants; the others are deleted, as on AWS."""
        wanted: list[Delivery] = []
        unwanted: list[Delivery] = []
        for delivery in batch:
            record = record_of(delivery, mapping)
            (wanted if any(matches(record) for matches in filters) else unwanted).append(delivery)
        await self._delete(mapping, unwanted)
        return wanted

    async def _delete(self, mapping: SourceMapping, batch: Iterable[Delivery]) -> None:
        handles = [delivery.handle for delivery in batch]
        queue = self._queues.find_arn(mapping.source_arn)
        if queue is not None and handles:
            await self._queues.delete_all(queue, handles)

    async def _process(self, mapping: SourceMapping, batch: Sequence[Delivery]) -> None:
        queue = self._queues.find_arn(mapping.source_arn)
        if queue is None:
            return
        try:
            result = await self._invoke(mapping, queue, batch)
            if result is not None and result.error is None:
                failed = _failed(result.payload, batch) if mapping.partial else frozenset()
                await self._delete(mapping, (one for one in batch if one.message.id not in failed))
        except (Error, OSError):
            # The function is gone, or the platform cannot run it now: the messages return by themselves.
            await self._clock.sleep(_RETRY_S)

    async def _invoke(self, mapping: SourceMapping, queue: Queue, batch: Sequence[Delivery]) -> Result | None:
        """Invoke; while it is throttled try again until the messages are about to return. None: never got through."""
        payload = event_of(batch, mapping)
        until_ms = self._clock.now_ms() + queue.settings.visibility_ms // 2
        delay_s = _RETRY_S / 4
        while True:
            try:
                taken: Result = await self.receivers.invoke(mapping.scope, mapping.function_arn, payload, source="sqs")
                return taken
            except TooManyRequests:
                if self._clock.now_ms() + delay_s * 1000 >= until_ms:
                    return None
                await self._clock.sleep(delay_s)
                delay_s = min(delay_s * 2, 10.0)


def _releasing(places: asyncio.Semaphore) -> Callable[[asyncio.Task[None]], None]:
    return lambda _: places.release()


def _key(mapping: SourceMapping) -> str:
    return f"esm/{mapping.account}/{mapping.region}/{mapping.id}"


_KINDS = {"sqs": "SQS", "dynamodb": "DynamoDB", "kinesis": "Kinesis"}
_OTHER_SOURCES = {
    "kafka": "Amazon MSK",
    "mq": "Amazon MQ",
    "rds": "DocumentDB",
}


def check_source(arn: str | None) -> None:
    """Refuse what is neither a queue nor a stream. Raises Unsupported, InvalidParameter."""
    if not arn:
        raise Unsupported("dayfly does not poll self-managed Apache Kafka yet (SelfManagedEventSource).")
    service = parse_arn(arn).service
    if service in _OTHER_SOURCES:
        raise Unsupported(f"dayfly does not poll {_OTHER_SOURCES[service]} yet ({arn}).")
    if service not in _KINDS:
        raise InvalidParameter(f"Unrecognized event source: {arn}")


def _check(mapping: SourceMapping) -> None:
    if len(mapping.filters) > 10:
        raise InvalidParameter("Invalid request provided: an event source mapping has at most 10 filters.")
    for text in mapping.filters:
        _compile_filter(text)
    if is_stream(mapping.source_arn):
        _check_stream(mapping)
    else:
        _check_queue(mapping)


def _check_stream(mapping: SourceMapping) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    if mapping.position not in ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"):
        raise InvalidParameter(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must "
            "not be null."
        )
    if not 1 <= mapping.batch_size <= 10_000:
        raise InvalidParameter(f"Invalid request provided: BatchSize {mapping.batch_size} is not allowed for streams.")
    if not 0 <= mapping.window_s <= 300:
        raise InvalidParameter("Invalid request provided: MaximumBatchingWindowInSeconds must be from 0 to 300.")


def _check_queue(mapping: SourceMapping) -> None:
    fifo = mapping.source_arn.endswith(".fifo")
    if not 1 <= mapping.batch_size <= (10 if fifo else 10_000):
        raise InvalidParameter(
            f"Invalid request provided: BatchSize {mapping.batch_size} is not allowed for this queue."
        )
    if not 0 <= mapping.window_s <= 300 or (fifo and mapping.window_s):
        raise InvalidParameter(
            "Invalid request provided: MaximumBatchingWindowInSeconds must be from 0 to 300, and is not allowed "
            "for FIFO queues."
        )
    if mapping.batch_size > 10 and mapping.window_s < 1:
        raise InvalidParameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if mapping.at_once is not None and not 2 <= mapping.at_once <= 1000:
        raise InvalidParameter("Invalid request provided: MaximumConcurrency must be from 2 to 1000.")


def _compile_filter(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """A filter over records. A pattern for the body's members needs a body in JSON. Raises InvalidParameter."""
    try:
        pattern = json.loads(text)
        matches: Matcher = compile_pattern(pattern)
    except (ValueError, InvalidPattern) as error:
        raise InvalidParameter(f"Invalid filter pattern definition. {error}") from error
    if not isinstance(pattern.get("body"), dict):
        return filter_of(pattern, matches)

    def matches_parsed(record: Mapping[str, Any]) -> bool:
        try:
            return matches({**record, "body": json.loads(record["body"])})
        except ValueError:
            return False

    return matches_parsed


def _failed(payload: bytes, batch: Sequence[Delivery]) -> frozenset[str]:
    """The messages that a function reports as failed; all of them if its answer makes no sense.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    every = frozenset(delivery.message.id for delivery in batch)
    try:
        answer = json.loads(payload) if payload else None
    except ValueError:
        return every
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        return every
    failures = answer.get("batchItemFailures")
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        return every
    ids = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    named = frozenset(one for one in ids if isinstance(one, str))
    return named if len(named) == len(set(map(str, ids))) and named <= every else every


def record_of(delivery: Delivery, mapping: SourceMapping) -> dict[str, Any]:
    """One message as functions see it."""
    message = delivery.message
    attributes = {
        "ApproximateReceiveCount": str(delivery.receives),
        "AWSTraceHeader": message.trace_header,
        "SentTimestamp": str(message.sent_ms),
        "SequenceNumber": delivery.sequence,
        "MessageGroupId": message.group,
        "SenderId": message.sender,
        "MessageDeduplicationId": message.dedup,
        "ApproximateFirstReceiveTimestamp": str(delivery.first_received_ms),
        "DeadLetterQueueSourceArn": message.source_arn,
    }
    return {
        "messageId": message.id,
        "receiptHandle": delivery.handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": {
            name: {
                **(
                    {"binaryValue": base64.b64encode(attribute.data).decode()}
                    if attribute.type.startswith("Binary")
                    else {"stringValue": attribute.text}
                ),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": attribute.type,
            }
            for name, attribute in message.attributes.items()
        },
        "md5OfBody": message.md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.source_arn,
        "awsRegion": parse_arn(mapping.source_arn).region,
    }


def event_of(batch: Sequence[Delivery], mapping: SourceMapping) -> bytes:
    """The event for one batch."""
    return json.dumps({"Records": [record_of(delivery, mapping) for delivery in batch]}, ensure_ascii=False).encode()
