"""Functions on a journal in memory, a clock that tests move, and an invoker that does as it is told."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dayfly.api.lambda_ import Lambda
from dayfly.api.registry import Registry
from dayfly.clock import ManualClock
from dayfly.functions import Functions
from dayfly.functions.model import Code, Configuration
from dayfly.functions.service import CodeSource
from dayfly.identity import Caller, Scope
from dayfly.ids import SeededIds
from dayfly.runtime import Finished, Invoke, Spec
from dayfly.store import Changes
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Delivery, Targets
from dayfly.work import Work

SCOPE = Scope("000000000000", "us-east-1")
CALLER = Caller(scope=SCOPE, request_id="")


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", "."), (2020, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def configuration(**fields: Any) -> Configuration:
    given: dict[str, Any] = {
        "version": "$LATEST",
        "runtime": "python3.12",
        "handler": "app.handler",
        "role": "arn:aws:iam::000000000000:role/r",
        "code": Code(sha256="", size=0),
        **fields,
    }
    return Configuration(**given)


class FakeInvoker:
    def __init__(self) -> None:
        self.seen: list[tuple[Spec, Invoke]] = []
        self.retired: list[str] = []
        self.orphans: dict[str, Callable[[Finished], None]] = {}
        self.answer: Callable[[Spec, Invoke], Finished] = lambda spec, invoke: Finished(payload=invoke.payload)
        self.gate: asyncio.Event | None = None

    async def invoke(self, spec: Spec, invoke: Invoke, on_chunk: Callable[[bytes], None] | None = None) -> Finished:
        self.seen.append((spec, invoke))
        if self.gate:
            await self.gate.wait()
        return self.answer(spec, invoke)

    def orphaned(self, request_id: str, told: Callable[[Finished], None]) -> None:
        self.orphans[request_id] = told

    def retire(self, key: str) -> None:
        self.retired.append(key)

    async def close(self, deadline_s: float) -> None: ...


class Notes:
    """Stands in for logs and meter."""

    def __init__(self) -> None:
        self.invocations: list[Any] = []
        self.lines: list[tuple[str, str]] = []

    def invoked(self, scope: Scope, invocation: Any) -> None:
        self.invocations.append(invocation)

    def write(self, scope: Scope, group: str, stream: str, events: list[tuple[int, str]]) -> None:
        self.lines += [(group, text) for _, text in events]


class Bench:
    def __init__(self, directory: Path, records: dict[str, bytes] | None = None, **options: Any) -> None:
        self.clock = ManualClock()
        self.ids = SeededIds()
        self.journal = MemoryJournal(records)
        self.work = Work(journal=self.journal, clock=self.clock, ids=self.ids)
        self.invoker = FakeInvoker()
        self.notes = Notes()
        self.delivered: list[Delivery] = []
        self.targets = Targets(work=self.work, clock=self.clock)
        for service in ("sqs", "sns", "events"):
            self.targets.add(service, self._take)
        self.functions = Functions(
            journal=self.journal,
            clock=self.clock,
            ids=self.ids,
            invoker=self.invoker,
            work=self.work,
            logs=self.notes,
            meter=self.notes,
            code_directory=directory,
            endpoint="http://127.0.0.1:4566",
            send=self.targets.send,
            local_code=True,
            **options,
        )
        self.functions.load()
        self.api = Lambda(functions=self.functions, clock=self.clock, endpoint="http://127.0.0.1:4566")
        self.registry = Registry({"lambda": lambda: self.api}, clock=self.clock, ids=self.ids)

    async def _take(self, scope: Scope, delivery: Delivery) -> Changes:
        self.delivered.append(delivery)
        return ()

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.registry.call(CALLER, "lambda", operation, params)

    async def create(self, name: str = "greet", **params: Any) -> dict[str, Any]:
        return await self.call(
            "CreateFunction",
            **{
                "FunctionName": name,
                "Runtime": "python3.12",
                "Handler": "app.handler",
                "Role": "arn:aws:iam::000000000000:role/r",
                "Code": {"ZipFile": zipped(app__py="def handler(event, context): return event")},
                **params,
            },
        )

    async def enqueue(self, payload: bytes = b"{}", name: str = "greet") -> str:
        request_id, changes = self.functions.enqueue(SCOPE, name, payload, source="invoke")
        await self.functions.commit(changes)
        return request_id

    async def settle(self, seconds: float = 0) -> None:
        if seconds:
            self.clock.advance(seconds)
        await self.work.idle()


__all__ = ["CALLER", "SCOPE", "Bench", "CodeSource", "configuration", "zipped"]
