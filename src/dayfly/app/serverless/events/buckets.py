"""https://www.serverless.com/framework/docs/providers/aws/events/s3"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def compile_s3(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) and "bucket" in content else {"bucket": content}
    bucket = event["bucket"]
    if not bucket:
        raise ApplicationError.at(f"the s3 event of {function.key} has no bucket", mark)
    label = naming.alphanumeric(bucket) if isinstance(bucket, str) else naming.alphanumeric(naming.of_arn(bucket))
    configuration = _configuration(function, event)
    settings = (service.provider.get("s3") or {}).get(bucket) if isinstance(bucket, str) else None
    name = (settings or {}).get("name") or bucket
    permission = f"{function.normal}LambdaPermission{label}S3"
    service.permit(permission, function, "s3.amazonaws.com")
    if event.get("existing") or not isinstance(name, str):
        _existing(service, function, name, configuration, mark)
        return
    logical_id = f"S3Bucket{label}"
    if logical_id not in service.resources:
        more = {naming.upper_first(key): value for key, value in (settings or {}).items() if key != "name"}
        service.add(logical_id, "AWS::S3::Bucket", {"BucketName": name, **more}, mark, DependsOn=[])
    resource = service.resources[logical_id]
    notification = resource["Properties"].setdefault("NotificationConfiguration", {})
    notification.setdefault("LambdaConfigurations", []).append(configuration)
    resource.setdefault("DependsOn", []).append(permission)


def _existing(
    service: Service, function: Function, bucket: Any, configuration: dict[str, Any], mark: Mark | None
) -> None:
    """A bucket made elsewhere, often in the same file's `resources`: told of the function after both exist."""
    logical_id = f"{function.normal}CustomS31"
    made = service.resources.get(logical_id)
    if made is not None and made["Properties"]["BucketName"] != bucket:
        raise ApplicationError.at(f"the function {function.key} has events of more than one existing bucket", mark)
    if made is None:
        properties = {"FunctionName": function.arn, "BucketName": bucket, "BucketConfigs": []}
        made = service.add(logical_id, "Custom::S3", properties, mark)
    made["Properties"]["BucketConfigs"].append(
        {key: configuration[key] for key in ("Event", "Filter") if key in configuration}
    )


def _configuration(function: Function, event: Mapping[str, Any]) -> dict[str, Any]:
    rules = event.get("rules") or []
    rules = rules if isinstance(rules, list) else [rules]
    made: dict[str, Any] = {"Event": str(event.get("event") or "s3:ObjectCreated:*"), "Function": function.arn}
    named = [{"Name": name, "Value": value} for rule in rules for name, value in rule.items()]
    if named:
        made["Filter"] = {"S3Key": {"Rules": named}}
    return made
