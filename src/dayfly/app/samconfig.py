"""`samconfig.toml`: the parameters that `sam deploy` would give a template, and the region.

The environment is the stage that was asked for where the file has it, else `default`. The stack's name is not taken.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dayfly.app.yaml import ApplicationError, read, text_of

_FILES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
_COMMANDS = ("global", "deploy")
"""The later ones go before the earlier."""
_PAIR = re.compile(r"ParameterKey=(?P<key>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


class SamConfig(msgspec.Struct, frozen=True, kw_only=True):
    file: Path
    parameters: dict[str, str] = {}
    region: str | None = None


def samconfig(directory: Path, stage: str | None) -> SamConfig | None:
    """What the file beside a template says; None where there is none. Raises ApplicationError if it cannot be read."""
    file = next((directory / name for name in _FILES if (directory / name).is_file()), None)
    if file is None:
        return None
    document = _content(file)
    environment = document.get(stage or "") or document.get("default")
    given: dict[str, Any] = {}
    for command in _COMMANDS:
        section = environment.get(command) if isinstance(environment, Mapping) else None
        parameters = section.get("parameters") if isinstance(section, Mapping) else None
        given |= parameters if isinstance(parameters, Mapping) else {}
    region = given.get("region")
    return SamConfig(
        file=file,
        parameters=_values(given.get("parameter_overrides") or "", file),
        region=region if isinstance(region, str) and region else None,
    )


def _content(file: Path) -> Mapping[str, Any]:
    if file.suffix != ".toml":
        found = read(file)
    else:
        try:
            found = tomllib.loads(text_of(file))
        except tomllib.TOMLDecodeError as error:
            raise ApplicationError(f"not valid TOML: {error}", file, 1) from error
    return found if isinstance(found, Mapping) else {}


def _values(given: Any, file: Path) -> dict[str, str]:
    """`A=b C="d e"`, the same as a list, or `ParameterKey=A,ParameterValue=b`."""
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    try:
        words = shlex.split(given) if isinstance(given, str) else [str(word) for word in given]
    except ValueError as error:
        raise ApplicationError(f"parameter_overrides cannot be read: {error}", file, 1) from error
    values: dict[str, str] = {}
    for word in words:
        pair = _PAIR.fullmatch(word)
        key, _, value = (pair["key"], "=", pair["value"]) if pair else word.partition("=")
        values[key] = value.strip('"') if isinstance(given, list) else value
    return values
