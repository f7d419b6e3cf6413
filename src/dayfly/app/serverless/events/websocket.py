"""WebSocket APIs, in the Framework's words and in those of serverless-websockets-plugin, which was there before.

References: https://www.serverless.com/framework/docs/providers/aws/events/websocket,
https://www.npmjs.com/package/serverless-websockets-plugin
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.events.rest import invocation_uri
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def api_id(service: Service) -> Any:
    settings = service.provider.get("apiGateway")
    return (settings.get("websocketApiId") if isinstance(settings, Mapping) else None) or {"Ref": "WebsocketsApi"}


def compile_websocket(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) else {"route": content}
    route = event.get("route", event.get("routeKey"))
    if not isinstance(route, str):
        raise ApplicationError.at(f"the websocket event of {function.key} has no route", mark)
    if "WebsocketsApi" not in service.resources and api_id(service) == {"Ref": "WebsocketsApi"}:
        _compile_api(service, mark)
    integration = f"{function.normal}WebsocketsIntegration"
    service.add(
        integration,
        "AWS::ApiGatewayV2::Integration",
        {"ApiId": api_id(service), "IntegrationType": "AWS_PROXY", "IntegrationUri": invocation_uri(function.arn)},
        mark,
    )
    permission = f"{function.normal}LambdaPermissionWebsockets"
    service.permit(permission, function, "apigateway.amazonaws.com")
    expression = event.get("routeResponseSelectionExpression")
    route_id = naming.websocket_route(route)
    service.add(
        route_id,
        "AWS::ApiGatewayV2::Route",
        {
            "ApiId": api_id(service),
            "RouteKey": route,
            "AuthorizationType": "NONE",
            "RouteResponseSelectionExpression": expression,
            "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
            **_authorization(service, event.get("authorizer"), mark),
        },
        mark,
    )
    if expression:
        answer = {"ApiId": api_id(service), "RouteId": {"Ref": route_id}, "RouteResponseKey": "$default"}
        service.add(f"{route_id}Response", "AWS::ApiGatewayV2::RouteResponse", answer, mark)


def _compile_api(service: Service, mark: Mark | None) -> None:
    provider = service.provider
    name = provider.get("websocketsApiName") or provider.get("websocketApiName")
    words = ("websocketsApiRouteSelectionExpression", "websocketApiRouteSelectionExpression")
    expression = next((provider[word] for word in words if provider.get(word)), "$request.body.action")
    properties = {
        "Name": str(name) if name else f"{service.stage}-{service.name}-websockets",
        "RouteSelectionExpression": expression,
        "Description": provider.get("websocketsDescription") or "Serverless Websockets",
        "ProtocolType": "WEBSOCKET",
    }
    service.add("WebsocketsApi", "AWS::ApiGatewayV2::Api", properties, mark)


def _authorization(service: Service, authorizer: Any, mark: Mark | None) -> dict[str, Any]:
    if not authorizer:
        return {}
    given = authorizer if isinstance(authorizer, Mapping) else {"name": authorizer}
    if str(given.get("name")).lower() == "aws_iam" or str(given.get("type")).lower() == "aws_iam":
        return {"AuthorizationType": "AWS_IAM"}
    if isinstance(authorizer, str) and authorizer.startswith("arn:"):
        given = {"arn": authorizer}
    arn = given.get("arn")
    name = str(given.get("name") or naming.of_arn(arn))
    target = arn if arn is not None else service.target(name, mark)
    source = given.get("identitySource") or ["route.request.header.Auth"]
    logical_id = f"{naming.normal(name)}WebsocketsAuthorizer"
    properties = {
        "ApiId": api_id(service),
        "Name": name,
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": invocation_uri(target),
        "IdentitySource": source if isinstance(source, list) else [source],
    }
    service.add(logical_id, "AWS::ApiGatewayV2::Authorizer", properties, mark)
    service.permit(f"{naming.normal(name)}LambdaPermissionWebsockets", target, "apigateway.amazonaws.com")
    return {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": logical_id}}


def finish(service: Service) -> None:
    routes = {name: one for name, one in service.resources.items() if name.endswith("WebsocketsRoute")}
    if not routes:
        return
    digest = hashlib.sha256(json.dumps(routes, sort_keys=True, default=str).encode()).hexdigest()[:12]
    deployment = f"WebsocketsDeployment{digest}"
    mark = service.origins.get("WebsocketsApi")
    properties = {"ApiId": api_id(service), "Description": "Serverless Websockets"}
    service.add(deployment, "AWS::ApiGatewayV2::Deployment", properties, mark, DependsOn=list(routes))
    stage = {"ApiId": api_id(service), "StageName": service.stage, "DeploymentId": {"Ref": deployment}}
    service.add("WebsocketsDeploymentStage", "AWS::ApiGatewayV2::Stage", stage, mark)
    url = ["wss://", api_id(service), ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]
    service.output(
        "ServiceEndpointWebsocket", {"Fn::Join": ["", [*url, f"/{service.stage}"]]}, "URL of the service endpoint"
    )
