"""Schedules and EventBridge rules.

References: https://www.serverless.com/framework/docs/providers/aws/events/schedule,
https://www.serverless.com/framework/docs/providers/aws/events/event-bridge,
https://www.serverless.com/framework/docs/providers/aws/events/cloudwatch-event
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def _count(service: Service, stem: str) -> int:
    """The number of the next resource of a function and kind, from 1."""
    number = 1
    while f"{stem}{number}" in service.resources:
        number += 1
    return number


def compile_schedule(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) and "rate" in content else {"rate": content}
    rates = event["rate"] if isinstance(event["rate"], list) else [event["rate"]]
    for rate in rates:
        if not rate:
            raise ApplicationError.at(f"a schedule of {function.key} has no rate", mark)
        if str(event.get("method") or "").lower() == "scheduler":
            _scheduler_schedule(service, function, event, rate, mark)
        else:
            _schedule_rule(service, function, event, rate, mark)


def _schedule_rule(
    service: Service, function: Function, event: Mapping[str, Any], rate: Any, mark: Mark | None
) -> None:
    stem = f"{function.normal}EventsRuleSchedule"
    number = _count(service, stem)
    service.add(
        f"{stem}{number}",
        "AWS::Events::Rule",
        {
            "ScheduleExpression": rate,
            "State": _state(event),
            "Name": event.get("name"),
            "Description": event.get("description"),
            "Targets": [_target(function, event, f"{function.key}Schedule")],
        },
        mark,
    )
    _permit(service, function, f"{function.normal}LambdaPermissionEventsRuleSchedule{number}", f"{stem}{number}")


def _scheduler_schedule(
    service: Service, function: Function, event: Mapping[str, Any], rate: Any, mark: Mark | None
) -> None:
    stem = f"{function.normal}SchedulerSchedule"
    service.add(
        f"{stem}{_count(service, stem)}",
        "AWS::Scheduler::Schedule",
        {
            "ScheduleExpression": rate,
            "ScheduleExpressionTimezone": event.get("timezone"),
            "State": _state(event),
            "Name": event.get("name"),
            "Description": event.get("description"),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": function.arn,
                "RoleArn": {"Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"]},
                "Input": _input(event.get("input")),
            },
        },
        mark,
    )


def _state(event: Mapping[str, Any]) -> str:
    enabled = event.get("enabled", True)
    return (
        "DISABLED"
        if enabled is False or str(enabled).lower() == "false" or event.get("state") == "DISABLED"
        else "ENABLED"
    )


def _input(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping) and isinstance(value.get("body"), str):  # JSON in text, as old configurations have it
        value = {**value, "body": json.loads(value["body"]) if value["body"].lstrip()[:1] in "{[" else value["body"]}
    return json.dumps(value)


def _target(function: Function, event: Mapping[str, Any], target_id: str) -> dict[str, Any]:
    transformer = event.get("inputTransformer")
    retry = event.get("retryPolicy")
    dead = event.get("deadLetterQueueArn")
    target = {
        "Arn": function.arn,
        "Id": target_id[:64],
        "Input": _input(event.get("input")),
        "InputPath": event.get("inputPath"),
        "InputTransformer": {
            "InputPathsMap": transformer.get("inputPathsMap") or {},
            "InputTemplate": transformer.get("inputTemplate"),
        } if transformer else None,
        "RetryPolicy": {
            "MaximumEventAgeInSeconds": retry.get("maximumEventAge"),
            "MaximumRetryAttempts": retry.get("maximumRetryAttempts"),
        } if retry else None,
        "DeadLetterConfig": {"Arn": dead} if dead else None,
    }  # fmt: skip
    return {name: value for name, value in target.items() if value is not None}


def _permit(service: Service, function: Function, permission: str, rule: str) -> None:
    service.permit(permission, function, "events.amazonaws.com", {"Fn::GetAtt": [rule, "Arn"]})


def compile_cloudwatch_event(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    if not isinstance(content, Mapping) or not content.get("event"):
        raise ApplicationError.at(f"the cloudwatchEvent of {function.key} has no event pattern", mark)
    stem = f"{function.normal}EventsRuleCloudWatchEvent"
    number = _count(service, stem)
    service.add(
        f"{stem}{number}",
        "AWS::Events::Rule",
        {
            "EventPattern": content["event"],
            "State": _state(content),
            "Name": content.get("name"),
            "Description": content.get("description"),
            "Targets": [_target(function, content, f"{function.key}CloudWatchEvent")],
        },
        mark,
    )
    _permit(service, function, f"{function.normal}LambdaPermissionEventsRuleCloudWatchEvent{number}", f"{stem}{number}")


def compile_event_bridge(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    if not isinstance(content, Mapping) or not (content.get("pattern") or content.get("schedule")):
        raise ApplicationError.at(f"the eventBridge event of {function.key} needs a pattern or a schedule", mark)
    bus = content.get("eventBus")
    number = 1
    while _rule_id(function, number) in service.resources:
        number += 1
    rule = _rule_id(function, number)
    service.add(
        rule,
        "AWS::Events::Rule",
        {
            "EventBusName": _bus(service, bus, mark),
            "EventPattern": content.get("pattern"),
            "ScheduleExpression": content.get("schedule"),
            "Name": content.get("name") or f"{function.name}-rule-{number}"[-64:],
            "Description": content.get("description"),
            "State": _state(content),
            "Targets": [_target(function, content, f"{function.name}-rule-{number}-target"[-64:])],
        },
        mark,
    )
    _permit(service, function, f"{function.normal}EventBridgeLambdaPermission{number}", rule)


def _rule_id(function: Function, number: int) -> str:
    return f"{naming.alphanumeric(f'{function.name}-rule-{number}')}EventBridgeRule"


def _bus(service: Service, bus: Any, mark: Mark | None) -> Any:
    """A bus that is named and nothing more is created; one given by ARN or intrinsic exists elsewhere."""
    if not bus or bus == "default":
        return None
    if not isinstance(bus, str):
        return bus
    if bus.startswith("arn:"):
        name = bus.rsplit("/", 1)[-1]
        return None if name == "default" else name
    logical_id = f"{naming.normal(bus)}EventBridgeEventBus"
    service.add(logical_id, "AWS::Events::EventBus", {"Name": bus}, mark)
    return {"Ref": logical_id}
