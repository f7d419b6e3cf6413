"""https://www.serverless.com/framework/docs/providers/aws/events/cloudwatch-log"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def compile_cloudwatch_log(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) and "logGroup" in content else {"logGroup": content}
    group = event["logGroup"]
    if not group or not isinstance(group, str):
        raise ApplicationError.at(f"the cloudwatchLog event of {function.key} names no log group", mark)
    group = group.replace("\n", "").replace("\r", "")
    stem = f"{function.normal}LogsSubscriptionFilterCloudWatchLog"
    number = 1
    while f"{stem}{number}" in service.resources:
        number += 1
    permission = f"{function.normal}LambdaPermissionLogsSubscriptionFilterCloudWatchLog"
    service.permit(permission, function, "logs.amazonaws.com")
    # A group of this service, be it another function's, must be there first.
    made = {**service.resources, **(service.merged("resources").get("Resources") or {})}
    groups = [name for name, resource in made.items() if _is_group(resource, group)]
    service.add(
        f"{stem}{number}",
        "AWS::Logs::SubscriptionFilter",
        {
            "LogGroupName": group,
            "FilterPattern": str(event.get("filter") or "").replace("\n", "").replace("\r", ""),
            "DestinationArn": function.arn,
        },
        mark,
        DependsOn=[permission, *groups],
    )


def _is_group(resource: Any, name: str) -> bool:
    if not isinstance(resource, Mapping) or resource.get("Type") != "AWS::Logs::LogGroup":
        return False
    return (resource.get("Properties") or {}).get("LogGroupName") == name
