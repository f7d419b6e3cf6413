"""What a function's settings may be; the messages are AWS's.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from dayfly.functions.errors import InvalidParameter, ValidationFailed
from dayfly.functions.model import Configuration

RESERVED = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
})  # fmt: skip
ENVIRONMENT_LIMIT = 4096

_RUNTIME = re.compile(
    r"(python\d+\.\d+|nodejs(\d+(\.\d+|\.x))?|nodejs4\.3-edge|java\d+(\.al\w+)?|dotnet(core)?\d+(\.\d+)?|ruby\d+\.\d+"
    r"|go1\.x|provided(\.al\w+)?)\Z"
)
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}\Z")
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+\Z")


def check_name(name: str) -> None:
    """Raises ValidationFailed."""
    if not _NAME.match(name):
        limit = "Member must have length less than or equal to 64"
        pattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"
        raise ValidationFailed(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"{limit if len(name) > 64 else pattern}"
        )


def check_configuration(configuration: Configuration) -> None:
    """Raises InvalidParameter, ValidationFailed."""
    if not configuration.runtime or not configuration.handler:
        missing = "Runtime" if not configuration.runtime else "Handler"
        raise InvalidParameter(f"{missing} is mandatory when creating functions with deployment packages.")
    if not _RUNTIME.match(configuration.runtime):
        raise InvalidParameter(
            f"Value {configuration.runtime} at 'runtime' failed to satisfy constraint: "
            "Member must satisfy enum value set"
        )
    _check_range("timeout", configuration.timeout_s, 1, 900)
    _check_range("memorySize", configuration.memory_mb, 128, 10_240)
    _check_range("ephemeralStorage.size", configuration.ephemeral_mb, 512, 10_240)
    check_environment(configuration.environment)
    if len(configuration.layers) > 5:
        raise InvalidParameter("Cannot reference more than 5 layers.")


def check_environment(variables: Mapping[str, str]) -> None:
    """Raises InvalidParameter for reserved or malformed names and for more than 4 KB."""
    reserved = sorted(RESERVED.intersection(variables))
    if reserved:
        raise InvalidParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    for name in variables:
        if not _VARIABLE.match(name):
            raise ValidationFailed(
                f"1 validation error detected: Value '{name}' at 'environment.variables' failed to satisfy constraint: "
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
                "[a-zA-Z]([a-zA-Z0-9_])+]"
            )
    measured = msgspec.json.encode(variables)
    if len(measured) > ENVIRONMENT_LIMIT:
        raise InvalidParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured.decode()}"
        )


def _check_range(what: str, value: int, least: int, most: int) -> None:
    if least <= value <= most:
        return
    bound = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
    raise ValidationFailed(
        f"1 validation error detected: Value '{value}' at '{what}' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )
