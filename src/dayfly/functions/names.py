"""The ways to name a function: its name, a partial ARN, a full ARN, each with or without a qualifier.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dayfly.functions.errors import InvalidParameter, ValidationFailed
from dayfly.identity import Scope

LATEST = "$LATEST"

_NAMED = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"|(?P<partial>\d{12}):function:|function:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,140})(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]{1,128}))?\Z"
)
_LAYER = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:"
    r"(?P<name>[a-zA-Z0-9-_]{1,140})(?::(?P<version>\d+))?\Z"
)


class FunctionName(NamedTuple):
    """Where a function lives, its name, and the qualifier that was asked for (None for none)."""

    scope: Scope
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        plain = function_arn(self.scope, self.name)
        return f"{plain}:{self.qualifier}" if self.qualifier else plain


class LayerName(NamedTuple):
    scope: Scope
    name: str
    version: int | None


def function_arn(scope: Scope, name: str) -> str:
    return scope.arn("lambda", f"function:{name}")


def layer_arn(scope: Scope, name: str) -> str:
    return scope.arn("lambda", f"layer:{name}")


def read_function(scope: Scope, text: str, qualifier: str | None = None) -> FunctionName:
    """What a caller in `scope` means by this name or ARN. Raises ValidationFailed, InvalidParameter."""
    found = _NAMED.match(text)
    if found is None:
        raise ValidationFailed(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-"
            "[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        )
    account = found["account"] or found["partial"] or scope.account
    inside = found["qualifier"]
    if inside and qualifier and inside != qualifier:
        raise InvalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
    return FunctionName(Scope(account, found["region"] or scope.region), found["name"], inside or qualifier)


def read_layer(scope: Scope, text: str) -> LayerName:
    """A layer's name, its ARN, or the ARN of one of its versions. Raises InvalidParameter."""
    found = _LAYER.match(text)
    if found is None:
        if not re.fullmatch(r"[a-zA-Z0-9-_]{1,140}", text):
            raise InvalidParameter(f"Invalid Layer name: {text}")
        return LayerName(scope, text, None)
    version = int(found["version"]) if found["version"] else None
    return LayerName(Scope(found["account"], found["region"]), found["name"], version)
