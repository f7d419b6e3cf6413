"""An application, understood: the record everything else works from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from dayfly.app.code import CodeSource
from dayfly.app.report import Item
from dayfly.app.seeds import Seed
from dayfly.app.yaml import Mark


class FunctionName(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """What AWS calls it; "" where it is only known once the function exists."""
    logical_id: str


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A template, where its code lies, and what of it cannot work here."""

    name: str
    """The stack's name."""
    stage: str
    region: str
    account: str
    format: Literal["serverless", "sam", "cloudformation"]
    path: Path
    """The file it was read from."""
    template: dict[str, Any]
    parameters: Mapping[str, str] = {}
    made_up: frozenset[str] = frozenset()
    """Parameters that nobody gave a value: what cannot be made because of one is stood in for."""
    code: Mapping[str, CodeSource] = {}
    functions: Mapping[str, FunctionName] = {}
    """By key in `serverless.yml`, or by logical id in SAM."""
    origins: Mapping[str, Mark] = {}
    """Where each resource comes from, by logical id."""
    items: tuple[Item, ...] = ()
    seeds: tuple[Seed, ...] = ()
    """What is put into tables once they are made."""
    files: tuple[Path, ...] = ()
    """Every file that was read; a change of one means loading again."""

    @property
    def directory(self) -> Path:
        return self.path.parent
