"""Message move tasks: dead letters go back to where they came from, or to a queue of choice, at a set pace.

A task lives in memory: after a restart it is no longer listed, and what it had not moved is still in its source.
Each step takes messages from the source and puts them into the target in one commit.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.ids import Ids
from dayfly.queues.errors import InvalidParameterValue, ResourceNotFound, UnsupportedOperation
from dayfly.queues.queue import Queue
from dayfly.store import Change, Changes

_STEP = 100


class Task:
    """One move. `moved` and `to_move` are numbers of messages."""

    def __init__(self, handle: str, source: str, target: str | None, per_second: int | None, now_ms: int) -> None:
        self.handle = handle
        self.source = source
        self.target = target
        self.per_second = per_second
        self.started_ms = now_ms
        self.status: Literal["RUNNING", "COMPLETED", "CANCELLING", "CANCELLED", "FAILED"] = "RUNNING"
        self.moved = 0
        self.to_move = 0
        self.failure: str | None = None


class Moves:
    """All tasks since the start, by source ARN; at most ten of a source are remembered."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        find: Callable[[str], Queue | None],
        commit: Callable[[Changes], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._find = find
        self._commit = commit
        self._tasks: dict[str, list[Task]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def start(self, source_arn: str, target_arn: str | None, per_second: int | None, is_dead_letter: bool) -> Task:
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
        if any(task.status in ("RUNNING", "CANCELLING") for task in tasks):
            raise UnsupportedOperation(
                "There is already a task running. "
                "Only one active task is allowed for a source queue arn at a given time."
            )
        handle = base64.b64encode(f'{{"taskId":"{self._ids.uuid()}","sourceArn":"{source_arn}"}}'.encode()).decode()
        task = Task(handle, source_arn, target_arn, per_second, self._clock.now_ms())
        task.to_move = source.waiting
        tasks.insert(0, task)
        del tasks[10:]
        running = asyncio.get_running_loop().create_task(self._run(task), name=f"move messages of {source_arn}")
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task

    def _queue(self, arn: str) -> Queue:
        queue = self._find(arn)
        if queue is None:
            raise ResourceNotFound
        return queue

    def of(self, source_arn: str) -> Sequence[Task]:
        """The tasks of a source, newest first."""
        self._queue(source_arn)
        return self._tasks.get(source_arn, [])

    def cancel(self, handle: str) -> Task:
        """Stop a running task. Raises ResourceNotFound, UnsupportedOperation."""
        for tasks in self._tasks.values():
            for task in tasks:
                if task.handle == handle:
                    if task.status != "RUNNING":
                        raise UnsupportedOperation("Only active tasks can be cancelled.")
                    task.status = "CANCELLING"
                    return task
        raise ResourceNotFound("Task does not exist.")

    async def _run(self, task: Task) -> None:
        try:
            while task.status == "RUNNING" and await self._step(task):
                if task.per_second:
                    await self._clock.sleep(1)
            task.status = "CANCELLED" if task.status == "CANCELLING" else "COMPLETED"
        except Error as error:
            task.status, task.failure = "FAILED", error.message

    async def _step(self, task: Task) -> bool:
        source = self._queue(task.source)
        moved, changes = self._move(task, source, task.per_second or _STEP)
        await self._commit(changes)
        task.moved += moved
        return moved > 0

    def _move(self, task: Task, source: Queue, most: int) -> tuple[int, list[Change]]:
        now_ms = self._clock.now_ms()
        return source.withdraw(now_ms, most, lambda message: self._find(task.target or message.source_arn or ""))

    async def close(self) -> None:
        """Stop all tasks."""
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
