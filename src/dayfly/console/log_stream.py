"""`GET /_dayfly/logs?function=&since=&filter=`: a function's lines as they come, as server-sent events.

First come those from `since` on (milliseconds since the epoch; without it none), then every new one, soon after it was
printed, until the client goes away. Each is an event `line` whose data is `{"at", "stream", "line"}`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from dayfly.front.messages import Response
from dayfly.identity import Scope
from dayfly.logs import Event, GroupNotFound, Logs, Pattern

_HEARTBEAT_S = 15.0
_PAGE = 1000
_Line = tuple[str, Event]


class LogStream:
    """Follows log groups for clients. `close` ends what is still followed."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._open: set[asyncio.Queue[_Line | None]] = set()
        self._closed = False

    def answer(self, scope: Scope, group: str, since_ms: int | None, pattern: Pattern) -> Response:
        headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
        return Response(200, headers, self._lines(scope, group, since_ms, pattern))

    def close(self) -> None:
        """The platform stops: whoever follows is let go, for a stream without end would hold it up."""
        self._closed = True
        for queue in self._open:
            queue.put_nowait(None)

    async def _lines(self, scope: Scope, group: str, since_ms: int | None, pattern: Pattern) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[_Line | None] = asyncio.Queue()

        def came(_scope: Scope, _group: str, stream: str, events: list[Event]) -> None:
            for event in events:
                queue.put_nowait((stream, event))

        self._open.add(queue)
        unsubscribe = self._logs.subscribe(came, scope, group)
        try:
            yield b"retry: 1000\n\n"
            # What is in the journal by now may come to the subscriber, too: it is shown once.
            shown: Counter[_Line] = Counter()
            if since_ms is not None:
                await self._logs.flush()
                for page in self._earlier(scope, group, since_ms, pattern):
                    shown.update(page)
                    yield b"".join(_event(*line) for line in page)
            while not self._closed:
                try:
                    line = await asyncio.wait_for(queue.get(), _HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    shown.clear()  # what was late is not that late
                    continue
                if line is None:
                    return
                if shown[line] > 0:
                    shown[line] -= 1
                elif pattern.matches(line[1].text):
                    yield _event(*line)
        finally:
            unsubscribe()
            self._open.discard(queue)

    def _earlier(self, scope: Scope, group: str, since_ms: int, pattern: Pattern) -> list[list[_Line]]:
        """All of it at one moment, so that nothing comes between two pages."""
        pages: list[list[_Line]] = []
        while True:
            try:
                found = self._logs.search(
                    scope, group, pattern, since_ms=since_ms, skip=len(pages) * _PAGE, limit=_PAGE
                )
            except GroupNotFound:
                return pages  # nothing was printed yet
            if not found:
                return pages
            pages.append([(one.stream, one.event) for one in found])


def _event(stream: str, event: Event) -> bytes:
    data = msgspec.json.encode({"at": event.at_ms, "stream": stream, "line": event.text})
    return b"event: line\ndata: " + data + b"\n\n"
