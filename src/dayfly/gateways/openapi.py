"""OpenAPI documents (2.0 and 3.0) with API Gateway's extensions, turned into an API's surface.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html

What a document says of the API as a whole, and what of it has no effect here, is in `openapi_extensions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON, Unsupported
from dayfly.gateways.model import Authorizer, Integration, Invalid, Method, Resource, Route, Surface

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "x-amazon-apigateway-any-method"}
_INTEGRATION = "x-amazon-apigateway-integration"
NewId = Callable[[], str]


def read_document(body: bytes | str) -> dict[str, Any]:
    """The document of a JSON or YAML text. Raises Invalid."""
    try:
        found = msgspec.json.decode(body)
    except NOT_JSON:
        import yaml  # seldom needed

        try:
            found = yaml.safe_load(body)
        except yaml.YAMLError as error:
            raise Invalid(f"The body is neither JSON nor YAML: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("The body is not an OpenAPI document")
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(path, METHOD, operation) of everything in the document."""
    found = []
    for path, item in (document.get("paths") or {}).items():
        for method, operation in (item or {}).items():
            if method.lower() in _METHODS:
                name = "ANY" if method.startswith("x-") else method.upper()
                found.append((path, name, operation or {}))
    return found


def _schemes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return (document.get("components") or {}).get("securitySchemes") or document.get("securityDefinitions") or {}


def _resolved(document: dict[str, Any], integration: dict[str, Any]) -> dict[str, Any]:
    """An integration that is `$ref`ed from x-amazon-apigateway-integrations."""
    reference = integration.get("$ref")
    if not reference:
        return integration
    found: Any = document
    for part in str(reference).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise Invalid(f"Unable to resolve {reference}")
    return found


def _authorizers(
    document: dict[str, Any], new_id: NewId, default_ttl_s: int
) -> tuple[dict[str, Authorizer], dict[str, str]]:
    """Authorizers by id, and the authorization type by scheme name for all schemes."""
    authorizers: dict[str, Authorizer] = {}
    kinds: dict[str, str] = {}
    for name, scheme in _schemes(document).items():
        extension = scheme.get("x-amazon-apigateway-authorizer") or {}
        named = scheme.get("x-amazon-apigateway-authtype")
        if str(named).lower() == "awssigv4":
            kinds[name] = "AWS_IAM"
            continue
        if not extension:
            kinds[name] = "API_KEY" if scheme.get("type") == "apiKey" else "NONE"
            continue
        kind = str(extension.get("type", "")).upper()
        jwt = extension.get("jwtConfiguration") or {}
        source = extension.get("identitySource") or ""
        sources = source if isinstance(source, list) else [part.strip() for part in source.split(",") if part.strip()]
        if kind in ("TOKEN", "COGNITO_USER_POOLS") and not sources:
            sources = [f"method.request.header.{scheme.get('name', 'Authorization')}"]
        authorizer = Authorizer(
            id=new_id(),
            name=name,
            kind=kind,
            uri=extension.get("authorizerUri") or "",
            identity_source=sources,
            ttl_s=int(extension.get("authorizerResultTtlInSeconds", default_ttl_s)),
            credentials=extension.get("authorizerCredentials"),
            validation_expression=extension.get("identityValidationExpression"),
            payload_version=extension.get("authorizerPayloadFormatVersion"),
            simple_responses=bool(extension.get("enableSimpleResponses")),
            issuer=jwt.get("issuer"),
            audience=list(jwt.get("audience") or []),
            provider_arns=list(extension.get("providerARNs") or []),
            auth_type=str(named) if named else None,
        )
        authorizers[authorizer.id] = authorizer
        jwt_kinds = {"JWT": "JWT", "COGNITO_USER_POOLS": "COGNITO_USER_POOLS"}
        kinds[name] = jwt_kinds.get(kind, "CUSTOM")
    return authorizers, kinds


class _Security:
    def __init__(self, document: dict[str, Any], new_id: NewId, default_ttl_s: int) -> None:
        self.authorizers, self._kinds = _authorizers(document, new_id, default_ttl_s)
        self._ids = {authorizer.name: authorizer.id for authorizer in self.authorizers.values()}
        self._default = document.get("security") or []

    def of(self, operation: dict[str, Any]) -> tuple[str, str | None, list[str] | None, bool]:
        """Authorization type, authorizer id, scopes, and whether an API key is wanted.

        `x-amazon-apigateway-auth` is either open access, whatever the document asks of all operations, or IAM.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-auth.html
        """
        said = str((operation.get("x-amazon-apigateway-auth") or {}).get("type") or "").upper()
        if said not in ("", "NONE", "AWS_IAM"):
            raise Invalid(f"Invalid authorization type {said} in x-amazon-apigateway-auth")
        key, kind, authorizer, scopes = False, said or "NONE", None, None
        for requirement in operation.get("security", [] if said == "NONE" else self._default) or []:
            for name, wanted in requirement.items():
                found = self._kinds.get(name, "NONE")
                if found == "API_KEY":
                    key = True
                elif found != "NONE":
                    kind, authorizer, scopes = found, self._ids.get(name), list(wanted) or None
        return kind, authorizer, scopes, key


def http_surface(document: dict[str, Any], new_id: NewId) -> tuple[Surface, dict[str, Any] | None]:
    """Routes, integrations and authorizers of an HTTP API, and its CORS configuration."""
    security = _Security(document, new_id, 0)
    routes: dict[str, Route] = {}
    integrations: dict[str, Integration] = {}
    for path, method, operation in _operations(document):
        target = None
        if _INTEGRATION in operation:
            integration = http_integration(_resolved(document, operation[_INTEGRATION]), new_id())
            integrations[integration.integration_id] = integration
            target = f"integrations/{integration.integration_id}"
        kind, authorizer, scopes, _ = security.of(operation)
        default = path in ("$default", "/$default") and method == "ANY"
        route = Route(
            route_id=new_id(),
            route_key="$default" if default else f"{method} {path}",
            target=target,
            authorization_type=kind,
            authorizer_id=authorizer,
            authorization_scopes=scopes,
            operation_name=operation.get("operationId"),
        )
        routes[route.route_id] = route
    cors = document.get("x-amazon-apigateway-cors")
    surface = Surface(routes=routes, integrations=integrations, authorizers=security.authorizers)
    return surface, {name[0].upper() + name[1:]: value for name, value in cors.items()} if cors else None


def http_integration(given: dict[str, Any], integration_id: str) -> Integration:
    kind = str(given.get("type", "")).upper()
    payload = given.get("payloadFormatVersion")
    return Integration(
        integration_id=integration_id,
        integration_type={"HTTP": "HTTP_PROXY"}.get(kind, kind),
        integration_method=given.get("httpMethod"),
        integration_uri=given.get("uri"),
        integration_subtype=given.get("integrationSubtype") or given.get("subtype"),
        credentials_arn=given.get("credentials"),
        payload_format_version=str(payload) if payload is not None else None,
        request_parameters=given.get("requestParameters"),
        response_parameters=given.get("responseParameters"),
        timeout_in_millis=given.get("timeoutInMillis"),
        connection_type=given.get("connectionType"),
        connection_id=given.get("connectionId"),
        tls_config=given.get("tlsConfig"),
    )


def rest_surface(document: dict[str, Any], new_id: NewId, root_id: str) -> Surface:
    """The tree of resources, the methods and the authorizers of a REST API. The root keeps its id.

    `basePath` is ignored, as API Gateway does unless it is told otherwise.
    """
    security = _Security(document, new_id, 300)
    resources = {root_id: Resource(id=root_id)}
    paths = {"/": root_id}
    for path, method, operation in _operations(document):
        resource_id = add_path(resources, paths, path, new_id)
        kind, authorizer, scopes, key = security.of(operation)
        integration = operation.get(_INTEGRATION)
        served = Method(
            http_method=method,
            authorization_type=kind,
            authorizer_id=authorizer,
            authorization_scopes=scopes,
            api_key_required=key,
            operation_name=operation.get("operationId"),
            method_responses={str(code): {"statusCode": str(code)} for code in operation.get("responses") or {}},
            method_integration=_rest_integration(_resolved(document, integration)) if integration else None,
        )
        served = msgspec.structs.replace(served, **_validated(document, operation))
        held = resources[resource_id]
        resources[resource_id] = msgspec.structs.replace(held, methods={**held.methods, method: served})
    responses = {
        kind: {"responseType": kind, "defaultResponse": False, **(given or {})}
        for kind, given in (document.get("x-amazon-apigateway-gateway-responses") or {}).items()
    }
    return Surface(
        resources=resources,
        authorizers=security.authorizers,
        gateway_responses=responses,
        models=_models(document),
        validators={name: {"id": name, "name": name, **given} for name, given in _validators(document).items()},
    )


def _validators(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return document.get("x-amazon-apigateway-request-validators") or {}


def _models(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    schemas = (document.get("components") or {}).get("schemas") or document.get("definitions") or {}
    made = {}
    for name, schema in schemas.items():
        text = msgspec.json.encode(schema).decode()
        made[name] = {"id": name, "name": name, "contentType": "application/json", "schema": text}
    return made


def _validated(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """The method's validator, its parameters, and its models by content type."""
    parameters = {}
    models = {}
    for given in operation.get("parameters") or ():
        place = {"query": "querystring"}.get(str(given.get("in")), str(given.get("in")))
        if place in ("querystring", "header", "path"):
            parameters[f"method.request.{place}.{given.get('name')}"] = bool(given.get("required"))
        elif place == "body" and "$ref" in (given.get("schema") or {}):
            models["application/json"] = str(given["schema"]["$ref"]).rpartition("/")[2]
    for kind, content in ((operation.get("requestBody") or {}).get("content") or {}).items():
        if reference := ((content or {}).get("schema") or {}).get("$ref"):
            models[kind] = str(reference).rpartition("/")[2]
    name = operation.get("x-amazon-apigateway-request-validator", document.get("x-amazon-apigateway-request-validator"))
    return {
        "request_validator_id": name if name in _validators(document) else None,
        "request_parameters": parameters or None,
        "request_models": models or None,
    }


def add_path(resources: dict[str, Resource], paths: dict[str, str], path: str, new_id: NewId) -> str:
    """The id of the resource at a path, which is made with its parents where they are missing."""
    path = "/" + path.strip("/")
    if path in paths:
        return paths[path]
    parent, _, part = path.rpartition("/")
    parent_id = add_path(resources, paths, parent or "/", new_id)
    resource = Resource(id=new_id(), parent_id=parent_id, path_part=part, path=path)
    resources[resource.id] = resource
    paths[path] = resource.id
    return resource.id


def _rest_integration(given: dict[str, Any]) -> dict[str, Any]:
    """The document's form in the API's: `responses` by pattern become `integrationResponses` by status."""
    integration = {name: value for name, value in given.items() if name != "responses"}
    integration["type"] = str(given.get("type", "")).upper()
    if not integration["type"]:
        raise Unsupported("an integration without a type in an OpenAPI document")
    responses: dict[str, Any] = {}
    for pattern, response in (given.get("responses") or {}).items():
        status = str(response.get("statusCode", "200"))
        entry = {**response, "statusCode": status}
        if pattern != "default":
            entry["selectionPattern"] = str(pattern)
        responses[status] = entry
    integration["integrationResponses"] = responses
    return integration
