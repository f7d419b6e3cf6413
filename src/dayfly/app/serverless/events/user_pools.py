"""https://www.serverless.com/framework/docs/providers/aws/events/cognito-user-pool"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark

_PRINCIPAL = "cognito-idp.amazonaws.com"
_SENDERS = ("CustomSMSSender", "CustomEmailSender")


def compile_cognito_user_pool(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) else {}
    pool, trigger = event.get("pool"), event.get("trigger")
    if not pool or not trigger:
        raise ApplicationError.at(f"the cognitoUserPool event of {function.key} needs a pool and a trigger", mark)
    label, trigger = naming.normal(str(pool)), str(trigger)
    permission = f"{function.normal}LambdaPermissionCognitoUserPool{label}TriggerSource{trigger}"
    if event.get("existing"):
        _existing(service, function, event, mark)
        service.permit(permission, function, _PRINCIPAL)
        return
    logical_id = f"CognitoUserPool{label}"
    if logical_id not in service.resources:
        service.add(logical_id, "AWS::Cognito::UserPool", {"UserPoolName": pool}, mark)
    configured = service.resources[logical_id]["Properties"].setdefault("LambdaConfig", {})
    configured[trigger] = function.arn
    if trigger in _SENDERS:
        version = event.get("lambdaVersion") or "V1_0"
        configured[trigger] = {"LambdaArn": function.arn, "LambdaVersion": version}
        configured["KMSKeyID"] = event.get("kmsKeyId")
    elif trigger == "PreTokenGeneration" and event.get("lambdaVersion"):
        del configured[trigger]
        version = event["lambdaVersion"]
        configured["PreTokenGenerationConfig"] = {"LambdaArn": function.arn, "LambdaVersion": version}
    service.permit(permission, function, _PRINCIPAL, {"Fn::GetAtt": [logical_id, "Arn"]})


def _existing(service: Service, function: Function, event: Mapping[str, Any], mark: Mark | None) -> None:
    """A pool made elsewhere: told of the function after both exist. It is known by its name."""
    trigger, pool = str(event["trigger"]), event["pool"]
    if trigger in _SENDERS:
        service.report.unsupported(f"trigger {trigger} of an existing pool, of function {function.key}", mark)
        return
    logical_id = f"{function.normal}CustomCognitoUserPool1"
    made = service.resources.get(logical_id)
    if made is not None and made["Properties"]["UserPoolName"] != pool:
        raise ApplicationError.at(f"the function {function.key} has events of more than one existing pool", mark)
    if made is None:
        force = True if event.get("forceDeploy") else None
        properties = {"FunctionName": function.arn, "UserPoolName": pool, "UserPoolConfigs": [], "ForceDeploy": force}
        after = _pools_named(service, pool)
        made = service.add(logical_id, "Custom::CognitoUserPool", properties, mark, DependsOn=after)
    made["Properties"]["UserPoolConfigs"].append({"Trigger": trigger})


def _pools_named(service: Service, name: Any) -> list[str]:
    """The pools of this file's `resources` that have, or may have, this name."""
    found = []
    for logical_id, resource in (service.merged("resources").get("Resources") or {}).items():
        if isinstance(resource, Mapping) and resource.get("Type") == "AWS::Cognito::UserPool":
            theirs = (resource.get("Properties") or {}).get("UserPoolName")
            if theirs == name or isinstance(theirs, Mapping):
                found.append(logical_id)
    return found
