"""One function per type of variable: `self`, `opt`, `env`, `file`, `sls`, `aws`, `param`, `cf`, `ssm`, `s3` …

Reference: https://www.serverless.com/framework/docs/guides/variables
"""
# ruff: noqa: ARG001 - one signature for all sources

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dayfly.app.variables import grammar, scripts
from dayfly.app.yaml import Map, parse, read

if TYPE_CHECKING:
    from dayfly.app.variables.resolver import Place, Resolver

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__bool__": lambda _: False})()
"""What a source has no value for; None is a value (null), after which fallbacks are tried too."""


class Unresolved(Exception):
    """This source has no value, for a reason worth telling."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line and the machine give. `opt` holds what was said (`stage`, `region`), not defaults."""

    stage: str = "dev"
    region: str = "us-east-1"
    account: str = "000000000000"
    opt: Mapping[str, Any] = {}
    params: Mapping[str, str] = {}
    environment: Mapping[str, str] = {}
    cache: Path | None = None


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """How values outside the application are asked for; each answers None for "there is none".

    Called while a file is compiled, outside the event loop: whoever has only coroutines wraps them with
    `asyncio.run_coroutine_threadsafe(...).result` and compiles in a thread.
    """

    ssm: Callable[[str, str], Any] | None = None
    """(region, name) → text, list of text, or an object from Secrets Manager."""
    stack_output: Callable[[str, str, str], Any] | None = None
    """(region, stack, output) → value."""
    s3: Callable[[str, str], str | None] | None = None
    """(bucket, key) → content."""


def lookup(resolver: Resolver, source: grammar.Source, place: Place) -> Any:
    """The value of one source; MISSING or None lets the next fallback try. Raises Unresolved."""
    name, _, region = source.type.partition(".")
    find = _SOURCES.get(name)
    if find is None:
        raise Unresolved(f"variables of type {source.type!r} are not known")
    params = str(resolver.parts(source.params, place)) if source.params else region
    address = None if source.address is None else resolver.parts(source.address, place)
    return find(resolver, params, "" if address is None else str(address), place)


def _self(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    if address in ("service", "service.name"):
        service = resolver.resolve(resolver.document.get("service"))
        return service.get("name", MISSING) if isinstance(service, Mapping) else service
    if not address:
        return resolver.document  # as written: resolving the whole from inside the whole would never end
    value = resolver.value(address, place, deep=False)
    if value is MISSING or value is None:
        defaults = {"provider.stage": resolver.options.stage, "provider.region": resolver.options.region}
        return defaults.get(address, value)
    return value


def _opt(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    return resolver.options.opt.get(address, MISSING) if address else dict(resolver.options.opt)


def _env(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    value = resolver.environment.get(address, MISSING)
    if value is MISSING:
        raise Unresolved(f"the environment variable {address} is not set")
    return value


def _sls(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    return {"stage": resolver.options.stage, "instanceId": resolver.instance_id}.get(address, MISSING)


def _aws(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    return {"region": resolver.options.region, "accountId": resolver.options.account}.get(address, MISSING)


def _param(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    if address in resolver.options.params:
        return resolver.options.params[address]
    for path in (
        f"stages.{resolver.options.stage}.params",
        f"params.{resolver.options.stage}",
        "stages.default.params",
        "params.default",
    ):
        value = resolver.value(f"{path}.{address}", place, deep=False)
        if value is not MISSING and value is not None:
            return value
    raise Unresolved(f"there is no parameter {address} (give it with --param {address}=…)")


def _boolean(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    text = params.strip().strip("'\"").lower()
    if text in ("true", "1"):
        return True
    if text in ("false", "0", "null", "undefined", ""):
        return False
    raise Unresolved(f"strToBool cannot read {params!r}")


def _ssm(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    if resolver.doors.ssm is None:
        raise Unresolved(f"the parameter {address} cannot be asked for before the platform runs")
    region = next((word.strip() for word in params.split(",") if "-" in word), resolver.options.region)
    name, _, how = address.partition("~")
    value = resolver.doors.ssm(region, name)
    if value is None:
        command = "secretsmanager create-secret" if "/secretsmanager/" in name else "ssm put-parameter"
        raise Unresolved(
            f"there is no SSM parameter {name} in {region}; put it there first (`aws {command} …`): "
            "`dayfly up --state .dayfly` runs the platform without the application"
        )
    if isinstance(value, str) and ("split" in how):
        return value.split(",")
    if isinstance(value, str) and value.lstrip().startswith("{") and "/secretsmanager/" in name:
        return json.loads(value)
    return value


def _cf(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    stack, _, output = address.rpartition(".")
    if resolver.doors.stack_output is None:
        raise Unresolved(f"the output {output} of stack {stack} cannot be asked for before the platform runs")
    value = resolver.doors.stack_output(params or resolver.options.region, stack, output)
    if value is None:
        raise Unresolved(
            f"the stack {stack} has no output {output}; name the application that makes it as well, before this one"
        )
    return value


def _s3(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    bucket, _, key = address.partition("/")
    if resolver.doors.s3 is None:
        raise Unresolved(f"s3://{address} cannot be asked for before the platform runs")
    content = resolver.doors.s3(bucket, key)
    if content is None:
        raise Unresolved(f"there is no object s3://{address}")
    return content


def _git(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    commands = {
        "branch": ["rev-parse", "--abbrev-ref", "HEAD"],
        "sha1": ["rev-parse", "--short", "HEAD"],
        "commit": ["rev-parse", "HEAD"],
        "message": ["log", "-1", "--format=%B"],
        "describe": ["describe", "--always", "--tags"],
    }
    if address not in commands:
        raise Unresolved(f"git has no {address!r}")
    done = subprocess.run(
        ["git", *commands[address]], cwd=resolver.directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unresolved("the application is not in a git repository")
    return done.stdout.strip()


def _construct(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    value = resolver.construct(address)
    if value is MISSING:
        raise Unresolved(f"there is no construct output {address}")
    return value


def _file(resolver: Resolver, params: str, address: str, place: Place) -> Any:
    path = (resolver.directory / Path(params.strip().strip("'\"")).expanduser()).resolve()
    if not path.is_file():
        raise Unresolved(f"the file {params} does not exist")
    resolver.files.add(path)
    if path.suffix in (".yml", ".yaml", ".json"):
        content = resolver.read(path, "", lambda: read(path))
    elif path.suffix in (".js", ".cjs", ".mjs", ".ts"):

        def run() -> Any:
            return evaluate(
                path, resolver.options, address, resolver.document, lambda text: resolver.resolve(text, place)
            )

        return resolver.read(path, address, run)
    else:
        content = path.read_text(encoding="utf-8", errors="replace")
        return content.strip() if not address else MISSING
    for key in filter(None, address.split(".")):
        content = resolver.resolve(content, place) if isinstance(content, str) else content
        if isinstance(content, Mapping) and key in content:
            content = content[key]
        elif isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
        else:
            raise Unresolved(f"{params} has nothing at {address}")
    return content


def evaluate(
    path: Path, options: Options, address: str = "", document: Map | None = None, ask: scripts.Ask | None = None
) -> Any:
    """What a JavaScript or TypeScript file exports (functions called, promises awaited), as data with the file's name.

    Runs `node` in the application's directory with the caller's environment. Raises ApplicationError.
    """
    import os

    target = path
    if path.suffix == ".ts":
        from dayfly.build.esbuild import bundle_config

        target = bundle_config(path, options.cache)
    value = scripts.run(
        path,
        target=target,
        address=address,
        options={"stage": options.stage, "region": options.region, **dict(options.opt)},
        environment={**os.environ, **options.environment},  # at the edge: PATH for node
        document=document,
        ask=ask,
    )
    # Parsed by the reader that keeps lines, so that everything downstream finds one kind of mapping.
    return parse(json.dumps(value), path) if isinstance(value, dict | list) else value


_SOURCES: dict[str, Callable[[Resolver, str, str, Place], Any]] = {
    "self": _self,
    "opt": _opt,
    "env": _env,
    "sls": _sls,
    "aws": _aws,
    "param": _param,
    "strToBool": _boolean,
    "ssm": _ssm,
    "cf": _cf,
    "s3": _s3,
    "git": _git,
    "file": _file,
    "construct": _construct,
}


# Quoted values may hold line ends and `#`; elsewhere `#` begins a comment.
_ENTRY = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<key>[\w.-]+)(?:[ \t]*=|:[ \t])"""
    r"""(?P<value>[ \t]*(?:'[^']*'|"(?:\\.|[^"\\])*"|`[^`]*`)(?=[ \t]*(?:\#|$))|[^#\r\n]*)""",
    re.MULTILINE,
)
_EXPANDED = re.compile(r"(?<!\\)\$(?:\{([\w.-]+)(?::-([^}]*))?\}|(\w+))")


def _dotenv_value(text: str, known: Mapping[str, str]) -> str:
    """https://www.npmjs.com/package/dotenv and dotenv-expand, which the Framework reads these files with."""
    quote = text[:1] if len(text) > 1 and text[0] in "'\"`" and text[-1] == text[0] else ""
    if quote:
        text = text[1:-1]
    if quote == '"':
        text = text.replace("\\n", "\n").replace("\\r", "\r")
    return _EXPANDED.sub(lambda match: known.get(match[1] or match[3], match[2] or ""), text).replace("\\$", "$")


def read_dotenv(directory: Path, stage: str) -> tuple[dict[str, str], list[Path]]:
    """The variables of `.env.<stage>.local`, `.env.<stage>`, `.env.local` and `.env`, the first to name one winning."""
    values: dict[str, str] = {}
    files = []
    for name in (f".env.{stage}.local", f".env.{stage}", ".env.local", ".env"):
        path = directory / name
        if not path.is_file():
            continue
        files.append(path)
        for match in _ENTRY.finditer(path.read_text(encoding="utf-8-sig", errors="replace")):
            values.setdefault(match["key"], _dotenv_value(match["value"].strip(), values))
    return values, files


__all__ = ["MISSING", "Doors", "Options", "Unresolved", "evaluate", "lookup", "read_dotenv"]
