"""Request validators of REST APIs: parameters that must be there, and bodies that must fit a model.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.gateways.model import Method, Surface
from dayfly.gateways.moment import Moment
from dayfly.gateways.traffic import Reply, message


class Check(msgspec.Struct, frozen=True):
    """What a method's validator asks of requests."""

    parameters: tuple[tuple[str, str], ...] = ()
    """(part, name) of those that are required."""
    schemas: Mapping[str, dict[str, Any]] = {}
    """By content type."""


def check_of(method: Method, surface: Surface) -> Check | None:
    """None: the method validates nothing."""
    validator = surface.validators.get(method.request_validator_id or "")
    if validator is None:
        return None
    parameters: list[tuple[str, str]] = []
    if validator.get("validateRequestParameters"):
        for name, required in (method.request_parameters or {}).items():
            part, _, key = name.removeprefix("method.request.").partition(".")
            if required in (True, "true") and part in ("querystring", "header", "path"):
                parameters.append((part, key))
    schemas = {}
    if validator.get("validateRequestBody"):
        for kind, name in (method.request_models or {}).items():
            if (schema := _schema(name, surface)) is not None:
                schemas[kind.lower()] = schema
    return Check(tuple(parameters), schemas) if parameters or schemas else None


def refusal(check: Check, moment: Moment) -> Reply | None:
    """AWS's 400 for a request that does not fit, or None."""
    request = moment.request
    given = {
        "path": set(moment.parameters),
        "querystring": {name for name, _ in request.query},
        "header": {name.lower() for name, _ in request.headers},
    }
    missing = [
        name for part, name in check.parameters if (name.lower() if part == "header" else name) not in given[part]
    ]
    if missing:
        return _bad(f"Missing required request parameters: [{', '.join(missing)}]")
    kind = request.header("content-type", "application/json").partition(";")[0].strip().lower()
    schema = check.schemas.get(kind)
    return None if schema is None or _fits(schema, request.body) else _bad("Invalid request body")


def _bad(text: str) -> Reply:
    return message(400, text, error_type="BadRequestException")


def _fits(schema: dict[str, Any], body: bytes) -> bool:
    import jsonschema  # heavy, and only where a validator is used

    try:
        document = msgspec.json.decode(body or b"")
    except msgspec.DecodeError:
        return False
    try:
        return bool(jsonschema.Draft4Validator(schema).is_valid(document))
    except (jsonschema.SchemaError, jsonschema.exceptions._WrappedReferencingError):
        return True  # a model that is no schema refuses nothing


def _schema(name: str, surface: Surface) -> dict[str, Any] | None:
    """The model's schema, with all models of the API as its definitions."""
    read = {key: _read(model) for key, model in surface.models.items()}
    found = read.get(name)
    if not isinstance(found, dict) or not found:
        return None
    definitions = {key: _local(one) for key, one in read.items() if isinstance(one, dict)}
    schema: dict[str, Any] = {**definitions.get(name, {})}
    schema["definitions"] = {**definitions, **(schema.get("definitions") or {})}
    schema.pop("$schema", None)
    return schema


def _read(model: Mapping[str, Any]) -> Any:
    schema = model.get("schema")
    if not isinstance(schema, str):
        return schema
    try:
        return msgspec.json.decode(schema)
    except msgspec.DecodeError:
        return None


def _local(node: Any) -> Any:
    """References to other models lead into the definitions."""
    if isinstance(node, list):
        return [_local(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"#/definitions/{str(one).rpartition('/')[2]}" if key == "$ref" else _local(one)
        for key, one in node.items()
        if key != "$schema"
    }
