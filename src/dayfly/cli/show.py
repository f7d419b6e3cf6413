"""How results and errors look: tables and colour for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 240
"""Of what is not a terminal: a table in a file need not fold."""


def out() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def err() -> Console:
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


def failed(sentence: str) -> None:
    """One sentence on stderr."""
    err().print(Text.assemble(("error ", "bold red"), sentence), soft_wrap=True)


def as_json(value: Any) -> None:
    """One JSON document on stdout, flushed: programs read line by line."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table on stdout, or one sentence where there is nothing to show. Columns that start with `#` are numbers."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(
            column.removeprefix("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    count = 0
    for row in rows:
        # What others wrote (a mail's subject) is shown as it is: brackets in it are no markup.
        shown.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
        count += 1
    if count:
        out().print(shown)
    else:
        out().print(empty)


def moment(at_ms: float) -> str:
    """A time of day, local."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def day_and_time(at_ms: float) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
