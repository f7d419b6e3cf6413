"""Lines on their way to standard output, which may be slow or full, from a loop that must not wait for it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_EVERY_S = 0.05
_MOST_WAITING = 20_000


class Lines:
    """Gathers what is said and writes it from a thread of its own, many lines at once.

    `write` gets the lines of one moment and how many were left out of them. A reader that stops reading holds up that
    thread alone: beyond 20,000 waiting lines, those that may be left out are.
    """

    def __init__(self, write: Callable[[list[object], int], None]) -> None:
        self._write = write
        self._waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._left_out = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dayfly-lines", daemon=True)
        self._thread.start()

    def add(self, line: object, *, needed: bool = False) -> None:
        """Say a line soon; `needed` ones are never left out."""
        if not needed and self._waiting.qsize() >= _MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.put(line)

    def close(self, deadline_s: float = 2.0) -> None:
        """Write what waits, if it can be written in that time."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(deadline_s)

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            # What comes in the next moment goes out with it: one write instead of thousands.
            ended = self._closing.wait(_EVERY_S) or first is None
            lines = [] if first is None else [first]
            while not self._waiting.empty():
                line = self._waiting.get()
                if line is not None:
                    lines.append(line)
            left_out, self._left_out = self._left_out, 0
            try:
                self._write(lines, left_out)
            except (OSError, ValueError):
                return  # whoever read is gone; the platform is not
            if ended and self._waiting.empty():
                return
