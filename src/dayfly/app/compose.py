"""Several services in one repository: `serverless-compose.yml` says which, and what they give each other.

https://www.serverless.com/framework/docs/guides/compose
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.variables import Options, Resolver
from dayfly.app.variables.sources import evaluate, read_dotenv
from dayfly.app.yaml import ApplicationError, Map, Mark, mark_of, read

FILES = tuple(f"serverless-compose.{suffix}" for suffix in ("yml", "yaml", "json", "ts", "js"))
_OUTPUT = re.compile(r"\$\{([\w-]+)\.([\w.-]+)\}")
_KEYS = frozenset({"path", "config", "params", "dependsOn"})


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One service. Texts of `params` may hold `${service.output}`, which are known once that service is deployed."""

    name: str
    path: Path
    params: Mapping[str, str] = {}
    needs: frozenset[str] = frozenset()
    mark: Mark | None = None


def find(path: Path) -> Path | None:
    """The composition that a path is, or that a directory holds."""
    if path.is_file():
        return path if path.name in FILES else None
    return next((path / name for name in FILES if (path / name).is_file()), None)


def parts_of(path: Path, *, stage: str | None = None, cache: Path | None = None) -> list[Part] | None:
    """The services of a composition, each after those it needs; None where the path is none. Raises ApplicationError.

    Blocking, like `load`.
    """
    file = find(path.absolute())
    if file is None:
        return None
    environment = {**read_dotenv(file.parent, stage or "dev")[0], **os.environ}  # at the edge: ${env:…} means these
    options = Options(stage=stage or "dev", environment=environment, cache=cache)
    document = evaluate(file, options) if file.suffix in (".ts", ".js") else read(file)
    services = Resolver(document, file.parent, options).value("services") if isinstance(document, Map) else None
    if not isinstance(services, Map):
        raise ApplicationError(f"{file.name} has no services", file, 1)
    parts = {name: _part(file.parent, name, services) for name in services}
    return _in_order(parts)


def _part(directory: Path, name: str, services: Map) -> Part:
    given, mark = services[name], mark_of(services, name)
    if not isinstance(given, Map) or not isinstance(given.get("path"), str):
        raise ApplicationError.at(f"the service {name} needs a path", mark)
    unknown = next((key for key in given if key not in _KEYS), None)
    if unknown is not None:
        raise ApplicationError.at(f"{unknown} of the service {name} is not supported", mark_of(given, unknown))
    params = {key: _text(value) for key, value in (given.get("params") or {}).items()}
    declared = given.get("dependsOn") or []
    needs = {declared} if isinstance(declared, str) else set(declared)
    needs |= {match[1] for text in params.values() for match in _OUTPUT.finditer(text)}
    for need in sorted(needs - set(services)):
        raise ApplicationError.at(f"the service {name} needs {need}, which is not one of the services", mark)
    path = directory / given["path"]
    config = given.get("config")
    return Part(
        name=name, path=path / str(config) if config else path, params=params, needs=frozenset(needs), mark=mark
    )


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else "" if value is None else str(value)


def _in_order(parts: Mapping[str, Part]) -> list[Part]:
    ordered: dict[str, Part] = {}
    while len(ordered) < len(parts):
        ready = [part for part in parts.values() if part.name not in ordered and part.needs <= set(ordered)]
        if not ready:
            stuck = next(part for part in parts.values() if part.name not in ordered)
            raise ApplicationError.at(f"the services need each other: {stuck.name} waits for itself", stuck.mark)
        ordered[ready[0].name] = ready[0]
    return list(ordered.values())


def filled(part: Part, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The parameters with the outputs (by service) in their places. Raises ApplicationError where there is none."""

    def output(match: re.Match[str]) -> str:
        try:
            return outputs[match[1]][match[2]]
        except KeyError:
            raise ApplicationError.at(f"the service {match[1]} has no output {match[2]}", part.mark) from None

    return {name: _OUTPUT.sub(output, text) for name, text in part.params.items()}
