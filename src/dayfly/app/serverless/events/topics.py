"""https://www.serverless.com/framework/docs/providers/aws/events/sns"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def compile_sns(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) else {}
    if isinstance(content, Mapping) and any(key.startswith(("Fn::", "Ref")) for key in content):
        event = {"arn": content}
    if isinstance(content, str):
        event = {"arn": content} if content.startswith("arn:") else {"topicName": content}
    arn, name = event.get("arn"), event.get("topicName")
    if arn is None and not name:
        raise ApplicationError.at(f"the sns event of {function.key} has neither arn nor topicName", mark)
    label = naming.alphanumeric(str(name) if name else naming.of_arn(arn))
    topic: Any = arn
    if arn is None:
        topic_id = f"SNSTopic{label}"
        if topic_id not in service.resources:
            properties = {"TopicName": name, "DisplayName": event.get("displayName")}
            service.add(topic_id, "AWS::SNS::Topic", properties, mark)
        topic = {"Ref": topic_id}
    # The Framework lists plain subscriptions inside the topic; one resource for each says the same with fewer rules.
    service.add(
        f"{function.normal}SnsSubscription{label}",
        "AWS::SNS::Subscription",
        {
            "TopicArn": topic,
            "Protocol": "lambda",
            "Endpoint": function.arn,
            "FilterPolicy": event.get("filterPolicy"),
            "FilterPolicyScope": event.get("filterPolicyScope"),
            "RedrivePolicy": _redrive(event.get("redrivePolicy")),
            "Region": arn.split(":")[3] if isinstance(arn, str) and arn.count(":") > 4 else None,
        },
        mark,
    )
    service.permit(f"{function.normal}LambdaPermission{label}SNS", function, "sns.amazonaws.com", topic)


def _redrive(policy: Any) -> dict[str, Any] | None:
    if not policy:
        return None
    if policy.get("deadLetterTargetArn"):
        return {"deadLetterTargetArn": policy["deadLetterTargetArn"]}
    if policy.get("deadLetterTargetRef"):
        return {"deadLetterTargetArn": {"Fn::GetAtt": [policy["deadLetterTargetRef"], "Arn"]}}
    return {"deadLetterTargetArn": {"Fn::ImportValue": (policy.get("deadLetterTargetImport") or {}).get("arn")}}
