"""What a running platform says: lines of JSON for programs, or (`person.py`) for a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dayfly.cli.stream import Lines

if TYPE_CHECKING:
    from dayfly.meter import Invocation


class Voice(Protocol):
    """Everything that is said between start and end."""

    def progress(self, sentence: str) -> None: ...

    def ready(self, record: Mapping[str, Any], notes: Sequence[str]) -> None: ...

    def problem(self, message: str, file: str | None = None, line: int | None = None) -> None: ...

    def note(self, sentence: str) -> None: ...

    tells_lines: bool
    """Whether it wants what functions print."""

    def invocation(self, one: Invocation) -> None: ...

    def printed(self, function: str, line: str) -> None: ...

    def reload(self, what: Mapping[str, Any]) -> None: ...

    def stopping(self) -> None: ...

    def stopped(self) -> None: ...

    def close(self) -> None:
        """Everything is said; what still waits is written."""


class JsonVoice:
    """One JSON object a line on stdout; what is for people goes to stderr."""

    tells_lines = False

    def __init__(self) -> None:
        self._lines = Lines(_write_json)

    @cached_property
    def _people(self) -> Voice:
        from dayfly.cli import show
        from dayfly.cli.person import PersonVoice

        return PersonVoice(show.err())

    def progress(self, sentence: str) -> None:
        self._people.progress(sentence)

    def ready(self, record: Mapping[str, Any], notes: Sequence[str]) -> None:
        for sentence in notes:
            self._people.note(sentence)
        self._lines.add({"event": "ready", **record}, needed=True)

    def problem(self, message: str, file: str | None = None, line: int | None = None) -> None:
        self._people.problem(message, file, line)
        self._lines.add({"event": "error", "message": message, "file": file, "line": line}, needed=True)

    def note(self, sentence: str) -> None:
        self._people.note(sentence)

    def invocation(self, one: Invocation) -> None:
        self._lines.add(one)  # made into JSON by the thread that writes it

    def printed(self, function: str, line: str) -> None:
        pass  # in CloudWatch Logs, where programs ask for it

    def reload(self, what: Mapping[str, Any]) -> None:
        self._lines.add({"event": "reload", **what}, needed=True)

    def stopping(self) -> None:
        sys.stderr.write("stopping; Ctrl-C again forces\n")

    def stopped(self) -> None:
        self._lines.add({"event": "stopped"}, needed=True)

    def close(self) -> None:
        self._lines.close()
        if "_people" in self.__dict__:
            self._people.close()


def _as_json(line: object) -> bytes:
    if isinstance(line, dict):
        return msgspec.json.encode(line, enc_hook=str) + b"\n"
    return b'{"event":"invocation",' + msgspec.json.encode(line)[1:] + b"\n"


def _write_json(lines: list[object], left_out: int) -> None:
    if left_out:
        lines = [*lines, {"event": "left_out", "lines": left_out}]
    sys.stdout.buffer.write(b"".join(map(_as_json, lines)))
    sys.stdout.buffer.flush()
