"""From the Pascal case of AWS::ApiGateway's properties to the camel case of API Gateway's parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.app.resources import Properties

_WHOLE = frozenset({"timeoutInMillis", "authorizerResultTtlInSeconds", "minimumCompressionSize", "limit", "burstLimit"})
_YES_NO = frozenset(
    {
        "apiKeyRequired",
        "cacheClusterEnabled",
        "disableExecuteApiEndpoint",
        "enabled",
        "generateDistinctId",
        "tracingEnabled",
        "validateRequestBody",
        "validateRequestParameters",
    }
)
# Members whose keys are the user's own words, not ours to respell.
_FREE = frozenset(
    {
        "variables",
        "requestParameters",
        "requestTemplates",
        "requestModels",
        "responseParameters",
        "responseTemplates",
        "responseModels",
    }
)


def camel(name: str) -> str:
    return name if name == "providerARNs" else name[:1].lower() + name[1:]


def respelt(value: Any, name: str = "") -> Any:
    """CloudFormation's Pascal case as the service's camel case, with numbers and booleans typed."""
    if name == "schema" and not isinstance(value, str):
        # A model's document: the service takes its text, and its keys are the user's own.
        return msgspec.json.encode(value).decode()
    if isinstance(value, dict):
        if name in _FREE:
            return {key: _plain(held, name) for key, held in value.items()}
        return {camel(key): respelt(held, camel(key)) for key, held in value.items()}
    if isinstance(value, list):
        return [respelt(held) for held in value]
    if isinstance(value, str):
        if name in _WHOLE and value.isdigit():
            return int(value)
        if name in _YES_NO and value.lower() in ("true", "false"):
            return value.lower() == "true"
    return value


def _plain(value: Any, name: str) -> Any:
    if name == "requestParameters" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value if name in ("requestParameters", "responseParameters") else str(value).lower()
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value if isinstance(value, str) else str(value)


def taken(properties: Properties, names: frozenset[str]) -> Properties:
    return {camel(name): respelt(value, camel(name)) for name, value in properties.items() if name in names}


def tag_map(tags: Any) -> dict[str, str] | None:
    if isinstance(tags, list):
        return {str(tag["Key"]): str(tag["Value"]) for tag in tags}
    return tags or None
