"""REST API (version 1 of API Gateway).

Reference: https://www.serverless.com/framework/docs/providers/aws/events/apigateway
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.events.mapped import KINDS, mapped
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark, mark_of

_CORS_HEADERS = "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Amz-User-Agent,X-Amzn-Trace-Id"
_API_SETTINGS_IGNORED_WORDS = """
metrics websocketApiId description shouldStartNameWithService disableDefaultEndpoint request resourcePolicy
timeout stage mergeResourcePolicy
"""
_API_SETTINGS_IGNORED = frozenset(_API_SETTINGS_IGNORED_WORDS.split())


def settings_of(service: Service) -> Mapping[str, Any]:
    given = service.provider.get("apiGateway")
    return given if isinstance(given, Mapping) else {}


def api_id(service: Service) -> Any:
    return settings_of(service).get("restApiId") or {"Ref": "ApiGatewayRestApi"}


def compile_http(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = event_of(content, function.key, mark)
    method = str(event["method"]).upper()
    path = str(event["path"]).strip("/")
    integration = str(event.get("integration") or "lambda-proxy").lower().replace("_", "-")
    if event.get("async") and integration == "lambda-proxy":
        integration = "lambda"  # a proxy has nowhere to say so
    _compile_api(service, mark)
    resource = _resource(service, path, mark)
    method = "ANY" if method == "*" else method
    properties: dict[str, Any] = {
        "HttpMethod": method,
        "ResourceId": resource,
        "RestApiId": api_id(service),
        "ApiKeyRequired": bool(event.get("private")),
        "RequestParameters": _request_parameters(event) or {},
        "AuthorizationType": "NONE",
    }
    if integration in KINDS:
        properties["Integration"], properties["MethodResponses"] = mapped(
            event, integration, invocation_uri(function.arn), function, answer_headers(event.get("cors")), mark
        )
    else:
        properties["MethodResponses"] = []
        properties["Integration"] = _integration(event, function, integration, mark)
    properties.update(_authorization(service, event.get("authorizer"), mark))
    method_id = _method_id(path, method)
    if event.get("request"):
        properties.update(_validation(service, event["request"], method_id))
    properties.update(_documented(service, event))
    if event.get("operationId"):
        properties["OperationName"] = event["operationId"]
    permission = f"{function.normal}LambdaPermissionApiGateway"
    depends = [permission] if integration in ("lambda-proxy", "lambda", "aws") else []
    service.add(method_id, "AWS::ApiGateway::Method", properties, mark, DependsOn=depends)
    if depends:
        service.permit(permission, function, "apigateway.amazonaws.com", _execute_arn(service))
    if event.get("cors"):
        _compile_cors(service, path, event["cors"], mark)


def add_method(
    service: Service,
    event: Mapping[str, Any],
    integration: Mapping[str, Any],
    responses: list[dict[str, Any]],
    mark: Mark | None,
) -> None:
    """A method that leads to another service than Lambda."""
    method, path = str(event["method"]).upper(), str(event["path"]).strip("/")
    _compile_api(service, mark)
    properties: dict[str, Any] = {
        "HttpMethod": method,
        "ResourceId": _resource(service, path, mark),
        "RestApiId": api_id(service),
        "ApiKeyRequired": bool(event.get("private")),
        "RequestParameters": _request_parameters(event) or {},
        "AuthorizationType": "NONE",
        "Integration": integration,
        "MethodResponses": responses,
    }
    properties.update(_authorization(service, event.get("authorizer"), mark))
    service.add(_method_id(path, method), "AWS::ApiGateway::Method", properties, mark)
    if event.get("cors"):
        _compile_cors(service, path, event["cors"], mark)


def event_of(content: Any, owner: str, mark: Mark | None) -> Mapping[str, Any]:
    """`GET path` or a mapping, as a mapping."""
    if isinstance(content, str):
        method, _, path = content.strip().partition(" ")
        content = {"method": method, "path": path.strip()}
    if not isinstance(content, Mapping) or not content.get("method") or content.get("path") is None:
        raise ApplicationError.at(f"the http event of {owner} needs a method and a path", mark)
    return content


def _compile_api(service: Service, mark: Mark | None) -> None:
    settings = settings_of(service)
    if settings.get("restApiId") or "ApiGatewayRestApi" in service.resources:
        return
    for key in settings:
        if key in _API_SETTINGS_IGNORED:
            service.report.ignored(f"provider.apiGateway.{key}", mark_of(settings, key))
    tags = service.provider.get("tags") or {}
    name = service.provider.get("apiName")
    if not name:
        parts = [service.stage, service.name]
        name = "-".join(reversed(parts) if settings.get("shouldStartNameWithService") else parts)
    service.add(
        "ApiGatewayRestApi",
        "AWS::ApiGateway::RestApi",
        {
            "Name": name,
            "BinaryMediaTypes": settings.get("binaryMediaTypes"),
            "EndpointConfiguration": {"Types": [str(service.provider.get("endpointType") or "EDGE").upper()]},
            "ApiKeySourceType": settings.get("apiKeySourceType"),
            "MinimumCompressionSize": settings.get("minimumCompressionSize"),
            "Tags": [{"Key": key, "Value": str(value)} for key, value in tags.items()] or None,
        },
        mark,
    )


def _resource(service: Service, path: str, mark: Mark | None) -> Any:
    """The id of a path's resource; resources are added for it and its parents."""
    settings = settings_of(service)
    known = {str(key).strip("/"): value for key, value in (settings.get("restApiResources") or {}).items()}
    parent: Any = settings.get("restApiRootResourceId") or {"Fn::GetAtt": ["ApiGatewayRestApi", "RootResourceId"]}
    walked: list[str] = []
    for part in filter(None, path.split("/")):
        walked.append(part)
        here = "/".join(walked)
        if here in known:
            parent = known[here]
            continue
        logical_id = f"ApiGatewayResource{naming.path(here)}"
        if logical_id not in service.resources:
            properties = {"ParentId": parent, "PathPart": part, "RestApiId": api_id(service)}
            service.add(logical_id, "AWS::ApiGateway::Resource", properties, mark)
        parent = {"Ref": logical_id}
    return parent


def _method_id(path: str, method: str) -> str:
    return f"ApiGatewayMethod{naming.path(path)}{naming.upper_first(method.lower())}"


def _execute_arn(service: Service) -> Any:
    parts = [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":execute-api:",
        {"Ref": "AWS::Region"},
        ":",
        {"Ref": "AWS::AccountId"},
        ":",
    ]
    return {"Fn::Join": ["", [*parts, api_id(service), "/*/*"]]}


def invocation_uri(arn: Any) -> dict[str, Any]:
    start = ["arn:", {"Ref": "AWS::Partition"}, ":apigateway:", {"Ref": "AWS::Region"}]
    return {"Fn::Join": ["", [*start, ":lambda:path/2015-03-31/functions/", arn, "/invocations"]]}


def _integration(event: Mapping[str, Any], function: Function, integration: str, mark: Mark | None) -> dict[str, Any]:
    if integration == "http-proxy":
        uri = (event.get("request") or {}).get("uri")
        if not uri:
            raise ApplicationError.at("the integration http-proxy needs request.uri", mark)
        return {"Type": "HTTP_PROXY", "IntegrationHttpMethod": str(event["method"]).upper(), "Uri": uri}
    transfer = (event.get("response") or {}).get("transferMode")
    made = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": invocation_uri(function.arn)}
    return {**made, "ResponseTransferMode": str(transfer).upper()} if transfer else made


def _authorization(service: Service, authorizer: Any, mark: Mark | None) -> dict[str, Any]:
    if not authorizer:
        return {}
    given: Mapping[str, Any] = authorizer if isinstance(authorizer, Mapping) else {}
    if isinstance(authorizer, str):
        given = {"arn": authorizer} if ":" in authorizer else {"name": authorizer}
    if isinstance(authorizer, Mapping) and any(key.startswith(("Fn::", "Ref")) for key in authorizer):
        given = {"arn": authorizer, "name": naming.of_arn(authorizer)}
    kind = str(given.get("type") or "").upper()
    if kind == "AWS_IAM" or str(authorizer).upper() == "AWS_IAM":
        return {"AuthorizationType": "AWS_IAM"}
    if given.get("authorizerId"):
        return {
            "AuthorizationType": "COGNITO_USER_POOLS" if kind == "COGNITO_USER_POOLS" else "CUSTOM",
            "AuthorizerId": given["authorizerId"],
            "AuthorizationScopes": given.get("scopes") or [],
        }
    arn = given.get("arn")
    cognito = kind == "COGNITO_USER_POOLS" or (isinstance(arn, str) and ":cognito-idp:" in arn)
    name = given.get("name") or (str(naming.of_arn(arn)).rsplit("-", 1)[-1] if arn else "")
    if not name:
        raise ApplicationError.at("an authorizer needs a name or an ARN", mark)
    logical_id = f"{naming.normal(str(name))}ApiGatewayAuthorizer"
    source = given.get("identitySource")
    ttl = given.get("resultTtlInSeconds")
    if source is None and not (kind == "REQUEST" and ttl == 0):
        source = "method.request.header.Authorization"
    properties: dict[str, Any] = {
        "Name": name,
        "RestApiId": api_id(service),
        "IdentitySource": source,
        "IdentityValidationExpression": given.get("identityValidationExpression"),
        "AuthorizerResultTtlInSeconds": 300 if ttl is None else int(ttl),
    }
    if cognito:
        properties.update(Type="COGNITO_USER_POOLS", ProviderARNs=[arn])
    else:
        target = service.target(name, mark) if arn is None else arn
        properties.update(Type=kind or "TOKEN", AuthorizerUri=invocation_uri(target))
        permission = f"{naming.normal(str(name))}LambdaPermissionApiGateway"
        if permission not in service.resources:
            service.permit(permission, target, "apigateway.amazonaws.com", _execute_arn(service))
    service.add(logical_id, "AWS::ApiGateway::Authorizer", properties, mark)
    return {
        "AuthorizationType": "COGNITO_USER_POOLS" if cognito else "CUSTOM",
        "AuthorizerId": {"Ref": logical_id},
        "AuthorizationScopes": given.get("scopes"),
    }


def _request_parameters(event: Mapping[str, Any]) -> dict[str, bool]:
    request = event.get("request")
    parameters = (request.get("parameters") or {}) if isinstance(request, Mapping) else {}
    found: dict[str, bool] = {}
    for kind, word in (("paths", "path"), ("querystrings", "querystring"), ("headers", "header")):
        for name, given in (parameters.get(kind) or {}).items():
            required = given.get("required", True) if isinstance(given, Mapping) else given
            found[f"method.request.{word}.{name}"] = bool(required)
    return found


def _validation(service: Service, request: Mapping[str, Any], method_id: str) -> dict[str, Any]:
    schemas = request.get("schemas") or request.get("schema")
    if not schemas and not _request_parameters({"request": request}):
        return {}
    validator = f"ApiGateway{naming.alphanumeric(service.name)}RequestValidator"
    if schemas is None and validator not in service.resources:
        return {}
    properties = {"RestApiId": api_id(service), "ValidateRequestBody": True, "ValidateRequestParameters": True}
    service.add(
        validator, "AWS::ApiGateway::RequestValidator", {**properties, "Name": f"{service.name}-{service.stage}"}
    )
    models: dict[str, Any] = {}
    for content_type, schema in (schemas or {}).items():
        if isinstance(schema, str):  # a schema of provider.apiGateway.request.schemas, by its name
            named = ((settings_of(service).get("request") or {}).get("schemas") or {}).get(schema) or {}
            schema = named.get("schema", {})  # noqa: PLW2901 - the reference becomes what it names
        elif "schema" in schema and "type" not in schema:
            schema = schema["schema"]  # noqa: PLW2901
        words = "".join(naming.upper_first(word) for word in content_type.replace("/", " ").replace("-", " ").split())
        logical_id = f"{method_id}{words}Model"
        model = {"RestApiId": api_id(service), "ContentType": content_type, "Schema": schema}
        service.add(logical_id, "AWS::ApiGateway::Model", model)
        models[content_type] = {"Ref": logical_id}
    return {"RequestValidatorId": {"Ref": validator}, "RequestModels": models or None}


def _documented(service: Service, event: Mapping[str, Any]) -> dict[str, Any]:
    """The validator and models that serverless-reqvalidator-plugin and serverless-aws-documentation give a method."""
    found: dict[str, Any] = {}
    validator = event.get("reqValidatorName")
    if validator:
        found["RequestValidatorId"] = {"Ref": validator} if isinstance(validator, str) else validator
    documented = event.get("documentation")
    wanted = documented.get("requestModels") if isinstance(documented, Mapping) else None
    models = {one.get("name"): one for one in service.custom("documentation.models") or ()} if wanted else {}
    for content_type, name in (wanted or {}).items():
        model = models.get(name)
        if model is None:
            continue
        properties = {
            "RestApiId": api_id(service),
            "Name": name,
            "ContentType": model.get("contentType") or content_type,
            "Schema": model.get("schema") or {},
        }
        service.add(f"{name}Model", "AWS::ApiGateway::Model", properties)
        found.setdefault("RequestModels", {})[content_type] = {"Ref": f"{name}Model"}
    return found


def answer_headers(cors: Any) -> dict[str, str]:
    """What every answer of a method that is not a proxy carries."""
    if not cors:
        return {}
    given = cors if isinstance(cors, Mapping) else {}
    origins = given.get("origins") or given.get("origin") or "*"
    origin = origins[0] if isinstance(origins, list) else origins
    headers = {"Access-Control-Allow-Origin": f"'{origin}'"}
    return {**headers, "Access-Control-Allow-Credentials": "'true'"} if given.get("allowCredentials") else headers


def _compile_cors(service: Service, path: str, cors: Any, mark: Mark | None) -> None:
    given = cors if isinstance(cors, Mapping) else {}
    origins = given.get("origins") or given.get("origin") or "*"
    origins = origins if isinstance(origins, list) else [origins]
    headers = given.get("headers") or _CORS_HEADERS
    headers = ",".join(headers) if isinstance(headers, list) else str(headers)
    logical_id = _method_id(path, "options")
    answer = {
        "Access-Control-Allow-Origin": origins[0],
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Allow-Methods": ",".join(_cors_methods(service, path, given)),
        "Access-Control-Allow-Credentials": "true" if given.get("allowCredentials") else None,
        "Access-Control-Max-Age": given.get("maxAge"),
        "Cache-Control": given.get("cacheControl"),
    }
    if not all(isinstance(origin, str) for origin in origins):
        service.report.unsupported("a CORS origin that is not text", mark)
        answer["Access-Control-Allow-Origin"] = "*"
    parameters = {f"method.response.header.{name}": f"'{value}'" for name, value in answer.items() if value is not None}
    template = _origin_script(origins)
    service.add(
        logical_id,
        "AWS::ApiGateway::Method",
        {
            "AuthorizationType": "NONE",
            "HttpMethod": "OPTIONS",
            "RestApiId": api_id(service),
            "ResourceId": _resource(service, path, mark),
            "RequestParameters": {},
            "MethodResponses": [
                {"StatusCode": "200", "ResponseParameters": dict.fromkeys(parameters, True), "ResponseModels": {}}
            ],
            "Integration": {
                "Type": "MOCK",
                "RequestTemplates": {"application/json": '{"statusCode": 200}'},
                "ContentHandling": "CONVERT_TO_TEXT",
                "IntegrationResponses": [
                    {
                        "StatusCode": "200",
                        "ResponseParameters": parameters,
                        "ResponseTemplates": {"application/json": template},
                    }
                ],
            },
        },
        mark,
    )


def _origin_script(origins: list[Any]) -> str:
    """Answers with the caller's origin where it is one of several; one origin needs no script."""
    if len(origins) < 2:
        return ""
    tests = [
        f'$origin.matches("{re.escape(origin).replace(re.escape("*"), ".*")}")'
        if "*" in origin
        else f'$origin == "{origin}"'
        for origin in map(str, origins)
    ]
    override = "#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)"
    return f'#set($origin = $input.params("Origin"))\n#if({" || ".join(tests)}) {override} #end'


def _cors_methods(service: Service, path: str, given: Mapping[str, Any]) -> list[str]:
    """OPTIONS and every method of the path so far; called again for each, so that the last one knows all."""
    if given.get("methods"):
        return [str(method).upper() for method in given["methods"]]
    resource = _resource(service, path, None)
    found = {
        one["Properties"]["HttpMethod"]
        for one in service.resources.values()
        if one["Type"] == "AWS::ApiGateway::Method" and one["Properties"]["ResourceId"] == resource
    }
    return ["OPTIONS", *sorted(found - {"OPTIONS"})] if "ANY" not in found else [
        "OPTIONS", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT",
    ]  # fmt: skip


def finish(service: Service) -> None:
    methods = [name for name, one in service.resources.items() if one["Type"] == "AWS::ApiGateway::Method"]
    if not methods:
        return
    kinds = (
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Resource",
        "AWS::ApiGateway::Authorizer",
        "AWS::ApiGateway::RestApi",
    )
    compiled = {name: one for name, one in service.resources.items() if one["Type"] in kinds}
    digest = hashlib.sha256(json.dumps(compiled, sort_keys=True, default=str).encode()).hexdigest()[:12]
    deployment = f"ApiGatewayDeployment{digest}"
    stage = settings_of(service).get("stage") or service.stage
    service.add(
        deployment,
        "AWS::ApiGateway::Deployment",
        {"RestApiId": api_id(service), "StageName": stage},
        service.origins.get("ApiGatewayRestApi"),
        DependsOn=methods,
    )
    url = [
        "https://",
        api_id(service),
        ".execute-api.",
        {"Ref": "AWS::Region"},
        ".",
        {"Ref": "AWS::URLSuffix"},
        f"/{stage}",
    ]
    service.output("ServiceEndpoint", {"Fn::Join": ["", url]}, "URL of the service endpoint")
    _compile_keys(service, deployment, stage)


def _compile_keys(service: Service, deployment: str, stage: str) -> None:
    settings = settings_of(service)
    keys = settings.get("apiKeys") or service.provider.get("apiKeys") or []
    plan = settings.get("usagePlan") or service.provider.get("usagePlan") or {}
    if not keys and not plan:
        return
    plan = plan[0] if isinstance(plan, list) and plan and isinstance(plan[0], Mapping) else plan
    named = isinstance(plan, Mapping) and len(plan) == 1 and not {"quota", "throttle"} & set(plan)
    plan = next(iter(plan.values())) if named else plan
    plan = plan if isinstance(plan, Mapping) else {}
    quota, throttle = plan.get("quota") or {}, plan.get("throttle") or {}
    service.add(
        "ApiGatewayUsagePlan",
        "AWS::ApiGateway::UsagePlan",
        {
            "UsagePlanName": f"{service.name}-{service.stage}",
            "Description": f"Usage plan for {service.name} {service.stage} stage",
            "ApiStages": [{"ApiId": api_id(service), "Stage": stage}],
            "Quota": {name.capitalize(): value for name, value in quota.items()} or None,
            "Throttle": {naming.upper_first(name): value for name, value in throttle.items()} or None,
        },
        DependsOn=deployment,
    )
    flat = [one for key in keys for one in (next(iter(key.values())) if _is_group(key) else [key])]
    for number, key in enumerate(flat, 1):
        given = key if isinstance(key, Mapping) else {"name": key}
        properties = {
            "Name": given.get("name"),
            "Value": given.get("value"),
            "Description": given.get("description"),
            "CustomerId": given.get("customerId"),
            "Enabled": given.get("enabled", True),
            "StageKeys": [{"RestApiId": api_id(service), "StageName": stage}],
        }
        service.add(f"ApiGatewayApiKey{number}", "AWS::ApiGateway::ApiKey", properties, DependsOn=deployment)
        service.add(
            f"ApiGatewayUsagePlanKey{number}",
            "AWS::ApiGateway::UsagePlanKey",
            {
                "KeyId": {"Ref": f"ApiGatewayApiKey{number}"},
                "KeyType": "API_KEY",
                "UsagePlanId": {"Ref": "ApiGatewayUsagePlan"},
            },
        )


def _is_group(key: Any) -> bool:
    return isinstance(key, Mapping) and len(key) == 1 and isinstance(next(iter(key.values())), list)
