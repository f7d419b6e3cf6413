"""A request as a function's event, in the formats of AWS's proxy integrations.

- 2.0 (HTTP APIs, function URLs): header names in lower case, repeated headers and query names joined with commas,
  cookies apart, absent parts left out.
- 1.0 of REST APIs: names as the client wrote them, single and multi-value maps side by side, absent parts null.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote

from dayfly.gateways.moment import Moment, clf_time
from dayfly.gateways.traffic import Headers, Incoming

_TEXT_TYPES = frozenset(
    {
        "application/json",
        "application/javascript",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/graphql",
    }
)
# Set by the gateway itself; a client's own are replaced, as on AWS.
_NO_IDENTITY = {
    "cognitoIdentityPoolId": None,
    "cognitoIdentityId": None,
    "principalOrgId": None,
    "cognitoAuthenticationType": None,
    "userArn": None,
    "accountId": None,
    "caller": None,
    "accessKey": None,
    "cognitoAuthenticationProvider": None,
    "user": None,
}


def is_text(content_type: str) -> bool:
    """Whether an HTTP API passes a body of this type as text (else as base64)."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))


def body_v2(request: Incoming) -> tuple[str | None, bool]:
    """Body and isBase64Encoded. A text body that is not UTF-8 goes as base64, so that no byte is lost."""
    body = request.body
    if not body:
        return None, False
    content_type = request.header("content-type")
    if not content_type or is_text(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode(), True


def matches_binary(types: list[str], content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return any(given in ("*/*", kind) or (given.endswith("/*") and kind.startswith(given[:-1])) for given in types)


def body_v1(request: Incoming, binary_types: list[str]) -> tuple[str | None, bool]:
    """As a REST API passes it: base64 only for its binary media types."""
    body = request.body
    if not body:
        return None, False
    if binary_types and matches_binary(binary_types, request.header("content-type") or "application/json"):
        return b64encode(body).decode(), True
    return body.decode("utf-8", "replace"), False


def joined(pairs: Headers, *, lower: bool) -> dict[str, str]:
    """Repeated names joined with commas."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if lower else name
        before = found.get(key)
        found[key] = value if before is None else f"{before},{value}"
    return found


def gathered(pairs: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def headers_v2(request: Incoming) -> tuple[dict[str, str], list[str] | None]:
    """Headers in lower case without the cookies, and the cookies."""
    headers = joined(request.headers, lower=True)
    cookie = headers.pop("cookie", None)
    headers.setdefault("x-forwarded-for", request.peer)
    headers.setdefault("x-forwarded-port", str(request.port))
    headers.setdefault("x-forwarded-proto", request.scheme)
    return headers, cookie.replace(";", "; ").replace(";  ", "; ").split("; ") if cookie else None


def event_v2(moment: Moment) -> dict[str, Any]:
    """The event of a function behind an HTTP API, payload format 2.0."""
    request = moment.request
    raw_path = moment.staged_path
    path = unquote(raw_path) if "%" in raw_path else raw_path
    headers, cookies = headers_v2(request)
    host = moment.host
    context: dict[str, Any] = {
        "accountId": moment.api.account,
        "apiId": moment.api.id,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": moment.request_id,
        "routeKey": moment.route_key,
        "stage": moment.stage.name,
        "time": clf_time(moment.now_ms),
        "timeEpoch": moment.now_ms,
    }
    if moment.authorizer is not None:
        context["authorizer"] = moment.authorizer
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": moment.route_key,
        "rawPath": path,
        "rawQueryString": request.raw_query,
        "headers": headers,
        "requestContext": context,
    }
    if cookies:
        event["cookies"] = cookies
    if request.raw_query:
        event["queryStringParameters"] = joined(request.query, lower=False)
    if moment.parameters:
        event["pathParameters"] = moment.parameters
    if moment.stage.variables:
        event["stageVariables"] = moment.stage.variables
    body, encoded = body_v2(request)
    if body is not None:
        event["body"] = body
    event["isBase64Encoded"] = encoded
    return event


def context_v1(moment: Moment, resource_id: str) -> dict[str, Any]:
    """`requestContext` of payload format 1.0 and of REST authorizers."""
    request = moment.request
    host = moment.host
    context: dict[str, Any] = {
        "accountId": moment.api.account,
        "apiId": moment.api.id,
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "extendedRequestId": moment.request_id,
        "httpMethod": request.method,
        "identity": {
            **_NO_IDENTITY,
            "apiKey": request.header("x-api-key") or None,
            "sourceIp": request.peer,
            "userAgent": request.header("user-agent") or None,
        },
        "path": moment.staged_path,
        "protocol": "HTTP/1.1",
        "requestId": moment.request_id,
        "requestTime": clf_time(moment.now_ms),
        "requestTimeEpoch": moment.now_ms,
        "resourceId": resource_id,
        "resourcePath": moment.route_key if moment.api.kind == "rest" else moment.route_key.partition(" ")[2],
        "stage": moment.stage.name,
    }
    if moment.authorizer is not None:
        context["authorizer"] = moment.authorizer
    return context


def event_v1(moment: Moment, resource_id: str = "", *, version: bool = False) -> dict[str, Any]:
    """The event of a function behind a REST API, or (`version`) behind an HTTP API with payload format 1.0."""
    request = moment.request
    query = request.query
    if version:
        body, encoded = body_v2(request)
        headers: Headers = [(name.lower(), value) for name, value in request.headers]
        path = moment.staged_path
    else:
        body, encoded = body_v1(request, moment.api.binary_types)
        headers = request.headers
        path = moment.path
    if not request.header("x-forwarded-for"):
        forwarded = [("X-Forwarded-For", request.peer), ("X-Forwarded-Port", str(request.port))]
        forwarded.append(("X-Forwarded-Proto", request.scheme))
        headers = headers + (forwarded if not version else [(name.lower(), value) for name, value in forwarded])
    context = context_v1(moment, resource_id)
    resource = context["resourcePath"]
    event: dict[str, Any] = {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": gathered(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": gathered(query) or None,
        "pathParameters": moment.parameters or None,
        "stageVariables": moment.stage.variables or None,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": encoded,
    }
    if version:
        event["version"] = "1.0"
    return event
