"""CORS as HTTP APIs and function URLs do it by themselves.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
REST APIs have none of this: there an OPTIONS method with a MOCK integration answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.gateways.traffic import Headers, Incoming, Reply

_OWN = frozenset({"access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"})


def is_preflight(request: Incoming) -> bool:
    return (
        request.method == "OPTIONS"
        and bool(request.header("origin"))
        and bool(request.header("access-control-request-method"))
    )


def _allowed_origin(cors: Mapping[str, Any], origin: str) -> str | None:
    for allowed in cors.get("AllowOrigins") or ():
        if allowed == "*":
            return origin if cors.get("AllowCredentials") else "*"
        if allowed.lower() == origin.lower():
            return origin
        scheme, star, rest = allowed.partition("*")
        if star and origin.lower().startswith(scheme.lower()) and origin.lower().endswith(rest.lower()):
            return origin
    return None


def cors_headers(cors: Mapping[str, Any], request: Incoming) -> Headers:
    """What is added to every answer to a request with an Origin."""
    origin = request.header("origin")
    allowed = _allowed_origin(cors, origin) if origin else None
    if allowed is None:
        return []
    headers = [("access-control-allow-origin", allowed)]
    if allowed != "*":
        headers.append(("vary", "Origin"))
    if cors.get("AllowCredentials"):
        headers.append(("access-control-allow-credentials", "true"))
    exposed = cors.get("ExposeHeaders")
    if exposed:
        headers.append(("access-control-expose-headers", ",".join(exposed)))
    return headers


def preflight(cors: Mapping[str, Any], request: Incoming, *, status: int = 204) -> Reply:
    headers = cors_headers(cors, request)
    if not headers:
        return Reply(status, [])
    methods = cors.get("AllowMethods") or ()
    wanted = request.header("access-control-request-method").upper()
    if "*" in methods:
        every = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
        headers.append(("access-control-allow-methods", every if cors.get("AllowCredentials") else "*"))
    elif wanted in (method.upper() for method in methods):
        headers.append(("access-control-allow-methods", ",".join(methods)))
    allowed = cors.get("AllowHeaders") or ()
    asked = request.header("access-control-request-headers")
    if "*" in allowed:
        headers.append(("access-control-allow-headers", asked if cors.get("AllowCredentials") and asked else "*"))
    elif allowed:
        headers.append(("access-control-allow-headers", ",".join(allowed).lower()))
    if cors.get("MaxAge") is not None:
        headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return Reply(status, headers)


def with_cors(cors: Mapping[str, Any], request: Incoming, reply: Reply) -> Reply:
    """The gateway's own CORS headers replace those of the function (AWS ignores the function's where CORS is set)."""
    added = cors_headers(cors, request)
    if added:
        reply.headers = [pair for pair in reply.headers if pair[0].lower() not in _OWN] + added
    return reply
