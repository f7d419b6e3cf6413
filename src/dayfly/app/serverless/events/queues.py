"""https://www.serverless.com/framework/docs/providers/aws/events/sqs"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def compile_sqs(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) and "arn" in content else {"arn": content}
    arn = event["arn"]
    if not arn:
        raise ApplicationError.at(f"the sqs event of {function.key} has no arn", mark)
    concurrency = event.get("maximumConcurrency")
    response = event.get("functionResponseType")
    service.add(
        f"{function.normal}EventSourceMappingSQS{naming.alphanumeric(naming.of_arn(arn))}",
        "AWS::Lambda::EventSourceMapping",
        {
            "EventSourceArn": arn,
            "FunctionName": function.arn,
            "BatchSize": int(event.get("batchSize") or 10),
            "MaximumBatchingWindowInSeconds": int(event.get("maximumBatchingWindow") or 0),
            "Enabled": event.get("enabled", True),
            "FunctionResponseTypes": [response] if response else None,
            "FilterCriteria": filter_criteria(event),
            "ScalingConfig": {"MaximumConcurrency": concurrency} if concurrency else None,
        },
        mark,
    )


def filter_criteria(event: Mapping[str, Any]) -> dict[str, Any] | None:
    patterns = event.get("filterPatterns")
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]} if patterns else None
