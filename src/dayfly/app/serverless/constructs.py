"""serverless-lift's constructs: `queue`, `storage` and `database/dynamodb-single-table` are compiled, the others
reported.

Reference: https://github.com/getlift/lift/tree/master/docs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dayfly.app.serverless import naming
from dayfly.app.serverless.service import Service
from dayfly.app.variables.sources import MISSING
from dayfly.app.yaml import ApplicationError, Map, Seq, mark_of


def outputs_of(document: Map) -> dict[str, Any]:
    """What `${construct:name.output}` stands for; known before anything is compiled."""
    known: dict[str, Any] = {}
    constructs = document.get("constructs")
    for key, definition in constructs.items() if isinstance(constructs, Map) else ():
        match definition.get("type") if isinstance(definition, Map) else None:
            case "queue":
                queue, dead = queue_id(key), _id(key, "Dlq")
                known |= {f"{key}.queueUrl": {"Ref": queue}, f"{key}.queueArn": {"Fn::GetAtt": [queue, "Arn"]}}
                known |= {f"{key}.dlqUrl": {"Ref": dead}, f"{key}.dlqArn": {"Fn::GetAtt": [dead, "Arn"]}}
            case "storage":
                bucket = _id(key, "Bucket")
                known |= {f"{key}.bucketName": {"Ref": bucket}, f"{key}.bucketArn": {"Fn::GetAtt": [bucket, "Arn"]}}
            case "database/dynamodb-single-table":
                table = _id(key, "Table")
                known[f"{key}.tableName"] = {"Ref": table}
                known[f"{key}.tableStreamArn"] = {"Fn::GetAtt": [table, "StreamArn"]}
    return known


def construct_door(document: Map) -> Any:
    known = outputs_of(document)
    return lambda address: known.get(address, MISSING)


def queue_id(key: str) -> str:
    return _id(key, "Queue")


def _id(key: str, kind: str) -> str:
    return f"{re.sub('[^0-9A-Za-z]', '', key)}{kind}{_hash(key + kind)}"


def _hash(text: str) -> str:
    """Lift's ids end in a hash of their path (they come from the CDK); any stable one serves."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


def compile_constructs(service: Service) -> None:
    section = service.section("constructs")
    for key, definition in section.items():
        mark = mark_of(section, key)
        kind = definition.get("type") if isinstance(definition, Mapping) else None
        compile_one = _KINDS.get(str(kind))
        if compile_one is not None:
            compile_one(service, key, definition)
        else:
            service.report.unsupported(f"construct {key} of type {kind}", mark)


def _storage(service: Service, key: str, definition: Map) -> None:
    """https://github.com/getlift/lift/blob/master/docs/storage.md"""
    properties = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
    }
    bucket = _id(key, "Bucket")
    service.add(bucket, "AWS::S3::Bucket", properties, definition.mark)
    service.output(f"{key}BucketName", {"Ref": bucket})


def _table(service: Service, key: str, definition: Map) -> None:
    """https://github.com/getlift/lift/blob/master/docs/dynamodb-single-table.md"""
    numbers = range(1, int(definition.get("gsiCount") or 0) + 1)
    pairs = [("PK", "SK"), *((f"GSI-{number}-PK", f"GSI-{number}-SK") for number in numbers)]
    kinds = {name: "S" for pair in pairs for name in pair}
    if definition.get("localSecondaryIndexes"):
        kinds |= {f"LSI-{number}-SK": "S" for number in range(1, 6)}
    local = [
        {"IndexName": f"LSI-{number}", "KeySchema": _keys("PK", f"LSI-{number}-SK"), "Projection": _ALL}
        for number in range(1, 6)
        if definition.get("localSecondaryIndexes")
    ]
    table = _id(key, "Table")
    service.add(
        table,
        "AWS::DynamoDB::Table",
        {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
            "KeySchema": _keys(*pairs[0]),
            "GlobalSecondaryIndexes": [
                {"IndexName": f"GSI-{number}", "KeySchema": _keys(*pairs[number]), "Projection": _ALL}
                for number in numbers
            ]
            or None,
            "LocalSecondaryIndexes": local or None,
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "TimeToLiveSpecification": {"AttributeName": "TimeToLive", "Enabled": True},
        },
        definition.mark,
    )
    service.output(f"{key}TableName", {"Ref": table}, f"Name of the {key} DynamoDB table.")


_ALL = {"ProjectionType": "ALL"}


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _queue(service: Service, key: str, definition: Map) -> None:
    from dayfly.app.serverless.compilation import add_function

    mark = definition.mark
    worker = definition.get("worker")
    if not isinstance(worker, Map):
        raise ApplicationError.at(f"the queue {key} has no worker", mark)
    fifo = bool(definition.get("fifo"))
    ending = ".fifo" if fifo else ""
    name = f"{service.name}-{service.stage}-{key}"
    queue, dead = queue_id(key), _id(key, "Dlq")
    worker_timeout = int(worker.get("timeout") or service.provider.get("timeout") or 6)
    window = int(definition.get("maxBatchingWindow") or 0)
    fifo_properties = {"FifoQueue": True} if fifo else {}
    service.add(
        dead,
        "AWS::SQS::Queue",
        {"QueueName": f"{name}-dlq{ending}", "MessageRetentionPeriod": 1209600, **fifo_properties},
        mark,
    )
    service.add(
        queue,
        "AWS::SQS::Queue",
        {
            "QueueName": f"{name}{ending}",
            # Six times the function's timeout plus the window, as AWS advises for event sources.
            "VisibilityTimeout": worker_timeout * 6 + window,
            "DelaySeconds": definition.get("delay"),
            "ContentBasedDeduplication": True if fifo else None,
            "RedrivePolicy": {
                "maxReceiveCount": int(definition.get("maxRetries") or 3),
                "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
            },
            **fifo_properties,
        },
        mark,
    )
    if definition.get("alarm"):
        service.report.ignored(f"alarm of the queue {key}", mark_of(definition, "alarm"))
    event = Map(mark)
    event.update(arn={"Fn::GetAtt": [queue, "Arn"]}, batchSize=int(definition.get("batchSize") or 1))
    event.update(functionResponseType="ReportBatchItemFailures", maximumBatchingWindow=window)
    if definition.get("maxConcurrency"):
        event["maximumConcurrency"] = definition["maxConcurrency"]
    entry = Map(mark)
    entry["sqs"] = event
    with_event = worker.like()
    with_event.update(worker)
    events = Seq(mark)
    events.extend([*(worker.get("events") or []), entry])
    with_event["events"] = events
    add_function(service, f"{key}Worker", with_event)
    service.output(f"{naming.upper_first(key)}QueueUrl", {"Ref": queue}, f'URL of the "{key}" SQS queue.')


_KINDS = {"queue": _queue, "storage": _storage, "database/dynamodb-single-table": _table}
