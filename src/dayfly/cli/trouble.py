"""What goes wrong with dayfly itself: one sentence for a person, the details where they can be asked for.

Warnings go to standard error, a line each. Tracebacks go to `<state>/dayfly.log` while a platform runs, and to standard
error where DAYFLY_DEBUG is set.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

_log = logging.getLogger("dayfly")
_details = logging.getLogger("dayfly.details")
"""Goes to the file alone."""
_file: Path | None = None


def keep_in(state: Path) -> None:
    """From now on the details go to a file in this directory, made when there is something to write."""
    global _file
    _file = state / "dayfly.log"
    details = _Quiet(_file, delay=True, encoding="utf-8")
    details.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers[:] = [lines, details]
    _details.propagate = _debugging()
    _details.handlers[:] = [details] if not _debugging() else []
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_failed


def told(error: BaseException) -> str:
    """Write the details where they belong; the sentence to say."""
    if _file is not None:
        _details.error("dayfly failed unexpectedly", exc_info=error)
    elif _debugging():
        sys.excepthook(type(error), error, error.__traceback__)
    where = f"details in {_file}" if _file is not None else "DAYFLY_DEBUG=1 shows where"
    return f"dayfly failed unexpectedly: {_named(error)} ({where})"


class _Quiet(logging.FileHandler):
    """Where the file cannot be written either (a full disk), its details are lost, and nothing else."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass


class _OneLine(logging.Formatter):
    """A record on one line: the error is named, its traceback is not shown unless asked for."""

    def format(self, record: logging.LogRecord) -> str:
        if _debugging():
            return super().format(record)
        error = record.exc_info[1] if record.exc_info else None
        line = logging.Formatter(self._fmt).format(_without_traceback(record)).splitlines()
        shown = line[0] if line else ""
        return f"{shown}: {_named(error)} (details in {_file})" if error is not None else shown


def _without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    made = logging.makeLogRecord(record.__dict__)
    made.exc_info = made.exc_text = made.stack_info = None
    return made


def _named(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _debugging() -> bool:
    return bool(os.environ.get("DAYFLY_DEBUG"))


def _unraisable(what: Any) -> None:
    if what.exc_value is not None:
        _log.warning("%s in %r", what.err_msg or "an error", what.object, exc_info=what.exc_value)


def _thread_failed(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None and what.exc_type is not SystemExit:
        _log.error("a thread ended", exc_info=what.exc_value)
