"""What a running platform says to a person: tables at the start, then a short line for everything that happens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dayfly.cli import show
from dayfly.cli.stream import Lines
from dayfly.meter import Invocation


class PersonVoice:
    """Tables at the start, then a short line for everything that happens."""

    tells_lines = True

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or show.out()
        self._lines = Lines(self._write)

    def _write(self, lines: list[object], left_out: int) -> None:
        """At most so many lines a moment: nobody reads thousands a second, and laying them out takes time."""
        left_out += max(0, len(lines) - _READABLE)
        for line in lines[:_READABLE]:
            self._console.print(line, soft_wrap=True)
        if left_out:
            self._console.print(Text(f"… {left_out:,} more lines; dayfly invocations has them all", "dim"))

    def close(self) -> None:
        self._lines.close()

    def progress(self, sentence: str) -> None:
        self._console.print(Text(sentence, "dim"), soft_wrap=True)

    def ready(self, record: Mapping[str, Any], notes: Sequence[str]) -> None:
        for stack in record["stacks"]:
            self._stack(stack)
        for sentence in notes:
            self.note(sentence)
        where = Text.assemble(
            ("ready ", "bold green"),
            ("AWS endpoint ", "dim"),
            (record["endpoint"], "bold"),
            (f"  region {record['region']}  account {record['account']}", "dim"),
        )
        self._console.print(where, soft_wrap=True)
        self._console.print(Text(f"inbox {record['endpoint']}/_dayfly/mail   stop with Ctrl-C", "dim"), soft_wrap=True)

    def _stack(self, stack: Mapping[str, Any]) -> None:
        self._console.print(Text.assemble((stack["name"], "bold"), (f"  {stack['path']}", "dim")), soft_wrap=True)
        shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
        for api in stack["apis"]:
            shown.add_row(Text(api["kind"], "cyan"), Text(api["url"], "bold"))
            for route in api.get("routes", ()):
                shown.add_row("", Text(route, "dim"))
        for key, function in stack["functions"].items():
            shown.add_row(Text("function", "magenta"), f"{key}  [dim]{function['name']}[/dim]")
        for logical, resource in stack["resources"].items():
            if resource["type"] in _SHOWN:
                shown.add_row(Text(_SHOWN[resource["type"]], "yellow"), f"{logical}  [dim]{resource['id']}[/dim]")
        self._console.print(shown)

    def problem(self, message: str, file: str | None = None, line: int | None = None) -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        self._console.print(Text.assemble(("error ", "bold red"), f"{where}{message}"), soft_wrap=True)

    def note(self, sentence: str) -> None:
        self._console.print(Text.assemble(("note ", "yellow"), sentence), soft_wrap=True)

    def invocation(self, one: Invocation) -> None:
        state = Text("failed ", "red") if one.error else Text("cold ", "cyan") if one.cold else Text("")
        line = Text.assemble(
            (show.moment(one.at), "dim"),
            "  ",
            (one.function, "bold"),
            "  ",
            state,
            f"{one.duration_ms:.1f} ms",
            (f"  billed {one.billed_ms} ms  {one.max_memory_mb} MB  {one.source}", "dim"),
        )
        self._lines.add(line)

    def printed(self, function: str, line: str) -> None:
        if not line.startswith(_PLATFORM_LINES):
            self._lines.add(Text.assemble((f"{function} ", "dim magenta"), line))

    def reload(self, what: Mapping[str, Any]) -> None:
        at = time.strftime("%H:%M:%S")
        self._console.print(Text.assemble((at, "dim"), "  ", ("reload ", "green"), str(what["what"])), soft_wrap=True)

    def stopping(self) -> None:
        self._console.print(Text("stopping; Ctrl-C again forces", "dim"))

    def stopped(self) -> None:
        self._console.print(Text("stopped", "dim"))


_READABLE = 40

_PLATFORM_LINES = ("INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
"""What the platform itself writes into a function's log; the line of the invocation says the same."""
_SHOWN = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::Events::Rule": "rule",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Lambda::LayerVersion": "layer",
}
