"""Which directory a function's code is, what must be built for it, and the package rules.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/packaging
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayfly.app.code import CodeSource
from dayfly.app.serverless import plugins
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import Mark

DEFAULT_EXCLUDES = (
    "!.git/**",
    "!.gitignore",
    "!.DS_Store",
    "!npm-debug.log",
    "!yarn-*.log",
    "!.serverless/**",
    "!.serverless_plugins/**",
    "!.dayfly/**",
    "!serverless.y*ml",
    "!serverless.json",
)
_SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".jsx")


def code_of(service: Service, function: Function) -> CodeSource:
    package = function.definition.get("package") or {}
    shared = service.section("package")
    artifact = package.get("artifact") or (None if package.get("individually") else shared.get("artifact"))
    runtime = str(function.definition.get("runtime") or service.provider.get("runtime") or "nodejs20.x")
    handler = str(function.definition.get("handler") or "")
    source = CodeSource(
        logical_id=function.id,
        path=service.directory,
        runtime=runtime,
        handler=handler,
        patterns=(*DEFAULT_EXCLUDES, *_patterns(shared), *_patterns(package)),
    )
    if artifact:
        return replace(source, method="archive", path=service.directory / str(artifact))
    if runtime.startswith("python"):
        return plugins.python_code(service, function, source)
    if runtime.startswith("nodejs"):
        return _node_code(service, function, source)
    return source


def _patterns(package: Mapping[str, Any]) -> list[str]:
    excluded = [f"!{pattern}" for pattern in package.get("exclude") or []]
    return [*excluded, *(package.get("include") or []), *map(str, package.get("patterns") or [])]


def _node_code(service: Service, function: Function, source: CodeSource) -> CodeSource:
    entry = _entry(service.directory, source.handler)
    typed = entry is not None and entry.suffix in (".ts", ".tsx", ".mts", ".cts")
    compiled = entry is not None and (typed or plugins.bundles(service, function))
    if not compiled or entry is None:
        return source
    settings = plugins.bundler_settings(service)
    return replace(source, method="esbuild", entries=(str(entry.relative_to(service.directory)),), properties=settings)


def _entry(directory: Path, handler: str) -> Path | None:
    """The file a handler such as `src/api/users.list` stands in."""
    stem = handler.rpartition(".")[0]
    name = Path(stem).name
    for suffix in _SCRIPTS:
        path = directory / Path(stem).parent / (name + suffix)
        if path.is_file():
            return path
    return None


def layer_of(
    service: Service, logical_id: str, key: str, definition: Mapping[str, Any], mark: Mark | None
) -> CodeSource:
    package = definition.get("package") or {}
    artifact = package.get("artifact")
    path = service.directory / str(artifact or definition.get("path") or key)
    if not path.exists():
        service.report.warning(
            f"the layer {key} names {definition.get('path') or artifact}, which does not exist", mark
        )
    return CodeSource(
        logical_id=logical_id,
        kind="layer",
        method="archive" if path.is_file() else "plain",
        path=path,
        patterns=tuple(_patterns(package)),
    )


def replace(source: CodeSource, **changes: Any) -> CodeSource:
    import msgspec.structs

    return msgspec.structs.replace(source, **changes)
