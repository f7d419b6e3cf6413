"""Asynchronous invocations: events wait in the durable work queue and are tried as AWS tries them.

An event that the function fails is tried again after one minute and after two more; one that is throttled comes back
after a second, then ever later up to five minutes, until it is six hours old. What is left over goes to the on-failure
destination and to the dead letter queue. Each further try is a new work item that is committed together with the
completion of the last, so an event is neither lost nor forgotten by a crash.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from dayfly.clock import Clock
from dayfly.errors import NOT_JSON
from dayfly.functions.catalogue import Catalogue
from dayfly.functions.errors import FunctionNotFound, RequestTooLarge, TooManyRequests
from dayfly.functions.invoke import ASYNC_LIMIT, Invocations, Outcome
from dayfly.functions.model import Configuration, EventInvokeConfig
from dayfly.functions.names import LATEST, FunctionName, read_function
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.store import Changes
from dayfly.targets import Delivery, Send, WorkQueue
from dayfly.work import Item

KIND = "lambda-event"
CONCURRENCY = 1000
"""As many as an AWS account runs at once before anyone asked for more."""
RETRY_AFTER_MS = (60_000, 120_000)
MAX_AGE_S = 6 * 3600


Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event that waits for its function."""

    account: str
    region: str
    function: str
    """ARN, with the qualifier it was invoked with."""
    payload: bytes
    source: str
    request_id: str
    at_ms: int
    trace_id: str = ""
    tries: int = 0
    """How often the function has failed it."""
    throttles: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class Events:
    def __init__(
        self,
        *,
        catalogue: Catalogue,
        invocations: Invocations,
        clock: Clock,
        ids: Ids,
        work: WorkQueue,
        send: Send,
    ) -> None:
        self._catalogue = catalogue
        self._invocations = invocations
        self._clock = clock
        self._ids = ids
        self._work = work
        self._send = send

    def enqueue(
        self,
        scope: Scope,
        name: str,
        payload: bytes,
        *,
        source: str,
        qualifier: str | None = None,
        trace_id: str = "",
        request_id: str = "",
    ) -> tuple[str, Changes]:
        """Take an event. Answers its request id and the changes that make it durable. Raises FunctionNotFound …"""
        if len(payload) > ASYNC_LIMIT:
            raise RequestTooLarge(
                f"{len(payload)} byte payload is too large for the Event invocation type (limit {ASYNC_LIMIT} bytes)"
            )
        function = read_function(scope, name, qualifier)
        self._catalogue.configuration(function)
        event = Event(
            account=function.scope.account,
            region=function.scope.region,
            function=function.arn,
            payload=payload,
            source=source,
            request_id=request_id or self._ids.uuid(),
            at_ms=self._clock.now_ms(),
            trace_id=trace_id,
        )
        return event.request_id, self._put(event, None)

    async def run(self, item: Item) -> Changes | None:
        """Try one event; the answer is what follows from it."""
        event = msgspec.msgpack.decode(item.payload, type=Event)
        try:
            name = read_function(event.scope, event.function)
            configuration = self._catalogue.configuration(name)
        except FunctionNotFound:
            return None  # deleted since: AWS drops its events too
        config = self._config(name)
        if self._clock.now_ms() - event.at_ms > _age_limit_ms(config):
            return self._give_up(name, configuration, config, event, None, "EventAgeExceeded")
        try:
            outcome = await self._invocations.invoke(
                event.scope,
                event.function,
                event.payload,
                source=event.source,
                request_id=event.request_id,
                trace_id=event.trace_id,
            )
        except TooManyRequests:
            return self._throttled(name, configuration, config, event)
        if outcome.error is None:
            return self._record(config.on_success, name, event, outcome, "Success")
        return self._failed(name, configuration, config, event, outcome)

    def _failed(
        self,
        name: FunctionName,
        configuration: Configuration,
        config: EventInvokeConfig,
        event: Event,
        outcome: Outcome,
    ) -> Changes:
        failed = msgspec.structs.replace(event, tries=event.tries + 1, throttles=0)
        allowed = len(RETRY_AFTER_MS) if config.retries is None else config.retries
        if failed.tries > allowed:
            return self._give_up(name, configuration, config, failed, outcome, "RetriesExhausted")
        due_ms = self._clock.now_ms() + RETRY_AFTER_MS[failed.tries - 1]
        if due_ms - event.at_ms > _age_limit_ms(config):
            return self._give_up(name, configuration, config, failed, outcome, "EventAgeExceeded")
        return self._put(failed, due_ms)

    def _throttled(
        self, name: FunctionName, configuration: Configuration, config: EventInvokeConfig, event: Event
    ) -> Changes:
        if self._catalogue.get(name).function.reserved == 0:
            # Nothing will ever run it: AWS hands such events on at once.
            return self._give_up(name, configuration, config, event, None, "RetriesExhausted")
        wait_ms = min(300_000, 1000 * 2 ** min(event.throttles, 10))
        again = msgspec.structs.replace(event, throttles=event.throttles + 1)
        return self._put(again, self._clock.now_ms() + wait_ms)

    def _give_up(
        self,
        name: FunctionName,
        configuration: Configuration,
        config: EventInvokeConfig,
        event: Event,
        outcome: Outcome | None,
        condition: Condition,
    ) -> Changes:
        changes = list(self._record(config.on_failure, name, event, outcome, condition))
        if configuration.dead_letter:
            attributes = {"RequestID": event.request_id, **_error_attributes(outcome)}
            letter = Delivery(
                arn=configuration.dead_letter,
                payload=event.payload,
                source="lambda",
                source_arn=event.function,
                attributes=attributes,
            )
            changes.extend(self._send(event.scope, letter))
        return changes

    def _record(
        self, destination: str, name: FunctionName, event: Event, outcome: Outcome | None, condition: Condition
    ) -> Changes:
        if not destination:
            return ()
        function_arn = event.function if name.qualifier else f"{event.function}:{LATEST}"
        document = _document(function_arn, event, outcome, condition, self._clock.now_ms())
        good = condition == "Success"
        record = Delivery(
            arn=destination,
            payload=msgspec.json.encode(document),
            source="lambda",
            source_arn=function_arn,
            event_source="lambda",
            detail_type=f"Lambda Function Invocation Result - {'Success' if good else 'Failure'}",
            resources=(function_arn, destination),
        )
        return self._send(event.scope, record)

    def _config(self, name: FunctionName) -> EventInvokeConfig:
        qualifier = "" if name.qualifier in (None, LATEST) else str(name.qualifier)
        return self._catalogue.get(name).function.invoke_configs.get(qualifier, EventInvokeConfig())

    def _put(self, event: Event, due_ms: int | None) -> Changes:
        _, changes = self._work.put(KIND, msgspec.msgpack.encode(event), due_ms=due_ms)
        return changes


def _age_limit_ms(config: EventInvokeConfig) -> int:
    return 1000 * (MAX_AGE_S if config.max_age_s is None else config.max_age_s)


def _error_attributes(outcome: Outcome | None) -> dict[str, str]:
    if outcome is None:
        return {"ErrorCode": "429", "ErrorMessage": "Rate Exceeded."}
    try:
        message = str(msgspec.json.decode(outcome.payload).get("errorMessage", ""))
    except (*NOT_JSON, AttributeError):
        message = outcome.payload.decode(errors="replace")
    return {"ErrorCode": "200", "ErrorMessage": message[:1024]}


def _document(function_arn: str, event: Event, outcome: Outcome | None, condition: str, now_ms: int) -> dict[str, Any]:
    tries = event.tries if condition != "Success" else event.tries + 1
    document: dict[str, Any] = {
        "version": "1.0",
        "timestamp": _iso(now_ms),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": _json_or_text(event.payload),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": outcome.executed_version}
        if outcome.error:
            context["functionError"] = outcome.error
        document["responseContext"] = context
        document["responsePayload"] = _json_or_text(outcome.payload)
    return document


def _json_or_text(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data) if data else None
    except NOT_JSON:
        return data.decode(errors="replace")


def _iso(now_ms: int) -> str:
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z"
