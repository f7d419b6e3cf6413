"""The events of functions, one module per kind; each turns an entry of `events` into resources.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/events
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dayfly.app.serverless.events import buckets, http_api, queues, rest, rules, streams, topics, websocket
from dayfly.app.serverless.service import Function, Service
from dayfly.app.yaml import Mark

Compile = Callable[[Service, Function, Any, "Mark | None"], None]

_KINDS: dict[str, Compile] = {
    "http": rest.compile_http,
    "httpApi": http_api.compile_http_api,
    "websocket": websocket.compile_websocket,
    "sqs": queues.compile_sqs,
    "sns": topics.compile_sns,
    "stream": streams.compile_stream,
    "s3": buckets.compile_s3,
    "schedule": rules.compile_schedule,
    "eventBridge": rules.compile_event_bridge,
    "cloudwatchEvent": rules.compile_cloudwatch_event,
}


def compile_event(service: Service, function: Function, kind: str, content: Any, mark: Mark | None) -> None:
    compile_one = _KINDS.get(kind)
    if compile_one is None:
        service.report.unsupported(f"event {kind} of function {function.key}", mark)
        return
    compile_one(service, function, content, mark)


def finish(service: Service) -> None:
    """What depends on all events of a kind: deployments, stages, CORS methods."""
    rest.finish(service)
    http_api.finish(service)
    websocket.finish(service)
