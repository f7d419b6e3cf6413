"""`samconfig.toml`: the parameters that `sam deploy` would give a template.

The environment is the stage that was asked for where the file has it, else `default`. Where the stack goes (its name,
region and bucket) is not taken from it.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayfly.app.yaml import ApplicationError, read, text_of

_FILES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
_COMMANDS = ("deploy", "global")
_PAIR = re.compile(r"ParameterKey=(?P<key>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


def overrides(directory: Path, stage: str | None) -> tuple[dict[str, str], Path | None]:
    """Values by parameter, and the file that has them. Raises ApplicationError for a file that cannot be read."""
    file = next((directory / name for name in _FILES if (directory / name).is_file()), None)
    if file is None:
        return {}, None
    document = _content(file)
    environment = document.get(stage or "") or document.get("default")
    for command in _COMMANDS:
        section = environment.get(command) if isinstance(environment, Mapping) else None
        parameters = section.get("parameters") if isinstance(section, Mapping) else None
        given = parameters.get("parameter_overrides") if isinstance(parameters, Mapping) else None
        if given:
            return _values(given, file), file
    return {}, file


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
