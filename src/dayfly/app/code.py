"""Where the code of a function or layer lies, and what must be done before it can run; `dayfly.build` does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

Method = Literal["plain", "pip", "npm", "esbuild", "makefile", "archive", "files"]


class CodeSource(msgspec.Struct, frozen=True, kw_only=True):
    """One function's or layer's code, before it is built.

    `plain`: `path` is mounted as it is (for a layer, at /opt). `pip`, `npm`: the packages of `manifest` beside the code
    (`into` is the folder for them: "python" or "nodejs" in a layer). `esbuild`: `entries` bundled, settings as in SAM's
    BuildProperties. `makefile`: `make build-<target>`. `archive`: the ZIP at `path`. `files`: only `files`. In every
    method but `plain`, `files` (name → text) are written beside the rest.
    """

    logical_id: str
    kind: Literal["function", "layer"] = "function"
    method: Method = "plain"
    path: Path
    manifest: Path | None = None
    into: str = ""
    runtime: str = ""
    handler: str = ""
    target: str = ""
    entries: tuple[str, ...] = ()
    properties: Mapping[str, Any] = {}
    files: Mapping[str, str] = {}
    patterns: tuple[str, ...] = ()
    """The package rules in order, `!` excluding; they say which files lie beside a bundle."""
