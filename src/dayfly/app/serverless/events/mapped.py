"""`http` events whose integration is not a proxy: `lambda` (with its default templates), `http` and `mock`.

https://www.serverless.com/framework/docs/providers/aws/events/apigateway#lambda-integration
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless.service import Function
from dayfly.app.yaml import ApplicationError, Mark

KINDS = {"lambda": "AWS", "aws": "AWS", "http": "HTTP", "mock": "MOCK"}

_TEXT = '$util.escapeJavaScript({}).replaceAll("\\\\\'", "\'")'


def escaped(value: str) -> str:
    """A value as it stands inside a JSON text."""
    return _TEXT.format(value)


def _each(name: str, source: str) -> str:
    """A JSON object of a map's entries, all as text."""
    value = _TEXT.format(f"${source}.get($name)")
    return f'"{name}": {{#foreach($name in ${source}.keySet())"$name": "{value}"#if($foreach.hasNext), #end#end}}'


def _event_template(body: str) -> str:
    """The event of the lambda integration around a body."""
    return (
        f"{body}\n{{\n"
        '"body": $body,\n"method": "$context.httpMethod",\n"principalId": "$context.authorizer.principalId",\n'
        '"stage": "$context.stage",\n"requestPath": "$context.resourcePath",\n'
        '"cognitoPoolClaims": {"sub": "$context.authorizer.claims.sub"},\n'
        + ",\n".join(
            (
                _each("enhancedAuthContext", "context.authorizer"),
                _each("headers", "input.params().header"),
                _each("query", "input.params().querystring"),
                _each("path", "input.params().path"),
                _each("identity", "context.identity"),
                _each("stageVariables", "stageVariables"),
            )
        )
        + "\n}"
    )


_JSON_BODY = "#set($body = $input.json('$'))"
FORM_BODY = (
    '#set($body = "{")#foreach($pair in $input.body.split("&"))#set($parts = $pair.split("="))'
    '#if($foreach.index > 0)#set($body = "$body,")#end#set($value = "")'
    "#if($parts.size() > 1)#set($value = " + _TEXT.format("$util.urlDecode($parts[1])") + ")#end"
    "#set($key = $util.urlDecode($parts[0]))#set($body = $body + '\"' + $key + '\":\"' + $value + '\"')#end"
    '#set($body = "$body}")'
)
REQUEST_TEMPLATES = {
    "application/json": _event_template(_JSON_BODY),
    "application/x-www-form-urlencoded": _event_template(FORM_BODY),
}
STATUS_PATTERNS = {
    "200": "",
    "400": r"[\s\S]*\[400\][\s\S]*",
    "401": r"[\s\S]*\[401\][\s\S]*",
    "403": r"[\s\S]*\[403\][\s\S]*",
    "404": r"[\s\S]*\[404\][\s\S]*",
    "422": r"[\s\S]*\[422\][\s\S]*",
    "500": r"[\s\S]*(Process\s?exited\s?before\s?completing\s?request|\[500\])[\s\S]*",
    "502": r"[\s\S]*\[502\][\s\S]*",
    "504": r"([\s\S]*\[504\][\s\S]*)|(.*Task timed out after \d+\.\d+ seconds$)",
}
"""What an error's message must hold to become this status."""


def mapped(
    event: Mapping[str, Any], kind: str, uri: Any, function: Function, cors: Mapping[str, str], mark: Mark | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`Integration` and `MethodResponses` of a method. `uri` is the function's; `cors` are headers of every answer."""
    request = _mapping(event.get("request"))
    response = _mapping(event.get("response"))
    made: dict[str, Any] = {"Type": KINDS[kind]}
    if kind == "mock":
        made["RequestTemplates"] = _templates(request.get("template")) or {"application/json": '{"statusCode": 200}'}
    elif kind == "http":
        if not request.get("uri"):
            raise ApplicationError.at(f"the integration http of {function.key} needs request.uri", mark)
        made |= {"Uri": request["uri"], "IntegrationHttpMethod": str(request.get("method") or event["method"]).upper()}
        made["RequestTemplates"] = _templates(request.get("template"))
    else:
        made |= {"Uri": uri, "IntegrationHttpMethod": "POST"}
        made["RequestTemplates"] = {**REQUEST_TEMPLATES, **_templates(request.get("template"))}
        if event.get("async"):
            made["RequestParameters"] = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    made["PassthroughBehavior"] = str(request.get("passThrough") or ("WHEN_NO_MATCH" if kind == "http" else "NEVER"))
    handling = request.get("contentHandling")
    made |= {"ContentHandling": handling} if handling else {}
    answers = _answers(response, cors)
    made["IntegrationResponses"] = [one for one, _ in answers]
    return made, [declared for _, declared in answers]


def _answers(response: Mapping[str, Any], cors: Mapping[str, str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    statuses: dict[str, Any] = {str(code): value for code, value in _mapping(response.get("statusCodes")).items()}
    if not statuses:
        statuses = {code: {"pattern": pattern} for code, pattern in STATUS_PATTERNS.items()}
    elif all(_mapping(one).get("pattern") for one in statuses.values()):
        statuses = {"200": {}, **statuses} if "200" not in statuses else statuses
    common = {**cors, **_headers(response)}
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for code, given in statuses.items():
        one = _mapping(given)
        headers = {**common, **_headers(one)}
        parameters = {f"method.response.header.{name}": value for name, value in headers.items()}
        template = one.get("template") or (response.get("template") if not one.get("pattern") else None)
        made: dict[str, Any] = {
            "StatusCode": code,
            "SelectionPattern": str(one.get("pattern") or ""),
            "ResponseParameters": parameters,
            "ResponseTemplates": _templates(template),
        }
        if response.get("contentHandling"):
            made["ContentHandling"] = response["contentHandling"]
        declared = {
            "StatusCode": code,
            "ResponseParameters": dict.fromkeys(parameters, True),
            "ResponseModels": {},
        }
        found.append((made, declared))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _headers(of: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in _mapping(of.get("headers")).items()}


def _templates(given: Any) -> dict[str, str]:
    """By content type; a lone template is for JSON."""
    if isinstance(given, Mapping):
        return {str(kind): str(text) for kind, text in given.items()}
    return {"application/json": str(given)} if given else {}
