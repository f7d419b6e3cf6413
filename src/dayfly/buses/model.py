"""The records of buses, rules and targets."""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.buses.inputs import Transformer
from dayfly.identity import Scope

DEFAULT_BUS = "default"


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    created_ms: int = 0
    modified_ms: int = 0
    tags: dict[str, str] = {}
    kept: dict[str, Any] = {}
    """Members that are stored and answered as given, without effect here."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule sends events. At most one of `input`, `input_path` and `transformer` is set."""

    id: str
    arn: str
    input: str | None = None
    input_path: str | None = None
    transformer: Transformer | None = None
    group_id: str = ""
    dead_letter: str = ""
    max_age_s: int | None = None
    max_retries: int | None = None
    kept: dict[str, Any] = {}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    bus: str
    pattern: str | None = None
    """JSON, as given."""
    schedule: str | None = None
    state: str = "ENABLED"
    description: str = ""
    role: str = ""
    created_by: str = ""
    targets: dict[str, Target] = {}
    tags: dict[str, str] = {}

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"


def bus_arn(scope: Scope, bus: str) -> str:
    return scope.arn("events", f"event-bus/{bus}")


def rule_arn(scope: Scope, bus: str, name: str) -> str:
    return scope.arn("events", f"rule/{name}" if bus == DEFAULT_BUS else f"rule/{bus}/{name}")
