"""DynamoDB and Kinesis streams. https://www.serverless.com/framework/docs/providers/aws/events/streams"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.events.queues import filter_criteria
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import ApplicationError, Mark


def compile_stream(service: Service, function: Function, content: Any, mark: Mark | None) -> None:
    event = content if isinstance(content, Mapping) and "arn" in content else {"arn": content}
    arn = event["arn"]
    kind = str(event.get("type") or (arn.split(":")[2] if isinstance(arn, str) and arn.count(":") > 2 else ""))
    if kind not in ("dynamodb", "kinesis"):
        raise ApplicationError.at(f"the stream event of {function.key} needs a type (dynamodb or kinesis)", mark)
    if event.get("consumer"):
        service.report.unsupported(f"consumer of a stream event of {function.key}; the stream itself is read", mark)
    response = event.get("functionResponseType")
    failure = (event.get("destinations") or {}).get("onFailure")
    if isinstance(failure, Mapping) and "arn" in failure:
        failure = failure["arn"]
    service.add(
        f"{function.normal}EventSourceMapping{naming.upper_first(kind)}{naming.alphanumeric(naming.of_arn(arn))}",
        "AWS::Lambda::EventSourceMapping",
        {
            "EventSourceArn": arn,
            "FunctionName": function.arn,
            "BatchSize": int(event.get("batchSize") or 10),
            "ParallelizationFactor": event.get("parallelizationFactor"),
            "StartingPosition": str(event.get("startingPosition") or "TRIM_HORIZON"),
            "Enabled": event.get("enabled", True),
            "MaximumBatchingWindowInSeconds": event.get("batchWindow"),
            "MaximumRetryAttempts": event.get("maximumRetryAttempts"),
            "MaximumRecordAgeInSeconds": event.get("maximumRecordAgeInSeconds"),
            "BisectBatchOnFunctionError": event.get("bisectBatchOnFunctionError"),
            "TumblingWindowInSeconds": event.get("tumblingWindowInSeconds"),
            "FunctionResponseTypes": [response] if response else None,
            "DestinationConfig": {"OnFailure": {"Destination": failure}} if failure else None,
            "FilterCriteria": filter_criteria(event),
        },
        mark,
    )
