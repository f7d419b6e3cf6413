"""`dayfly up` and `dayfly dev` without typer, where every word of the command is a plain one.

Typer, and pydantic behind it, take longer to import and more memory than the platform itself. What is not understood
here (`--help`, a mistake, an unusual way of writing) is left to the tree, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dayfly.settings import Mode

_BOTH = {"--host": str, "--port": int, "--region": str, "--account": str, "--state": str, "--isolation": str}
_DEV = {"--http-port": int, "--websocket-port": int, "--lambda-port": int, "--stage": str, "-s": str, "--param": list}
OPTIONS: dict[Mode, dict[str, type]] = {"up": _BOTH, "dev": _BOTH | _DEV}
"""Options with a value."""
FLAGS: dict[Mode, frozenset[str]] = {
    "up": frozenset({"--json", "--memory"}),
    "dev": frozenset({"--json", "--memory", "--insecure"}),
}


class Call(NamedTuple):
    """A command that was understood: its words by option, and the paths."""

    mode: Mode
    words: dict[str, Any]
    paths: list[Path]

    def run(self) -> int:
        """Do it; the exit status."""
        from dayfly.cli import running
        from dayfly.cli.options import parameters

        words = dict(self.words)
        as_json = words.pop("json", False)
        params, stage = words.pop("param", None), words.pop("stage", None)
        paths = (self.paths or [Path()]) if self.mode == "dev" else []
        region = words.get("region") if self.mode == "dev" else None
        return running.run(
            self.mode, words, paths=paths, as_json=as_json, stage=stage, region=region, params=parameters(params)
        )


def read(words: Sequence[str]) -> Call | None:
    """The call that the command line means; None where typer had better look at it."""
    mode: Mode
    if words[:1] == ["up"]:
        mode = "up"
    elif words[:1] == ["dev"]:
        mode = "dev"
    else:
        return None
    found: dict[str, Any] = {}
    paths: list[Path] = []
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if word in FLAGS[mode]:
            found[word[2:]] = True
        elif name in OPTIONS[mode]:
            given = value if equals else next(rest, None)
            if not _put(found, name, OPTIONS[mode][name], given):
                return None
        elif mode == "dev" and not word.startswith("-"):
            paths.append(Path(word))
        else:
            return None
    return Call(mode, found, paths)


def _put(found: dict[str, Any], option: str, kind: type, value: str | None) -> bool:
    if value is None or value.startswith("-"):
        return False
    name = "stage" if option == "-s" else option[2:].replace("-", "_")
    if kind is list:
        found.setdefault(name, []).append(value)
    elif kind is int:
        if not value.isdecimal():
            return False
        found[name] = int(value)
    else:
        found[name] = value
    return True
