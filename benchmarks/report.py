"""How benchmarks print: a table for people, `--json` for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Row(NamedTuple):
    """One figure with its ceiling of the same run, and what is promised (`>= 10000`, `<= 0.3`)."""

    what: str
    figure: float
    unit: str
    ceiling: float | None = None
    ceiling_is: str = ""
    promise: str = ""

    @property
    def kept(self) -> bool | None:
        if not self.promise:
            return None
        sign, number = self.promise.split()
        return self.figure <= float(number) if sign == "<=" else self.figure >= float(number)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print all rows; with `--json` among the command's words, as one JSON document."""
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"benchmark": title, "rows": [row._asdict() for row in rows]}) + "\n")
        return
    table = Table(title=title, box=None, title_justify="left", title_style="bold")
    for name in ("what", "figure", "unit", "ceiling in the same run", "promise", ""):
        table.add_column(name, justify="right" if name == "figure" else "left")
    for row in rows:
        ceiling = f"{_number(row.ceiling)} {row.ceiling_is}" if row.ceiling is not None else row.ceiling_is
        kept = {None: "", True: "[green]kept[/green]", False: "[red]missed[/red]"}[row.kept]
        table.add_row(row.what, _number(row.figure), row.unit, ceiling, row.promise, kept)
    Console().print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
