"""What a REST API itself answers where no integration does, in the words its gateway responses give.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dayfly.gateways.mapping import as_text, context_of, dig, evaluate
from dayfly.gateways.moment import Moment
from dayfly.gateways.traffic import Reply

_TYPES = {
    "AccessDeniedException": "ACCESS_DENIED",
    "AuthorizerConfigurationException": "AUTHORIZER_CONFIGURATION_ERROR",
    "ForbiddenException": "INVALID_API_KEY",
    "GatewayTimeoutException": "INTEGRATION_TIMEOUT",
    "InternalServerErrorException": "INTEGRATION_FAILURE",
    "InvalidSignatureException": "INVALID_SIGNATURE",
    "MissingAuthenticationTokenException": "MISSING_AUTHENTICATION_TOKEN",
    "TooManyRequestsException": "THROTTLED",
    "UnauthorizedException": "UNAUTHORIZED",
    "UnsupportedMediaTypeException": "UNSUPPORTED_MEDIA_TYPE",
}
_VARIABLE = re.compile(r"\$(?:(context|stageVariables)\.([A-Za-z0-9_.\-]+)|(method\.request\.[A-Za-z0-9_.\-]+))")


def customised(responses: Mapping[str, Mapping[str, Any]], reply: Reply, moment: Moment) -> Reply:
    """The refusal as the API's gateway response of its type says, else that of its class of status."""
    kind = _type(reply)
    response = responses.get(kind) or responses.get("DEFAULT_4XX" if reply.status < 500 else "DEFAULT_5XX")
    if response is None:
        return reply
    said = _message(reply)
    context = {
        **context_of(moment),
        "error": {
            "message": said,
            "messageString": msgspec.json.encode(said).decode(),
            "responseType": kind,
            "validationErrorString": said,
        },
    }
    headers = list(reply.headers)
    for target, source in (response.get("responseParameters") or {}).items():
        name = target.removeprefix("gatewayresponse.header.")
        value = _parameter(str(source), context, moment)
        if value is not None and name != target:
            headers = [pair for pair in headers if pair[0].lower() != name.lower()]
            headers.append((name, value))
    body, templates = reply.body, response.get("responseTemplates") or {}
    if templates:
        accepted = moment.request.header("accept").partition(",")[0].partition(";")[0].strip()
        content = accepted if accepted in templates else next(iter(templates))
        body = _VARIABLE.sub(lambda match: _variable(match, context, moment), str(templates[content])).encode()
        if not any(name.lower() == "content-type" for name in response.get("responseParameters") or {}):
            headers = [("content-type", content), *(pair for pair in headers if pair[0].lower() != "content-type")]
    status = response.get("statusCode")
    return Reply(int(status) if status else reply.status, headers, body)


def _type(reply: Reply) -> str:
    if reply.refused == "BadRequestException":
        return "BAD_REQUEST_BODY" if b"request body" in bytes(reply.body or b"") else "BAD_REQUEST_PARAMETERS"  # type: ignore[arg-type]
    return _TYPES.get(reply.refused, "")


def _message(reply: Reply) -> str | None:
    said = msgspec.json.decode(reply.body) if isinstance(reply.body, bytes) else {}
    return said.get("message", said.get("Message"))


def _parameter(source: str, context: Mapping[str, Any], moment: Moment) -> str | None:
    if source.startswith("'"):
        return source.strip("'")
    if source.startswith("context."):
        return as_text(dig(context, source.removeprefix("context.")))
    return evaluate(f"${source.removeprefix('method.')}", moment)


def _variable(match: re.Match[str], context: Mapping[str, Any], moment: Moment) -> str:
    if match[1] == "context":
        return as_text(dig(context, match[2])) or ""
    if match[1]:
        return moment.stage.variables.get(match[2], "")
    return evaluate(f"${match[3].removeprefix('method.')}", moment) or ""
