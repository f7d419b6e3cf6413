"""Expressions such as `$request.body.order.id` and `$context.requestId`, and texts that hold them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON
from dayfly.gateways.moment import Moment, clf_time
from dayfly.gateways.traffic import Incoming

_EMBEDDED = re.compile(r"\$\{([^}]+)\}")


def dig(document: Any, path: str) -> Any:
    """The value at a dotted path (`a.b[0].c`), None where there is none."""
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def evaluate(expression: str, moment: Moment) -> str | None:
    """One value: an expression, a text with `${…}` in it, or the text itself. None where a part is absent."""
    if expression.startswith("$") and not expression.startswith("${"):
        return _lookup(expression[1:], moment)
    if "${" not in expression:
        return expression
    return _EMBEDDED.sub(lambda match: _lookup(match[1].removeprefix("$"), moment) or "", expression)


def _lookup(name: str, moment: Moment) -> str | None:
    source, _, rest = name.partition(".")
    if source == "request":
        return _of_request(rest, moment)
    if source == "context":
        return as_text(dig(context_of(moment), rest))
    if source == "stageVariables":
        return moment.stage.variables.get(rest)
    return None


def _of_request(name: str, moment: Moment) -> str | None:
    request: Incoming = moment.request
    part, _, key = name.partition(".")
    match part:
        case "body":
            if not key:
                return request.body.decode("utf-8", "replace")
            try:
                return as_text(dig(msgspec.json.decode(request.body or b"null"), key))
            except NOT_JSON:
                return None
        case "header":
            values = [value for given, value in request.headers if given.lower() == key.lower()]
            return ",".join(values) if values else None
        case "querystring":
            values = [value for given, value in request.query if given == key]
            return ",".join(values) if values else None
        case "path":
            return moment.parameters.get(key) if key else moment.path
        case "method":
            return request.method
        case _:
            return None


def context_of(moment: Moment) -> dict[str, Any]:
    """`$context` as far as it can be known here."""
    request = moment.request
    return {
        "accountId": moment.api.account,
        "apiId": moment.api.id,
        "authorizer": moment.authorizer or {},
        "domainName": moment.host,
        "httpMethod": request.method,
        "identity": {"sourceIp": request.peer, "userAgent": request.header("user-agent")},
        "path": moment.staged_path,
        "protocol": "HTTP/1.1",
        "requestId": moment.request_id,
        "extendedRequestId": moment.request_id,
        "requestTime": clf_time(moment.now_ms),
        "requestTimeEpoch": moment.now_ms,
        "routeKey": moment.route_key,
        "resourcePath": moment.route_key,
        "stage": moment.stage.name,
    }
