"""Message move tasks: dead letters go back to where they came from, or to a queue of choice, at a set pace.

Each step takes messages from the source and puts them into the target in one commit, with how far the task has come: a
task that was running when the platform stopped goes on at the next start, and counts no message twice.

    RUNNING ──► COMPLETED   nothing is left that can be moved
            ├─► FAILED      the source or the target is gone
            └─► CANCELLING ──► CANCELLED

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error, Unavailable
from dayfly.ids import Ids
from dayfly.queues.errors import InvalidParameterValue, ResourceNotFound, UnsupportedOperation
from dayfly.queues.queue import Queue
from dayfly.store import Change, Journal

PREFIX = "sqsmove/"
_STEP = 100
_REMEMBERED = 10
_TRY_AGAIN_S = 1.0

_encode = msgspec.msgpack.Encoder().encode


class Task(msgspec.Struct):
    """One move, as it is kept. `moved` and `to_move` are numbers of messages."""

    handle: str
    source: str
    target: str | None
    per_second: int | None
    started_ms: int
    status: Literal["RUNNING", "COMPLETED", "CANCELLING", "CANCELLED", "FAILED"] = "RUNNING"
    moved: int = 0
    to_move: int = 0
    failure: str | None = None

    @property
    def active(self) -> bool:
        return self.status in ("RUNNING", "CANCELLING")

    @property
    def key(self) -> str:
        account = self.source.split(":")[4]
        return f"{PREFIX}{account}/{self.handle}"


class Moves:
    """The tasks of all sources by ARN, newest first; at most ten of a source are remembered."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, find: Callable[[str], Queue | None]) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._find = find
        self._tasks: dict[str, list[Task]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def load(self) -> None:
        """Read all tasks from the journal."""
        tasks = [msgspec.msgpack.decode(raw, type=Task) for _, raw in self._journal.load(PREFIX)]
        self._tasks = {}
        for task in sorted(tasks, key=lambda task: task.started_ms, reverse=True):
            self._tasks.setdefault(task.source, []).append(task)

    def resume(self) -> None:
        """Go on with what was running when the platform stopped."""
        for tasks in self._tasks.values():
            for task in tasks:
                if task.active:
                    self._go_on(task)

    async def start(
        self, source_arn: str, target_arn: str | None, per_second: int | None, is_dead_letter: bool
    ) -> Task:
        """Begin to move. Raises ResourceNotFound, InvalidParameterValue, UnsupportedOperation."""
        source = self._queue(source_arn)
        if not is_dead_letter:
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        if target_arn is not None:
            self._queue(target_arn)
        if per_second is not None and not 1 <= per_second <= 500:
            raise InvalidParameterValue.of(
                per_second, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided."
            )
        tasks = self._tasks.setdefault(source_arn, [])
        if any(task.active for task in tasks):
            raise UnsupportedOperation(
                "There is already a task running. "
                "Only one active task is allowed for a source queue arn at a given time."
            )
        handle = base64.b64encode(f'{{"taskId":"{self._ids.uuid()}","sourceArn":"{source_arn}"}}'.encode()).decode()
        task = Task(handle, source_arn, target_arn, per_second, self._clock.now_ms(), to_move=source.waiting)
        tasks.insert(0, task)
        forgotten: list[Change] = [(old.key, None) for old in tasks[_REMEMBERED:]]
        del tasks[_REMEMBERED:]
        await self._journal.commit([self._kept(task), *forgotten])
        self._go_on(task)
        return task

    def _queue(self, arn: str) -> Queue:
        queue = self._find(arn)
        if queue is None:
            raise ResourceNotFound
        return queue

    async def of(self, source_arn: str) -> Sequence[Task]:
        """The tasks of a source, newest first."""
        self._queue(source_arn)
        tasks = list(self._tasks.get(source_arn, ()))
        await self._journal.commit(())
        return tasks

    async def cancel(self, handle: str) -> Task:
        """Stop a running task. Raises ResourceNotFound, UnsupportedOperation."""
        task = self._known(handle)
        if task is None:
            raise ResourceNotFound("Task does not exist.")
        if task.status != "RUNNING":
            raise UnsupportedOperation("Only active tasks can be cancelled.")
        task.status = "CANCELLING"
        await self._journal.commit([self._kept(task)])
        return task

    def _known(self, handle: str) -> Task | None:
        return next((task for tasks in self._tasks.values() for task in tasks if task.handle == handle), None)

    def _kept(self, task: Task) -> Change:
        return task.key, _encode(task)

    def _go_on(self, task: Task) -> None:
        handle = task.handle
        if handle not in self._running:
            name = f"move messages of {task.source}"
            running = self._running[handle] = asyncio.get_running_loop().create_task(self._run(handle), name=name)
            running.add_done_callback(lambda _: self._running.pop(handle, None))

    async def _run(self, handle: str) -> None:
        # The task is looked up for each step: after a commit that failed, memory holds another one of this handle.
        while (task := self._known(handle)) is not None and task.active:
            per_second = task.per_second
            try:
                await self._journal.commit(self._step(task))
            except Unavailable:
                await self._clock.sleep(_TRY_AGAIN_S)
                continue
            if per_second and task.active:
                await self._clock.sleep(1)

    def _step(self, task: Task) -> list[Change]:
        """Move some messages, or end."""
        if task.status == "CANCELLING":
            task.status = "CANCELLED"
            return [self._kept(task)]
        try:
            source = self._queue(task.source)
            moved, changes = source.withdraw(
                self._clock.now_ms(),
                task.per_second or _STEP,
                lambda message: self._find(task.target or message.source_arn or ""),
            )
        except Error as error:
            task.status, task.failure = "FAILED", error.message
            return [self._kept(task)]
        task.moved += moved
        if not moved:
            task.status = "COMPLETED"
        return [*changes, self._kept(task)]

    async def close(self) -> None:
        """Stop moving; `resume` goes on."""
        running = list(self._running.values())
        for one in running:
            one.cancel()
        for one in running:
            with contextlib.suppress(asyncio.CancelledError):
                await one
