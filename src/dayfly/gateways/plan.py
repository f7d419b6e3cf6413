"""A stage, compiled: what is needed per request is looked up once per change of the API."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from dayfly.gateways.model import Api, Authorizer, Integration, Method, Stage, Surface
from dayfly.gateways.routes import Routes
from dayfly.gateways.validate import Check, check_of

_INVOCATION = re.compile(r"functions/(?P<arn>[^/]+)/invocations")
_VARIABLE = re.compile(r"\$\{stageVariables\.([^}]+)\}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route leads."""

    kind: Literal["function", "http", "mock", "mapped", "service", "none", "unsupported"]
    arn: str = ""
    """Of the function."""
    payload: str = "1.0"
    uri: str = ""
    method: str = "ANY"
    timeout_ms: int = 29_000
    service: str = ""
    """Subtype of a first-class integration, e.g. `SQS-SendMessage`."""
    parameters: dict[str, str] = {}
    integration: dict[str, Any] = {}
    """Of one with mapping templates: REST's own members."""
    why: str = ""
    """Of an unsupported one: what it needs."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One route, ready to serve."""

    key: str
    target: Target
    authorization: str = "NONE"
    authorizer: Authorizer | None = None
    scopes: list[str] = []
    api_key_required: bool = False
    resource_id: str = ""
    check: Check | None = None
    """What a REST method's validator asks of requests."""
    answers: bool = False
    """A WebSocket route whose integration's result goes back to the client."""
    guarded: bool = False
    """Whether anything stands before the integration: a key, an authorizer, a check."""

    def __post_init__(self) -> None:
        guarded = self.api_key_required or self.authorization not in ("NONE", "") or self.check is not None
        msgspec.structs.force_setattr(self, "guarded", guarded)


class Plan:
    """The compiled stage: `http` for HTTP and REST APIs, `sockets` by route key for WebSocket APIs."""

    __slots__ = ("http", "keys", "name", "refusals", "scope", "sockets")

    def __init__(self, api: Api) -> None:
        self.scope = api.scope
        self.name = api.name or api.id
        self.http: Routes[Step] = Routes()
        self.sockets: dict[str, Step] = {}
        self.keys: list[str] = []
        self.refusals: dict[str, dict[str, Any]] = {}
        """A REST API's gateway responses, by type."""


def compile_stage(api: Api, stage: Stage) -> Plan:
    plan = Plan(api)
    surface = api.surface_of(stage)
    if api.kind == "rest":
        plan.refusals = surface.gateway_responses
        for resource in surface.resources.values():
            for served in resource.methods.values():
                authorizer = _authorizer(surface, served.authorizer_id, stage)
                step = _rest_step(resource.path, resource.id, served, authorizer, stage)
                step = msgspec.structs.replace(step, check=check_of(served, surface))
                plan.http.add(served.http_method, resource.path, step)
                plan.keys.append(f"{served.http_method} {resource.path}")
        return plan
    for route in surface.routes.values():
        integration = surface.integrations.get((route.target or "").removeprefix("integrations/"))
        step = Step(
            key=route.route_key,
            target=target_of(integration, stage, api.kind),
            authorization=route.authorization_type,
            authorizer=_authorizer(surface, route.authorizer_id, stage),
            scopes=route.authorization_scopes or [],
            api_key_required=route.api_key_required,
            answers=bool(route.route_response_selection_expression or route.responses),
        )
        plan.keys.append(route.route_key)
        if api.kind == "websocket":
            plan.sockets[route.route_key] = step
        elif route.route_key == "$default":
            plan.http.default = step
        else:
            method, _, path = route.route_key.partition(" ")
            plan.http.add(method, path, step)
    return plan


def _authorizer(surface: Surface, authorizer_id: str | None, stage: Stage) -> Authorizer | None:
    found = surface.authorizers.get(authorizer_id or "")
    return found and msgspec.structs.replace(found, uri=with_variables(found.uri, stage))


def with_variables(text: str, stage: Stage) -> str:
    return _VARIABLE.sub(lambda match: stage.variables.get(match[1], ""), text)


def function_arn(uri: str) -> str | None:
    """The function of an integration or authorizer URI, with its qualifier if it has one."""
    match = _INVOCATION.search(uri)
    if match:
        return match["arn"]
    return uri if ":lambda:" in uri and ":function:" in uri else None


def target_of(integration: Integration | None, stage: Stage, kind: str) -> Target:
    if integration is None:
        return Target(kind="none")
    timeout_ms = integration.timeout_in_millis or (30_000 if kind == "http" else 29_000)
    uri = with_variables(integration.integration_uri or "", stage)
    if integration.integration_subtype:
        return Target(
            kind="service",
            service=integration.integration_subtype,
            parameters=integration.request_parameters or {},
            timeout_ms=timeout_ms,
        )
    match integration.integration_type:
        case "AWS_PROXY" | "AWS":
            arn = function_arn(uri)
            if integration.integration_type == "AWS" and (arn is None or _mapped(integration)):
                return Target(
                    kind="mapped", arn=arn or "", uri=uri, timeout_ms=timeout_ms, integration=_as_rest(integration)
                )
            if arn is None:
                return Target(kind="unsupported", why=f"an {integration.integration_type} integration of {uri}")
            payload = integration.payload_format_version or "1.0"
            return Target(kind="function", arn=arn, payload=payload, timeout_ms=timeout_ms)
        case "HTTP_PROXY":
            return Target(
                kind="http",
                uri=uri,
                method=integration.integration_method or "ANY",
                parameters=integration.request_parameters or {},
                timeout_ms=timeout_ms,
            )
        case "MOCK":
            if _mapped(integration):
                return Target(kind="mapped", timeout_ms=timeout_ms, integration=_as_rest(integration))
            return Target(kind="mock")
        case other:
            return Target(kind="unsupported", why=f"an integration of type {other}")


def _mapped(integration: Integration) -> bool:
    return bool(integration.request_templates or integration.request_parameters or integration.responses)


def _as_rest(integration: Integration) -> dict[str, Any]:
    """A WebSocket API's integration in the members of a REST API's: they are mapped alike."""
    responses = {}
    for key, response in integration.responses.items():
        pattern = "" if key == "$default" else key.strip("/")
        templates = response.get("ResponseTemplates") or {}
        responses[key] = {"selectionPattern": pattern, "statusCode": "200", "responseTemplates": templates}
    return {
        "type": integration.integration_type,
        "httpMethod": integration.integration_method,
        "requestParameters": integration.request_parameters or {},
        "requestTemplates": integration.request_templates or {},
        "passthroughBehavior": integration.passthrough_behavior,
        "templateSelection": integration.template_selection_expression,
        "integrationResponses": responses,
    }


def _rest_step(path: str, resource_id: str, method: Method, authorizer: Authorizer | None, stage: Stage) -> Step:
    return Step(
        key=path,
        target=_rest_target(method.method_integration, stage),
        authorization=method.authorization_type,
        authorizer=authorizer,
        scopes=method.authorization_scopes or [],
        api_key_required=method.api_key_required,
        resource_id=resource_id,
    )


def _rest_target(integration: dict[str, Any] | None, stage: Stage) -> Target:
    if not integration:
        return Target(kind="none")
    uri = with_variables(str(integration.get("uri") or ""), stage)
    timeout_ms = int(integration.get("timeoutInMillis") or 29_000)
    kind = str(integration.get("type", "")).upper()
    arn = function_arn(uri)
    if kind == "AWS_PROXY" and arn:
        return Target(kind="function", arn=arn, timeout_ms=timeout_ms)
    if kind == "HTTP_PROXY":
        return Target(
            kind="http",
            uri=uri,
            method=integration.get("httpMethod") or "ANY",
            parameters=integration.get("requestParameters") or {},
            timeout_ms=timeout_ms,
        )
    if kind in ("AWS", "HTTP", "MOCK"):
        return Target(
            kind="mapped",
            arn=arn or "",
            uri=uri,
            timeout_ms=timeout_ms,
            integration={**integration, "type": kind},
        )
    return Target(kind="unsupported", why=f"a REST integration of type {kind} to {uri}")
