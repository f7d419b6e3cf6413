"""The records of an API: what is stored, and what a deployment freezes.

One `Api` record holds all of one API (its key is `apigw/<account>/<region>/<api id>`), so every change is one put and
a reader never sees half of one. The members are AWS's own, spelt by `rename` as the two services spell them: HTTP and
WebSocket APIs in Pascal case (apigatewayv2), REST APIs in camel case (apigateway).

References: https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html and
https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from dayfly.errors import Error
from dayfly.identity import Scope

Kind = Literal["http", "rest", "websocket"]


class ApiNotFound(Error):
    """There is no such API."""


class PartNotFound(Error):
    """The API has no such part."""


class Conflicting(Error):
    """The API has this part already."""


class Invalid(Error):
    """The API cannot be configured like this."""


class Route(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    route_id: str
    route_key: str
    target: str | None = None
    """`integrations/<integration id>`."""
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    authorization_scopes: list[str] | None = None
    api_key_required: bool = False
    operation_name: str | None = None
    model_selection_expression: str | None = None
    request_models: dict[str, str] | None = None
    request_parameters: dict[str, Any] | None = None
    route_response_selection_expression: str | None = None
    responses: dict[str, dict[str, Any]] = {}


class Integration(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    integration_id: str
    integration_type: str
    integration_method: str | None = None
    integration_uri: str | None = None
    integration_subtype: str | None = None
    connection_type: str | None = None
    connection_id: str | None = None
    content_handling_strategy: str | None = None
    credentials_arn: str | None = None
    description: str | None = None
    passthrough_behavior: str | None = None
    payload_format_version: str | None = None
    request_parameters: dict[str, str] | None = None
    request_templates: dict[str, str] | None = None
    response_parameters: dict[str, dict[str, str]] | None = None
    template_selection_expression: str | None = None
    timeout_in_millis: int | None = None
    tls_config: dict[str, Any] | None = None
    responses: dict[str, dict[str, Any]] = {}


class Authorizer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of either service; the API modules spell the members."""

    id: str
    name: str
    kind: str
    """REQUEST, TOKEN, JWT or COGNITO_USER_POOLS."""
    uri: str = ""
    identity_source: list[str] = []
    """As given: `$request.header.X` (HTTP, `route.request.…` for WebSocket) or `method.request.header.X` (REST)."""
    ttl_s: int = 0
    credentials: str | None = None
    validation_expression: str | None = None
    payload_version: str | None = None
    simple_responses: bool = False
    issuer: str | None = None
    audience: list[str] = []
    provider_arns: list[str] = []
    auth_type: str | None = None
    """The customer's own word for it, kept and told (REST)."""


class Method(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A REST method. `method_integration` and the responses stay in AWS's own form."""

    http_method: str
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    authorization_scopes: list[str] | None = None
    api_key_required: bool = False
    request_validator_id: str | None = None
    operation_name: str | None = None
    request_parameters: dict[str, bool] | None = None
    request_models: dict[str, str] | None = None
    method_responses: dict[str, dict[str, Any]] = {}
    method_integration: dict[str, Any] | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    id: str
    parent_id: str | None = None
    path_part: str | None = None
    path: str = "/"
    methods: dict[str, Method] = {}


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """What serves requests: the part of an API that a deployment freezes."""

    routes: dict[str, Route] = {}
    integrations: dict[str, Integration] = {}
    authorizers: dict[str, Authorizer] = {}
    resources: dict[str, Resource] = {}
    gateway_responses: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    validators: dict[str, dict[str, Any]] = {}


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_s: float
    description: str = ""
    surface: Surface


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_s: float
    deployment_id: str | None = None
    auto_deploy: bool = False
    variables: dict[str, str] = {}
    description: str = ""
    settings: dict[str, Any] = {}
    """Stored and told, without effect: access logs, throttling, tracing, caching, tags."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: Kind
    account: str
    region: str
    name: str
    created_s: float
    description: str = ""
    version: str | None = None
    selection: str = "$request.method $request.path"
    """The route selection expression."""
    key_selection: str = "$request.header.x-api-key"
    cors: dict[str, Any] | None = None
    """CorsConfiguration in AWS's members."""
    binary_types: list[str] = []
    disable_endpoint: bool = False
    tags: dict[str, str] = {}
    settings: dict[str, Any] = {}
    """Stored and told, without effect."""
    surface: Surface = Surface()
    stages: dict[str, Stage] = {}
    deployments: dict[str, Deployment] = {}

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def key(self) -> str:
        return f"apigw/api/{self.account}/{self.region}/{self.id}"

    def surface_of(self, stage: Stage) -> Surface:
        """What a stage serves: what is there now if it deploys by itself, else what its deployment froze."""
        if stage.auto_deploy or stage.deployment_id is None:
            return self.surface
        deployment = self.deployments.get(stage.deployment_id)
        return deployment.surface if deployment is not None else self.surface


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    id: str
    value: str
    name: str = ""
    description: str = ""
    enabled: bool = False
    created_date: float = 0.0
    last_updated_date: float = 0.0
    customer_id: str | None = None
    tags: dict[str, str] = {}


class UsagePlan(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    id: str
    name: str
    description: str = ""
    api_stages: list[dict[str, Any]] = []
    throttle: dict[str, Any] | None = None
    quota: dict[str, Any] | None = None
    product_code: str | None = None
    tags: dict[str, str] = {}
    keys: list[str] = []


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A custom domain name and what it maps to. Stored and told; requests are routed by it."""

    name: str
    v2: bool = False
    settings: dict[str, Any] = {}
    mappings: dict[str, dict[str, str]] = {}
    """By mapping id (v2) or base path (v1): `{"api": …, "stage": …, "path": …}`."""
