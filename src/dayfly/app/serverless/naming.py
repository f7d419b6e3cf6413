"""The Framework's logical ids; users' `resources` refer to them.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/resources#aws-cloudformation-resource-reference
"""

from __future__ import annotations

import re
from typing import Any


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def normal(name: str) -> str:
    """`hello-world_x` → `HelloDashworldUnderscorex`"""
    return upper_first(name.replace("-", "Dash").replace("_", "Underscore"))


def alphanumeric(name: str) -> str:
    return upper_first(re.sub(r"[^0-9A-Za-z]", "", name))


def path_part(part: str) -> str:
    """`{todoId}` → `TodoidVar`"""
    text = part.lower().replace("-", "Dash")
    return upper_first(re.sub(r"[^0-9A-Za-z]", "", re.sub(r"\{(.*)\}", r"\1Var", text)))


def path(route: str) -> str:
    return "".join(map(path_part, route.split("/")))


def function(key: str) -> str:
    return f"{normal(key)}LambdaFunction"


def layer(key: str) -> str:
    return f"{normal(key)}LambdaLayer"


def websocket_route(route: str) -> str:
    for char, word in {"$": "S", "/": "Slash", "-": "Dash", "_": "Underscore", ".": "Period"}.items():
        route = route.replace(char, word)
    return route + "WebsocketsRoute"


def of_arn(arn: Any) -> str:
    """The name that an ARN, or an intrinsic that yields one, is known by in logical ids."""
    if isinstance(arn, str):
        tail = arn.rsplit(":", 1)[-1]
        return tail.split("/")[1] if "/stream/" in tail else tail.rsplit("/", 1)[-1]
    if not isinstance(arn, dict) or len(arn) != 1:
        return "Unnamed"
    ((intrinsic, value),) = arn.items()
    if intrinsic == "Fn::GetAtt":
        return str(value[0] if isinstance(value, list) else value.split(".")[0])
    if intrinsic == "Fn::Join":
        last = value[1][-1]
        return str(last).rsplit(":", 1)[-1].rsplit("/", 1)[-1] if isinstance(last, str) else of_arn(last)
    if intrinsic == "Fn::Sub":
        text = value[0] if isinstance(value, list) else value
        return str(text).rsplit(":", 1)[-1]
    return str(value)
