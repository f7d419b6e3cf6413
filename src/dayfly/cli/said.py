"""What a running platform says: lines of JSON for programs, or a table and short lines for a person."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dayfly.cli import show


class Voice(Protocol):
    """Everything that is said between start and end."""

    def progress(self, sentence: str) -> None: ...

    def ready(self, record: Mapping[str, Any], notes: Sequence[str]) -> None: ...

    def problem(self, message: str, file: str | None = None, line: int | None = None) -> None: ...

    def note(self, sentence: str) -> None: ...

    def invocation(self, one: Mapping[str, Any]) -> None: ...

    def printed(self, function: str, line: str) -> None: ...

    def reload(self, what: Mapping[str, Any]) -> None: ...

    def stopping(self) -> None: ...

    def stopped(self) -> None: ...


class JsonVoice:
    """One JSON object a line on stdout; what is for people goes to stderr."""

    def __init__(self) -> None:
        self._people = PersonVoice(show.err())

    def progress(self, sentence: str) -> None:
        self._people.progress(sentence)

    def ready(self, record: Mapping[str, Any], notes: Sequence[str]) -> None:
        for sentence in notes:
            self._people.note(sentence)
        show.as_json({"event": "ready", **record})

    def problem(self, message: str, file: str | None = None, line: int | None = None) -> None:
        self._people.problem(message, file, line)
        show.as_json({"event": "error", "message": message, "file": file, "line": line})

    def note(self, sentence: str) -> None:
        self._people.note(sentence)

    def invocation(self, one: Mapping[str, Any]) -> None:
        show.as_json({"event": "invocation", **one})

    def printed(self, function: str, line: str) -> None:
        pass  # in CloudWatch Logs, where programs ask for it

    def reload(self, what: Mapping[str, Any]) -> None:
        show.as_json({"event": "reload", **what})

    def stopping(self) -> None:
        self._people.stopping()

    def stopped(self) -> None:
        show.as_json({"event": "stopped"})


class PersonVoice:
    """Tables at the start, then a short line for everything that happens."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or show.out()

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

    def invocation(self, one: Mapping[str, Any]) -> None:
        state = Text("failed ", "red") if one["error"] else Text("cold ", "cyan") if one["cold"] else Text("")
        line = Text.assemble(
            (show.moment(one["at"]), "dim"),
            "  ",
            (one["function"], "bold"),
            "  ",
            state,
            f"{one['duration_ms']:.1f} ms",
            (f"  billed {one['billed_ms']} ms  {one['max_memory_mb']} MB  {one['source']}", "dim"),
        )
        self._console.print(line, soft_wrap=True)

    def printed(self, function: str, line: str) -> None:
        self._console.print(Text.assemble((f"{function} ", "dim magenta"), line), soft_wrap=True)

    def reload(self, what: Mapping[str, Any]) -> None:
        at = time.strftime("%H:%M:%S")
        self._console.print(Text.assemble((at, "dim"), "  ", ("reload ", "green"), str(what["what"])), soft_wrap=True)

    def stopping(self) -> None:
        self._console.print(Text("stopping; Ctrl-C again forces", "dim"))

    def stopped(self) -> None:
        self._console.print(Text("stopped", "dim"))


_SHOWN = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::Events::Rule": "rule",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Lambda::LayerVersion": "layer",
}
