"""serverless-lift's constructs: `queue` is compiled; the others are reported.

Reference: https://github.com/getlift/lift/blob/master/docs/queue.md
"""

from __future__ import annotations

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
        if isinstance(definition, Map) and definition.get("type") == "queue":
            queue = queue_id(key)
            known[f"{key}.queueUrl"] = {"Ref": queue}
            known[f"{key}.queueArn"] = {"Fn::GetAtt": [queue, "Arn"]}
            known[f"{key}.dlqUrl"] = {"Ref": f"{key}Dlq{_hash(key + 'Dlq')}"}
            known[f"{key}.dlqArn"] = {"Fn::GetAtt": [f"{key}Dlq{_hash(key + 'Dlq')}", "Arn"]}
    return known


def construct_door(document: Map) -> Any:
    known = outputs_of(document)
    return lambda address: known.get(address, MISSING)


def queue_id(key: str) -> str:
    return f"{key}Queue{_hash(key + 'Queue')}"


def _hash(text: str) -> str:
    """Lift's ids end in a hash of their path (they come from the CDK); any stable one serves."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


def compile_constructs(service: Service) -> None:
    section = service.section("constructs")
    for key, definition in section.items():
        mark = mark_of(section, key)
        kind = definition.get("type") if isinstance(definition, Mapping) else None
        if kind == "queue":
            _queue(service, key, definition)
        else:
            service.report.unsupported(f"construct {key} of type {kind}", mark)


def _queue(service: Service, key: str, definition: Map) -> None:
    from dayfly.app.serverless.compilation import add_function

    mark = definition.mark
    worker = definition.get("worker")
    if not isinstance(worker, Map):
        raise ApplicationError.at(f"the queue {key} has no worker", mark)
    fifo = bool(definition.get("fifo"))
    ending = ".fifo" if fifo else ""
    name = f"{service.name}-{service.stage}-{key}"
    queue, dead = queue_id(key), f"{key}Dlq{_hash(key + 'Dlq')}"
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
