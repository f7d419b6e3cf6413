"""The record of a pipe; it is kept within the mapping of its source."""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.identity import Scope


class Pipe(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of source, enrichment and target are as given, in AWS's members."""

    name: str
    target: str
    target_parameters: dict[str, Any] = {}
    enrichment: str = ""
    enrichment_parameters: dict[str, Any] = {}
    source_parameters: dict[str, Any] = {}
    description: str = ""
    role: str = ""
    tags: dict[str, str] = {}
    created_ms: int = 0


def pipe_arn(scope: Scope, name: str) -> str:
    return scope.arn("pipes", f"pipe/{name}")
