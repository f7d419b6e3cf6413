"""The events of functions, one module per kind; each turns an entry of `events` into resources.

Reference: https://www.serverless.com/framework/docs/providers/aws/guide/events
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dayfly.app.serverless.events import (
    buckets,
    http_api,
    log_groups,
    queues,
    rest,
    rules,
    streams,
    topics,
    user_pools,
    websocket,
)
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
    "cognitoUserPool": user_pools.compile_cognito_user_pool,
    "cloudwatchLog": log_groups.compile_cloudwatch_log,
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
