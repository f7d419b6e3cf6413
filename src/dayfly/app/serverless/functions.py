"""Functions, layers and the execution role.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/functions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.code import CodeSource
from dayfly.app.serverless import naming, packaging
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, mark_of

_HANDLED_WORDS = """
handler name runtime memorySize timeout environment events layers tags description package url httpApi role
reservedConcurrency onError ephemeralStorageSize architecture destinations maximumRetryAttempts maximumEventAge
iamRoleStatements iamRoleStatementsName iamRoleStatementsInherit condition dependsOn module image build
"""
_HANDLED = frozenset(_HANDLED_WORDS.split())
_IGNORED_WORDS = """
vpc tracing kmsKeyArn awsKmsKeyArn versionFunction logRetentionInDays disableLogs snapStart provisionedConcurrency
runtimeManagement warmup logs logDataProtectionPolicy tenancy recursiveLoop documentation alarms
"""
_IGNORED = frozenset(_IGNORED_WORDS.split())
_PROVIDER_HANDLED_WORDS = """
name runtime stage region profile memorySize timeout environment tags stackTags layers iam iamRoleStatements role
apiGateway httpApi websocketsApiName websocketsApiRouteSelectionExpression apiName apiKeys usagePlan stackName
architecture iamManagedPolicies rolePermissionsBoundary cfnRole deploymentBucket deploymentPrefix deploymentMethod
versionFunctions lambdaHashingVersion endpointType s3 variableSyntax minimumCompressionSize accountId description
stackParameters notificationArns eventBridge disableRollback rollbackConfiguration disableDefaultOutputExportNames
websocketsDescription sqs payload websocketApiName websocketApiRouteSelectionExpression
"""
_PROVIDER_HANDLED = frozenset(_PROVIDER_HANDLED_WORDS.split())


def compile_function(service: Service, function: Function) -> None:
    definition, provider = function.definition, service.provider
    for key in definition:
        if key in _IGNORED:
            service.report.ignored(f"{key} of function {function.key}", mark_of(definition, key))
        elif key not in _HANDLED:
            service.report.unsupported(f"{key} of function {function.key}", mark_of(definition, key))
    image = definition.get("image")
    if image and not definition.get("handler"):
        service.report.unsupported(
            f"function {function.key} is a container image, which cannot run here", mark_of(definition, "image")
        )
    elif not isinstance(definition.get("handler"), str):
        raise ApplicationError.at(f"the function {function.key} has no handler", function.mark)
    service.add(
        f"{function.normal}LogGroup",
        "AWS::Logs::LogGroup",
        {"LogGroupName": f"/aws/lambda/{function.name}", "RetentionInDays": provider.get("logRetentionInDays")},
        function.mark,
    )
    source = packaging.code_of(service, function)
    service.code[function.id] = source
    service.add(
        function.id,
        "AWS::Lambda::Function",
        _properties(service, function, source),
        function.mark,
        DependsOn=[f"{function.normal}LogGroup", *_listed(definition.get("dependsOn"))],
        Condition=definition.get("condition"),
    )
    if service.provider.get("versionFunctions") is not False and definition.get("versionFunction") is not False:
        # The version is the function as it is: nothing is deployed twice here.
        name = f"{function.id}QualifiedArn"
        service.output(name, function.arn, "Current Lambda function version")
        if definition.get("condition"):
            service.outputs[name]["Condition"] = definition["condition"]
    _compile_invoke_config(service, function)
    _compile_url(service, function)


def _properties(service: Service, function: Function, source: CodeSource) -> dict[str, Any]:
    definition, provider = function.definition, service.provider
    tags = {**(provider.get("stackTags") or {}), **(provider.get("tags") or {}), **(definition.get("tags") or {})}
    error_target = definition.get("onError")
    storage = definition.get("ephemeralStorageSize")
    architecture = definition.get("architecture") or provider.get("architecture")
    return {
        "Code": {"S3Bucket": "dayfly-local", "S3Key": str(source.path)},
        "FunctionName": function.name,
        "Handler": source.handler or definition.get("handler"),
        "Runtime": runtime_of(service, function),
        "MemorySize": _whole(service, function, "memorySize", 1024),
        "Timeout": _whole(service, function, "timeout", 6),
        "Description": definition.get("description"),
        "Environment": _environment(service, function),
        "Role": _role(service, definition.get("role")),
        "Layers": definition.get("layers") or provider.get("layers"),
        "Tags": [{"Key": key, "Value": str(value)} for key, value in tags.items()] or None,
        "Architectures": [architecture] if architecture else None,
        "ReservedConcurrentExecutions": definition.get("reservedConcurrency"),
        "EphemeralStorage": {"Size": storage} if storage else None,
        "DeadLetterConfig": {"TargetArn": error_target} if error_target else None,
    }


def _whole(service: Service, function: Function, key: str, default: int) -> Any:
    owner = function.definition if function.definition.get(key) else service.provider
    value = owner.get(key) or default
    if isinstance(value, Mapping):
        return value  # an intrinsic
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ApplicationError.at(f"{key} must be a whole number, not {value!r}", mark_of(owner, key)) from None


def runtime_of(service: Service, function: Function) -> str:
    return str(function.definition.get("runtime") or service.provider.get("runtime") or "nodejs20.x")


def _environment(service: Service, function: Function) -> dict[str, Any] | None:
    merged: dict[str, Any] = {}
    for owner in (service.provider, function.definition):
        given = owner.get("environment")
        if given is not None and not isinstance(given, Mapping):
            raise ApplicationError.at("environment must be a mapping", mark_of(owner, "environment"))
        merged.update(given or {})
    variables = {key: _variable(value) for key, value in merged.items() if value is not None}
    return {"Variables": variables} if variables else None


def _variable(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, dict | list) else str(value)


def _role(service: Service, own: Any) -> Any:
    iam = service.provider.get("iam") or {}
    role = (
        own or service.provider.get("role") or (iam.get("role") if not isinstance(iam.get("role"), Mapping) else None)
    )
    if role is None and isinstance(iam.get("role"), Mapping) and any(key.startswith("Fn::") for key in iam["role"]):
        role = iam["role"]
    if isinstance(role, str) and not role.startswith("arn:"):
        return {"Fn::GetAtt": [role, "Arn"]}
    return role or {"Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"]}


def compile_role(service: Service) -> None:
    """The role all functions share; policies are kept, so that they can be enforced where keys are checked."""
    for key in service.provider:
        mark = mark_of(service.provider, key)
        if key in (
            "vpc",
            "tracing",
            "logs",
            "kmsKeyArn",
            "logRetentionInDays",
            "alb",
            "vpcEndpointIds",
            "resourcePolicy",
        ):
            service.report.ignored(f"provider.{key}", mark)
        elif key not in _PROVIDER_HANDLED and key not in _IGNORED:
            service.report.unsupported(f"provider.{key}", mark)
    iam = (service.provider.get("iam") or {}).get("role")
    iam = iam if isinstance(iam, Mapping) else {}
    statements = [*_listed(service.provider.get("iamRoleStatements")), *_listed(iam.get("statements"))]
    policy = {"Version": "2012-10-17", "Statement": statements}
    service.add(
        "IamRoleLambdaExecution",
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": ["lambda.amazonaws.com"]},
                        "Action": ["sts:AssumeRole"],
                    }
                ],
            },
            "Policies": [{"PolicyName": f"{service.name}-{service.stage}-lambda", "PolicyDocument": policy}],
            "Path": "/",
            "RoleName": iam.get("name")
            or f"{service.name}-{service.stage}-{service.resolver.options.region}-lambdaRole",
            "ManagedPolicyArns": service.provider.get("iamManagedPolicies") or iam.get("managedPolicies"),
        },
    )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def compile_layers(service: Service) -> None:
    layers = service.section("layers")
    for key, definition in layers.items():
        if not isinstance(definition, Mapping):
            raise ApplicationError.at(f"the layer {key} must be a mapping", mark_of(layers, key))
        logical_id = naming.layer(key)
        source = packaging.layer_of(service, logical_id, key, definition, mark_of(layers, key))
        service.code[logical_id] = source
        service.add(
            logical_id,
            "AWS::Lambda::LayerVersion",
            {
                "Content": {"S3Bucket": "dayfly-local", "S3Key": str(source.path)},
                "LayerName": definition.get("name") or key,
                "Description": definition.get("description"),
                "CompatibleRuntimes": definition.get("compatibleRuntimes"),
                "CompatibleArchitectures": definition.get("compatibleArchitectures"),
                "LicenseInfo": definition.get("licenseInfo"),
            },
            mark_of(layers, key),
        )
        service.output(f"{logical_id}QualifiedArn", {"Ref": logical_id}, "Current Lambda layer version")


def _compile_invoke_config(service: Service, function: Function) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/functions#destinations"""
    definition = function.definition
    destinations = definition.get("destinations") or {}
    retries, age = definition.get("maximumRetryAttempts"), definition.get("maximumEventAge")
    if not destinations and retries is None and age is None:
        return
    config = {}
    for key, name in (("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")):
        target = destinations.get(key)
        if target is None:
            continue
        if isinstance(target, Mapping) and "arn" in target:
            target = target["arn"]
        config[name] = {"Destination": service.target(target, mark_of(destinations, key))}
    service.add(
        f"{function.normal}LambdaEvConf",
        "AWS::Lambda::EventInvokeConfig",
        {
            "FunctionName": {"Ref": function.id},
            "Qualifier": "$LATEST",
            "DestinationConfig": config or None,
            "MaximumRetryAttempts": retries,
            "MaximumEventAgeInSeconds": age,
        },
        function.mark,
    )


def _compile_url(service: Service, function: Function) -> None:
    """https://www.serverless.com/framework/docs/providers/aws/guide/functions#lambda-function-urls"""
    url = function.definition.get("url")
    if not url:
        return
    url = url if isinstance(url, Mapping) else {}
    authorizer = str(url.get("authorizer") or "").lower()
    logical_id = f"{function.normal}LambdaFunctionUrl"
    service.add(
        logical_id,
        "AWS::Lambda::Url",
        {
            "AuthType": "AWS_IAM" if authorizer == "aws_iam" else "NONE",
            "TargetFunctionArn": function.arn,
            "InvokeMode": url.get("invokeMode"),
            "Cors": _url_cors(url.get("cors")),
        },
        mark_of(function.definition, "url"),
    )
    if authorizer != "aws_iam":
        properties = {"Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE"}
        service.add(
            f"{function.normal}LambdaPermissionFnUrl",
            "AWS::Lambda::Permission",
            {"FunctionName": function.arn, **properties},
        )
    service.output(logical_id, {"Fn::GetAtt": [logical_id, "FunctionUrl"]}, "Lambda Function URL")


def _url_cors(cors: Any) -> dict[str, Any] | None:
    if not cors:
        return None
    given = cors if isinstance(cors, Mapping) else {}
    rules = {
        "AllowOrigins": given.get("allowedOrigins", ["*"]),
        "AllowHeaders": given.get("allowedHeaders", ["Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key",
                                                     "X-Amz-Security-Token", "X-Amzn-Trace-Id"]),
        "AllowMethods": given.get("allowedMethods", ["*"]),
        "AllowCredentials": given.get("allowCredentials"),
        "ExposeHeaders": given.get("exposedResponseHeaders"),
        "MaxAge": given.get("maxAge"),
    }  # fmt: skip
    return {
        name: _listed(value) if isinstance(value, str) else value for name, value in rules.items() if value is not None
    }
