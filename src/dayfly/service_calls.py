"""AWS requests that an API's methods make: what an `AWS` integration sends to a service other than Lambda.

The request goes to the service's own handlers, or to a companion, in the protocol that the service speaks; the answer
comes back as the service gives it, from the query services in JSON, for which API Gateway asks.
https://docs.aws.amazon.com/apigateway/latest/developerguide/getting-started-aws-proxy.html
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from dayfly.api.errors import wire_error
from dayfly.errors import Error, Unsupported
from dayfly.front.messages import Request, Response
from dayfly.gateways.doors import ServiceCall
from dayfly.gateways.traffic import Reply
from dayfly.identity import Caller, Scope
from dayfly.wire import calls, locate
from dayfly.wire.faults import write_error

if TYPE_CHECKING:
    from dayfly.api.registry import Registry
    from dayfly.companions import Companions
    from dayfly.wire.operations import Service

_FORM = "application/x-www-form-urlencoded"


class ServiceCalls:
    def __init__(self, registry: Registry, companions: Companions) -> None:
        self._registry = registry
        self._companions = companions

    async def ask(self, caller: Caller, call: ServiceCall) -> Reply:
        """Raises Unsupported for an action that cannot be put into a request."""
        caller = msgspec.structs.replace(caller, scope=Scope(caller.scope.account, call.region))
        request = self._request(caller, call)
        name = locate.service_of(request, locate.credential(request)) or call.service
        if name in self._registry.service_names:
            response = await self._own(caller, request, self._registry.service(name))
        else:
            response = await self._companions.answer(request, name, caller.scope)
        body = response.body if isinstance(response.body, bytes) else b"".join([part async for part in response.body])
        return _in_json(Reply(response.status, response.headers, body), name)

    async def _own(self, caller: Caller, request: Request, service: Service) -> Response:
        registry, protocol = self._registry, calls.protocol_of(service, request)
        try:
            found = calls.find(service, request, protocol)
            result = await registry.run(caller, found, request)
            return Response(*found.operation.codec(protocol).write(result, caller.request_id))
        except Error as error:
            said = wire_error(registry.faults(service.name), error)
            return Response(*write_error(service, protocol, said, caller.request_id))

    def _request(self, caller: Caller, call: ServiceCall) -> Request:
        given = {name.lower(): (name, value) for name, value in call.headers}
        path, query, body = call.path, dict(call.query), call.body
        if call.action:
            path, query, body = "/", dict(query), self._with_action(call, given, query)
        scope = f"{caller.scope.account}/20200101/{call.region}/{call.service}/aws4_request"
        given["authorization"] = (
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        )
        given["host"] = ("Host", f"{call.service}.{call.region}.amazonaws.com")
        target = quote(path, safe="/%:+@=,;!*'()~.-_") + (f"?{urlencode(query)}" if query else "")
        return Request(call.method or "POST", target, list(given.values()), body, peer=caller.source_ip or "127.0.0.1")

    def _with_action(self, call: ServiceCall, given: dict[str, tuple[str, str]], query: dict[str, str]) -> bytes:
        """The action in the service's protocol; returns the body, changes headers and query."""
        model = self._registry.service(_model_name(call.service))
        metadata = model.metadata
        if "query" in model.protocols and "x-amz-target" not in given:
            form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
            if call.body.lstrip().startswith(b"{"):
                form = {}
            form = {"Action": call.action, "Version": str(metadata.get("apiVersion")), **query, **form}
            given["content-type"] = ("Content-Type", _FORM)
            query.clear()
            return urlencode(form).encode()
        if "json" in model.protocols:
            kind = f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}"
            given["content-type"] = ("Content-Type", kind)
            given.setdefault("x-amz-target", ("X-Amz-Target", f"{metadata['targetPrefix']}.{call.action}"))
            query.clear()
            return call.body or b"{}"
        raise Unsupported(f"the integration action {call.action} of {call.service} is not supported; use its path")


def _model_name(service: str) -> str:
    return locate.SIGNING_NAMES.get(service, service)


def _in_json(reply: Reply, service: str) -> Reply:
    kind = next((value for name, value in reply.headers if name.lower() == "content-type"), "")
    if "xml" not in kind or service == "s3" or not isinstance(reply.body, bytes):
        return reply
    try:
        root = ElementTree.fromstring(reply.body)
    except ElementTree.ParseError:
        return reply
    name = root.tag.rpartition("}")[2]
    document = _converted(root)
    if name == "ErrorResponse":
        body: Any = document
    else:
        body = {name: document}
    headers = [(key, value) for key, value in reply.headers if key.lower() not in ("content-type", "content-length")]
    return Reply(reply.status, [*headers, ("Content-Type", "application/json")], msgspec.json.encode(body))


def _converted(node: ElementTree.Element) -> Any:
    children = list(node)
    if not children:
        return {"messages": None} if node.tag.endswith("ReceiveMessageResult") else node.text or ""
    names = [child.tag.rpartition("}")[2] for child in children]
    if set(names) == {"member"}:
        return [_converted(child) for child in children]
    if set(names) == {"Message"} and node.tag.endswith("ReceiveMessageResult"):
        return {"messages": [_converted(child) for child in children]}
    found: dict[str, Any] = {}
    for name, child in zip(names, children, strict=True):
        value = _converted(child)
        if names.count(name) > 1:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
