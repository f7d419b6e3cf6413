"""What a gateway costs beyond the function: one HTTP API request and one WebSocket message, in process.

    python -m benchmarks.gateways

The function is a fake that answers at once with a fixed result; the time is that of building the event, encoding it,
decoding the result and making the answer (CPU time, so that other work on the machine does not count).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import uvloop

from dayfly.clock import SystemClock
from dayfly.front import Request
from dayfly.gateways import Gateways
from dayfly.gateways.model import Api, Integration, Method, Resource, Route, Stage, Surface
from dayfly.identity import Caller
from dayfly.ids import RandomIds
from dayfly.store.memory import MemoryJournal

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
RESULT = b'{"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "{}"}'
HEADERS = [
    ("Host", "127.0.0.1:3000"),
    ("User-Agent", "bench/1"),
    ("Accept", "*/*"),
    ("Content-Type", "application/json"),
    ("Content-Length", "13"),
]


class Outcome(msgspec.Struct):
    payload: bytes = RESULT
    error: str | None = None


class Functions:
    async def invoke(self, *_: Any, **__: Any) -> Outcome:
        return Outcome()

    def url(self, url_id: str) -> Any:
        raise KeyError(url_id)


async def call(caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return {}


def http_api() -> Api:
    integration = Integration(
        integration_id="i", integration_type="AWS_PROXY", integration_uri=ARN, payload_format_version="2.0"
    )
    route = Route(route_id="r", route_key="POST /items/{id}", target="integrations/i")
    surface = Surface(routes={"r": route}, integrations={"i": integration})
    stages = {"$default": Stage(name="$default", created_s=0, auto_deploy=True)}
    return Api(
        id="h", kind="http", account="0" * 12, region="us-east-1", name="h", created_s=0, surface=surface, stages=stages
    )


def rest_api() -> Api:
    method = Method(http_method="POST", method_integration={"type": "AWS_PROXY", "uri": ARN})
    items = Resource(id="b", parent_id="a", path_part="items", path="/items")
    item = Resource(id="c", parent_id="b", path_part="{id}", path="/items/{id}", methods={"POST": method})
    surface = Surface(resources={"a": Resource(id="a"), "b": items, "c": item})
    stages = {"dev": Stage(name="dev", created_s=0)}
    return Api(
        id="r", kind="rest", account="0" * 12, region="us-east-1", name="r", created_s=0, surface=surface, stages=stages
    )


async def measure(gateways: Gateways, api: str, target: str, count: int = 20_000) -> float:
    """Microseconds per request."""
    begun = time.process_time()
    for _ in range(count):
        request = Request("POST", target, HEADERS, b'{"name": "x"}')
        reply = await gateways.answer(request, api, None, request.raw_path)
    assert reply.status == 200, reply
    return (time.process_time() - begun) / count * 1e6


async def main() -> None:
    gateways = Gateways(journal=MemoryJournal(), clock=SystemClock(), ids=RandomIds(), functions=Functions(), call=call)
    gateways.put(http_api())
    gateways.put(rest_api())
    await measure(gateways, "h", "/items/7?a=1", 2_000)
    print(f"HTTP API -> function, payload 2.0: {await measure(gateways, 'h', '/items/7?a=1'):6.1f} us")
    print(f"REST API -> function, payload 1.0: {await measure(gateways, 'r', '/dev/items/7?a=1'):6.1f} us")
    begun = time.process_time()
    for _ in range(20_000):
        await asyncio.sleep(0)
    print(f"(one turn of the loop:             {(time.process_time() - begun) / 20_000 * 1e6:6.1f} us)")


if __name__ == "__main__":
    uvloop.run(main())
