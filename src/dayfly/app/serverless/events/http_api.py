"""HTTP API (version 2 of API Gateway).

Reference: https://www.serverless.com/framework/docs/providers/aws/events/http-api
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.events.rest import invocation_uri
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark, mark_of

_CORS_HEADERS = [
    "Content-Type",
    "X-Amz-Date",
    "Authorization",
    "X-Api-Key",
    "X-Amz-Security-Token",
    "X-Amz-User-Agent",
    "X-Amzn-Trace-Id",
]


def settings_of(service: Service) -> Mapping[str, Any]:
    given = service.provider.get("httpApi")
    return given if isinstance(given, Mapping) else {}


def api_id(service: Service) -> Any:
    return settings_of(service).get("id") or {"Ref": "HttpApi"}


def compile_http_api(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) else {}
    key = _route_key(content, event, function, mark)
    _compile_api(service, mark)
    integration = f"HttpApiIntegration{function.normal}"
    if integration not in service.resources:
        _compile_integration(service, function, integration, mark)
    service.add(
        "HttpApiRouteDefault" if key == "$default" else f"HttpApiRoute{naming.path(key)}",
        "AWS::ApiGatewayV2::Route",
        {
            "ApiId": api_id(service),
            "RouteKey": key,
            "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
            **_authorization(service, event.get("authorizer"), mark),
        },
        mark,
        DependsOn=integration,
    )


def _route_key(content: Any, event: Mapping[str, Any], function: Function, mark: Mark | None) -> str:
    if isinstance(content, str):
        method, _, path = content.strip().partition(" ")
    else:
        method, path = str(event.get("method") or "*"), str(event.get("path") or "")
    method, path = method.strip().upper(), path.strip()
    if method == "*" and path in ("", "*"):
        return "$default"
    if not path:
        raise ApplicationError.at(f"the httpApi event of {function.key} has no path", mark)
    return f"{'ANY' if method == '*' else method} /{path.lstrip('/')}"


def _compile_integration(service: Service, function: Function, logical_id: str, mark: Mark | None) -> None:
    own = function.definition.get("httpApi") or {}
    payload = str(own.get("payload") or settings_of(service).get("payload") or "2.0")
    service.add(
        logical_id,
        "AWS::ApiGatewayV2::Integration",
        {
            "ApiId": api_id(service),
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": function.arn,
            "PayloadFormatVersion": payload if "." in payload else f"{payload}.0",
            "TimeoutInMillis": 30000,
        },
        mark,
    )
    start = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":execute-api:",
        {"Ref": "AWS::Region"},
        ":",
        {"Ref": "AWS::AccountId"},
        ":",
    ]
    source = {"Fn::Join": ["", [*start, api_id(service), "/*"]]}
    service.permit(f"{function.normal}LambdaPermissionHttpApi", function, "apigateway.amazonaws.com", source)


def _compile_api(service: Service, mark: Mark | None) -> None:
    settings = settings_of(service)
    if settings.get("id") or "HttpApi" in service.resources:
        return
    for key in settings:
        if key in ("metrics", "disableDefaultEndpoint", "timeout"):
            service.report.ignored(f"provider.httpApi.{key}", mark_of(settings, key))
    parts = [service.stage, service.name]
    name = settings.get("name") or "-".join(reversed(parts) if settings.get("shouldStartNameWithService") else parts)
    tags = service.provider.get("tags")
    tags = {key: str(value) for key, value in tags.items()} if tags else None
    service.add(
        "HttpApi",
        "AWS::ApiGatewayV2::Api",
        {"Name": str(name), "ProtocolType": "HTTP", "Description": settings.get("description"), "Tags": tags},
        mark,
    )
    stage = {"ApiId": {"Ref": "HttpApi"}, "StageName": "$default", "AutoDeploy": True}
    service.add("HttpApiStage", "AWS::ApiGatewayV2::Stage", stage, mark)
    service.output("HttpApiId", {"Ref": "HttpApi"}, "Id of the HTTP API")
    url = ["https://", {"Ref": "HttpApi"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]
    service.output("HttpApiUrl", {"Fn::Join": ["", url]}, "URL of the HTTP API")


def _authorization(service: Service, authorizer: Any, mark: Mark | None) -> dict[str, Any]:
    if not authorizer:
        return {}
    given = authorizer if isinstance(authorizer, Mapping) else {"name": authorizer}
    kind = str(given.get("type") or "").lower()
    if kind == "aws_iam":
        return {"AuthorizationType": "AWS_IAM"}
    scopes = given.get("scopes")
    scopes = [scopes] if isinstance(scopes, str) else scopes
    if given.get("id"):
        made = {"AuthorizationType": "CUSTOM" if kind == "request" else "JWT", "AuthorizerId": given["id"]}
        return {**made, "AuthorizationScopes": scopes} if scopes else made
    name = str(given.get("name"))
    if name.lower() == "aws_iam":
        return {"AuthorizationType": "AWS_IAM"}
    known = settings_of(service).get("authorizers") or {}
    if name not in known:
        raise ApplicationError.at(f"provider.httpApi.authorizers has no {name!r}", mark)
    definition = known[name]
    logical_id = f"HttpApiAuthorizer{naming.normal(str(definition.get('name') or name))}"
    if logical_id not in service.resources:
        _compile_authorizer(service, name, definition, logical_id, mark_of(known, name))
    request = str(definition.get("type") or "").lower() == "request"
    made = {"AuthorizationType": "CUSTOM" if request else "JWT", "AuthorizerId": {"Ref": logical_id}}
    return {**made, "AuthorizationScopes": scopes} if scopes else made


def _compile_authorizer(
    service: Service, name: str, definition: Mapping[str, Any], logical_id: str, mark: Mark | None
) -> None:
    source = definition.get("identitySource") or []
    properties: dict[str, Any] = {
        "ApiId": api_id(service),
        "Name": definition.get("name") or name,
        "IdentitySource": [source] if isinstance(source, str) else source,
    }
    if str(definition.get("type") or "").lower() == "request":
        target = definition.get("functionArn") or service.target(definition.get("functionName"), mark)
        properties.update(
            AuthorizerType="REQUEST",
            AuthorizerUri=invocation_uri(target),
            EnableSimpleResponses=definition.get("enableSimpleResponses"),
            AuthorizerResultTtlInSeconds=definition.get("resultTtlInSeconds"),
            AuthorizerPayloadFormatVersion=str(definition.get("payloadVersion") or "2.0"),
        )
        service.permit(f"{naming.normal(name)}LambdaAuthorizerPermissionHttpApi", target, "apigateway.amazonaws.com")
    else:
        audience = definition.get("audience") or []
        properties.update(
            AuthorizerType="JWT",
            JwtConfiguration={
                "Audience": audience if isinstance(audience, list) else [audience],
                "Issuer": definition.get("issuerUrl"),
            },
        )
    service.add(logical_id, "AWS::ApiGatewayV2::Authorizer", properties, mark)


def finish(service: Service) -> None:
    """CORS is known only once all routes are: by default every method in use is allowed."""
    cors = settings_of(service).get("cors")
    api = service.resources.get("HttpApi")
    if not cors or api is None:
        return
    given = cors if isinstance(cors, Mapping) else {}
    routes = (one for one in service.resources.values() if one["Type"] == "AWS::ApiGatewayV2::Route")
    methods = {one["Properties"]["RouteKey"].partition(" ")[0] for one in routes} | {"OPTIONS"}
    if methods & {"ANY", "$default"}:
        methods = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
    rules = {
        "AllowOrigins": given.get("allowedOrigins") or ["*"],
        "AllowHeaders": given.get("allowedHeaders") or _CORS_HEADERS,
        "AllowMethods": given.get("allowedMethods") or sorted(methods),
        "AllowCredentials": given.get("allowCredentials"),
        "ExposeHeaders": given.get("exposedResponseHeaders"),
        "MaxAge": given.get("maxAge"),
    }
    api["Properties"]["CorsConfiguration"] = {
        name: [value] if isinstance(value, str) else value for name, value in rules.items() if value is not None
    }
