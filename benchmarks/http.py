"""HTTP → function: warm at 1, 16 and 64 connections; 64 callers of a function that sleeps 100 ms.

Ceiling: our listener with an answer that does nothing, loaded the same way in the same run.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.load import generator, load
from benchmarks.platform import running
from benchmarks.report import Row, show

FILES = {
    "serverless.yml": """service: bench
provider: {name: aws, runtime: python3.11}
functions:
  hello: {handler: handler.hello, events: [{httpApi: GET /hello}]}
  nap: {handler: handler.nap, events: [{httpApi: GET /nap}]}
""",
    "handler.py": """import json, time
def hello(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"ok": True})}
def nap(event, context):
    time.sleep(0.1)
    return {"statusCode": 200, "body": "rested"}
""",
}
NOTHING = """
import asyncio, sys, uvloop
from dayfly.front.listener import Listener
from dayfly.front.messages import Response
async def main():
    async def answer(request):
        return Response(200, [("content-type", "application/json")], b'{"ok": true}')
    listener = Listener()
    port = await listener.start("127.0.0.1", 0, answer)
    print(port, flush=True)
    await asyncio.Event().wait()
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""


def main() -> None:
    rows = []
    nothing = subprocess.Popen([sys.executable, "-c", NOTHING], stdout=subprocess.PIPE)
    try:
        assert nothing.stdout is not None
        port = int(nothing.stdout.readline())
        ceilings = {count: load(f"http://127.0.0.1:{port}/", count, 3) for count in (1, 16, 64)}
    finally:
        nothing.kill()
    with running(FILES) as platform:
        base = platform.url("http")
        load(f"{base}/hello", 4, 2)
        for count, promise in ((1, ""), (16, ">= 10000"), (64, "")):
            ran = load(f"{base}/hello", count, 5)
            if ran.errors:
                raise SystemExit(f"{ran.errors} errors at {count} connections")
            ceiling = ceilings[count]
            what = f"warm, {count} connections"
            rows.append(Row(what, ran.per_second, "/s", ceiling.per_second, "/s doing nothing", promise))
            p50_promise = "<= 0.3" if count == 1 else ""
            rows.append(Row(f"{what}, p50", ran.p50_ms, "ms", ceiling.p50_ms, "ms doing nothing", p50_promise))
            rows.append(Row(f"{what}, p99", ran.p99_ms, "ms", ceiling.p99_ms, "ms doing nothing"))
        first = load(f"{base}/nap", 64, 2)
        rows.append(Row("64 callers of 100 ms, first 2 s", first.per_second, "/s", 640.0, "/s by arithmetic"))
        ran = load(f"{base}/nap", 64, 5)
        rows.append(Row("64 callers of 100 ms", ran.per_second, "/s", 640.0, "/s by arithmetic", ">= 550"))
    show(f"HTTP to function (load: {generator()})", rows)


if __name__ == "__main__":
    main()
