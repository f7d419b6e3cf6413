"""Long polling: who waits at a queue, and in which order they are woken.

A wake-up hands nothing over; the woken receiver takes for itself in its own step. So a receiver that is cancelled while
it waits loses no message: it passes its wake-up on.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from dayfly.clock import Clock, Timer
from dayfly.queues.queue import Queue


class Waiters:
    """The receivers that wait at one queue, woken in the order in which they came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._timer: Timer | None = None
        self._timer_ms = 0

    def ticket(self) -> int:
        """A place in the order; a receiver keeps it over all its waits."""
        return next(self._tickets)

    def wake(self) -> None:
        """Wake the first who still waits."""
        while self._waiting:
            _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
                return

    def wake_all(self) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def wait(self, queue: Queue, ticket: int, until_ms: int) -> None:
        """Return when something may have become visible, or at `until_ms`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        while self._waiting and self._waiting[0][1].done():
            heapq.heappop(self._waiting)
        heapq.heappush(self._waiting, (ticket, future))
        timer = self._clock.at(until_ms, lambda: _fulfil(future))
        self._arm(queue)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.wake()
            raise
        finally:
            timer.cancel()

    def _arm(self, queue: Queue) -> None:
        due_ms = queue.next_due_ms()
        if due_ms is None or (self._timer is not None and self._timer_ms <= due_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = due_ms
        self._timer = self._clock.at(due_ms, lambda: self._due(queue))

    def _due(self, queue: Queue) -> None:
        self._timer = None
        queue.settle(self._clock.now_ms())
        if any(not future.done() for _, future in self._waiting):
            self._arm(queue)


def _fulfil(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
