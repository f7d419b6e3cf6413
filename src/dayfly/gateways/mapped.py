"""Integrations that are not proxies: AWS, HTTP and MOCK, with parameter mappings and mapping templates on both ways.

    request -> request template -> function | AWS service | HTTP backend | nothing -> one of the integration responses
            -> response template -> answer

https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-data-transformations.html
"""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from dayfly.errors import NOT_JSON, Error, Unsupported
from dayfly.functions.errors import TooManyRequests
from dayfly.gateways.doors import Ask, Call, Functions, ServiceCall
from dayfly.gateways.java import shown
from dayfly.gateways.jsonpath import BadPath, find
from dayfly.gateways.mapping import as_text, dig
from dayfly.gateways.moment import Moment
from dayfly.gateways.outgoing import BackendFailed, fetch
from dayfly.gateways.plan import Target
from dayfly.gateways.templates import Rendered, Values
from dayfly.gateways.traffic import Headers, Reply, message
from dayfly.gateways.velocity import BadTemplate
from dayfly.identity import Caller

_SERVICE = re.compile(
    r"^arn:[\w-]+:apigateway:(?P<region>[\w-]*):(?P<service>[^:/]+):(?P<kind>path|action)/(?P<rest>.*)$"
)
_PLACE = re.compile(r"\{([^{}]+?)\+?\}")
_JSON = "application/json"
_AS_IT_IS = (None, "", "__passthrough__")
"""What stands for a response template where the body passes unchanged."""
_KEPT_HEADERS = frozenset({"content-type", "accept"})


class Answer(msgspec.Struct, frozen=True):
    """What an integration said: the text that selection patterns are held against, headers, body."""

    selector: str
    headers: Headers
    body: bytes


class _Outgoing(msgspec.Struct):
    """The integration request while it is put together."""

    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Mapped:
    def __init__(self, functions: Functions, call: Call, ask: Ask | None) -> None:
        self._functions = functions
        self._call = call
        self._ask = ask

    async def run(self, target: Target, moment: Moment, values: Values | None = None) -> Reply:
        """Raises Unsupported."""
        values = values or Values(moment)
        try:
            outgoing = self._outgoing(target, moment, values)
            if outgoing is None:
                return message(415, "Unsupported Media Type", error_type="UnsupportedMediaTypeException")
            async with asyncio.timeout(target.timeout_ms / 1000):
                answer = await self._exchange(target, moment, outgoing)
        except TimeoutError:
            return message(504, "Endpoint request timed out", error_type="GatewayTimeoutException")
        except TooManyRequests:
            return message(429, "Too Many Requests", error_type="TooManyRequestsException")
        except (BadTemplate, BadPath, BackendFailed):
            return _wrong()
        try:
            return self._reply(target, moment, values, answer)
        except (BadTemplate, BadPath):
            return _wrong()

    # -- the way in ------------------------------------------------------------

    def _outgoing(self, target: Target, moment: Moment, values: Values) -> _Outgoing | None:
        """None: there is no template for this content type, and it may not pass."""
        integration, request = target.integration, moment.request
        template = _template_for(integration, request.header("content-type"), values)
        rendered = Rendered("", {})
        body = values.body
        if template is not None:
            rendered = values.render(template, body, "requestOverride")
            body = rendered.text.encode()
        elif not _passes(integration):
            return None
        if integration.get("contentHandling") == "CONVERT_TO_BINARY":
            body = _unbase64(body)
        elif integration.get("contentHandling") == "CONVERT_TO_TEXT":
            body = b64encode(body)
        outgoing = _Outgoing(path={}, query={}, headers={}, body=body)
        places = {"path": outgoing.path, "querystring": outgoing.query, "header": outgoing.headers}
        for name, source in (integration.get("requestParameters") or {}).items():
            part, _, key = name.removeprefix("integration.request.").partition(".")
            if part in places and (value := _request_value(str(source), moment, values)) is not None:
                places[part][key] = value
        for part, held in rendered.override.items():
            if part in places:
                places[part].update({key: shown(value) for key, value in held.items()})
        return outgoing

    async def _exchange(self, target: Target, moment: Moment, outgoing: _Outgoing) -> Answer:
        kind = target.integration["type"]
        if kind == "MOCK":
            return _mocked(outgoing.body)
        if kind == "HTTP":
            return await self._http(target, moment, outgoing)
        if target.arn:
            return await self._function(target, moment, outgoing)
        return await self._service(target, moment, outgoing)

    async def _function(self, target: Target, moment: Moment, outgoing: _Outgoing) -> Answer:
        lowered = {name.lower(): value for name, value in outgoing.headers.items()}
        payload = outgoing.body or b"{}"
        if lowered.get("x-amz-invocation-type", "").lower() == "event":
            params = {"FunctionName": target.arn, "InvocationType": "Event", "Payload": payload}
            await self._call(_caller(moment), "lambda", "Invoke", params)
            return Answer("", [], b"")
        try:
            running = asyncio.ensure_future(
                self._functions.invoke(moment.scope, target.arn, payload, source="apigateway")
            )
            outcome = await asyncio.shield(running)
        except TooManyRequests:
            raise
        except Error as error:
            raise BackendFailed(error.message) from error
        said = ""
        if outcome.error is not None:
            said = _error_message(outcome.payload)
        return Answer(said, [("Content-Type", _JSON)], outcome.payload)

    async def _http(self, target: Target, moment: Moment, outgoing: _Outgoing) -> Answer:
        url = _placed(target.uri, outgoing.path)
        if outgoing.query:
            url += ("&" if "?" in url else "?") + urlencode(outgoing.query)
        headers = _with_type(outgoing.headers, moment, _JSON)
        method = str(target.integration.get("httpMethod") or moment.request.method)
        reply = await fetch(moment.request.method if method == "ANY" else method, url, headers, outgoing.body)
        return Answer(str(reply.status), reply.headers, await _whole(reply.body))

    async def _service(self, target: Target, moment: Moment, outgoing: _Outgoing) -> Answer:
        """https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html#apigw-Type-Integration-uri"""
        found = _SERVICE.match(target.uri)
        if found is None or self._ask is None:
            raise Unsupported(f"the integration URI {target.uri} is not supported")
        *subdomain, service = found["service"].split(".")
        path, query, action = "/", dict(outgoing.query), ""
        if found["kind"] == "path":
            path = "/" + _placed(found["rest"], outgoing.path).lstrip("/")
            path = "/" + "/".join([*subdomain, path.lstrip("/")])
            path, _, more = path.partition("?")
            query = dict(pair.partition("=")[::2] for pair in more.split("&") if pair) | query
        else:
            action, *pairs = re.split(r"[&?]", _placed(found["rest"], outgoing.path))
            query = dict(pair.partition("=")[::2] for pair in pairs) | query
        call = ServiceCall(
            region=found["region"] or moment.api.region,
            service=service,
            action=action,
            method=str(target.integration.get("httpMethod") or "POST"),
            path=path,
            query=query,
            headers=_with_type(outgoing.headers, moment, ""),
            body=outgoing.body,
        )
        reply = await self._ask(_caller(moment), call)
        return Answer(str(reply.status), reply.headers, await _whole(reply.body))

    # -- the way back ------------------------------------------------------------

    def _reply(self, target: Target, moment: Moment, values: Values, answer: Answer) -> Reply:
        responses = target.integration.get("integrationResponses") or {}
        response = select(responses, answer.selector)
        if response is None:
            if moment.api.kind != "websocket":
                return _wrong()
            # There the answer goes on as it is where nothing is said of it; a status decides on a $connect.
            failed = answer.selector != "" and not answer.selector.startswith("2")
            return Reply(int(answer.selector) if answer.selector.isdigit() else 500 if failed else 200, [], answer.body)
        status = int(response.get("statusCode") or 200)
        headers: Headers = []
        for name, source in (response.get("responseParameters") or {}).items():
            if name.startswith("method.response.header."):
                value = _response_value(str(source), answer, moment)
                if value is not None:
                    headers.append((name.removeprefix("method.response.header."), value))
        kind, template = _response_template(response, moment)
        body = answer.body if target.integration["type"] != "MOCK" else b""
        if template is not None:
            rendered = values.render(template, answer.body, "responseOverride")
            body = rendered.text.encode() if rendered.text.strip() else b""
            if (given := shown(rendered.override.get("status"))).isdigit():
                status = int(given)
            for name, value in rendered.override.get("header", {}).items():
                headers = [pair for pair in headers if pair[0].lower() != name.lower()]
                headers.append((name, shown(value)))
        if response.get("contentHandling") == "CONVERT_TO_BINARY":
            body = _unbase64(body)
        elif response.get("contentHandling") == "CONVERT_TO_TEXT":
            body = b64encode(body)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", kind or _type_of(answer) or _JSON))
        return Reply(status, headers, body)


def select(responses: Mapping[str, Any], said: str) -> Mapping[str, Any] | None:
    """The response whose pattern is the whole of what the integration said, else the one without a pattern."""
    for response in responses.values():
        pattern = response.get("selectionPattern")
        if pattern and pattern != "default" and _matches(str(pattern), said):
            return dict(response)
    return next((dict(one) for one in responses.values() if one.get("selectionPattern") in (None, "", "default")), None)


def _matches(pattern: str, said: str) -> bool:
    try:
        return re.fullmatch(pattern, said) is not None
    except re.error:
        return False


def _template_for(integration: Mapping[str, Any], content_type: str, values: Values) -> str | None:
    templates = integration.get("requestTemplates") or {}
    kind = content_type.partition(";")[0].strip().lower() or _JSON
    selection = str(integration.get("templateSelection") or "").replace("${", "$").replace("}", "")
    if selection.startswith("$request.body."):
        kind = (_of_body(values.body, "$." + selection.removeprefix("$request.body.")) or "").lower()
    elif selection:
        kind = selection.replace("\\", "").lower()
    found = next((text for name, text in templates.items() if name.partition(";")[0].strip().lower() == kind), None)
    found = templates.get("$default") if found is None else found
    return None if found is None else str(found)


def _passes(integration: Mapping[str, Any]) -> bool:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html"""
    behaviour = str(integration.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
    return behaviour == "WHEN_NO_MATCH" or (
        behaviour == "WHEN_NO_TEMPLATES" and not integration.get("requestTemplates")
    )


def _response_template(response: Mapping[str, Any], moment: Moment) -> tuple[str, str | None]:
    """The template for what the client accepts, else for JSON, else the first; with its content type."""
    templates = response.get("responseTemplates") or {}
    accepted = [part.partition(";")[0].strip() for part in moment.request.header("accept").split(",")]
    for kind in (*accepted, _JSON, *templates):
        if templates.get(kind) not in _AS_IT_IS:
            return kind if "/" in kind else _JSON, str(templates[kind])
    return next(((kind, None) for kind in templates), ("", None))


def _request_value(source: str, moment: Moment, values: Values) -> str | None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html"""
    if source.startswith("'") and source.endswith("'") and len(source) > 1:
        return source[1:-1]
    if source.startswith("context."):
        return as_text(dig(values.context, source.removeprefix("context.")))
    if source.startswith("stageVariables."):
        return moment.stage.variables.get(source.removeprefix("stageVariables."))
    part, _, name = source.removeprefix("method.request.").removeprefix("route.request.").partition(".")
    part = part.removeprefix("multivalue")
    if part == "body":
        return _of_body(values.body, name)
    held = values.given.get(part, {})
    if name in held or part != "header":
        return held.get(name)
    return next((value for key, value in held.items() if key.lower() == name.lower()), None)


def _response_value(source: str, answer: Answer, moment: Moment) -> str | None:
    if source.startswith("'") and source.endswith("'") and len(source) > 1:
        return source[1:-1]
    if source.startswith(("context.", "stageVariables.")):
        return _request_value(source, moment, Values(moment))
    part, _, name = source.removeprefix("integration.response.").partition(".")
    part = part.removeprefix("multivalue")
    if part == "header":
        return next((value for key, value in answer.headers if key.lower() == name.lower()), None)
    return _of_body(answer.body, name) if part == "body" else source


def _of_body(body: bytes, path: str) -> str | None:
    if not path:
        return body.decode("utf-8", "replace")
    try:
        return as_text(find(msgspec.json.decode(body or b"null"), path))
    except NOT_JSON:
        return None


def _placed(text: str, path: Mapping[str, str]) -> str:
    """`{name}` filled in from the path parameters of the integration request."""
    return _PLACE.sub(lambda match: quote(path[match[1]], safe="/") if match[1] in path else match[0], text)


def _with_type(headers: Mapping[str, str], moment: Moment, default: str) -> Headers:
    found: Headers = [(name, value) for name, value in headers.items()]
    named = {name.lower() for name, _ in found}
    for name in sorted(_KEPT_HEADERS - named):
        if value := moment.request.header(name) or (default if name == "content-type" else ""):
            found.append(("Content-Type" if name == "content-type" else "Accept", value))
    return found


def _mocked(body: bytes) -> Answer:
    """A MOCK integration answers with the `statusCode` that its request template gives.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
    """
    found = re.search(rb"[\"']?statusCode[\"']?\s*:\s*[\"']?(\d{3})", body)
    return Answer(found[1].decode() if found else "200", [], body)


def _error_message(payload: bytes) -> str:
    try:
        document = msgspec.json.decode(payload or b"null")
    except NOT_JSON:
        return payload.decode("utf-8", "replace")
    return shown(document.get("errorMessage")) if isinstance(document, dict) else shown(document)


def _caller(moment: Moment) -> Caller:
    return Caller(scope=moment.scope, request_id=moment.request_id, source_ip=moment.request.peer)


def _type_of(answer: Answer) -> str:
    found = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    return "" if found.startswith("application/x-amz-json") else found


def _unbase64(body: bytes) -> bytes:
    try:
        return b64decode(body)
    except (binascii.Error, ValueError):
        return body


async def _whole(body: bytes | AsyncIterator[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join([chunk async for chunk in body])


def _wrong() -> Reply:
    return message(500, "Internal server error", error_type="InternalServerErrorException")
