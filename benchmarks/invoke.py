"""Cold starts over HTTP, Python and Node, pooled and not; warm invokes through the Lambda API.

Every cold start is a function of its own, called once: GET /cold/<n>. "Pooled" calls leave the pool time to fill up
again between calls; "unpooled" runs with the pool switched off. Ceiling: a bare interpreter that starts and stops.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import time
from urllib.parse import urlsplit

from benchmarks.load import generator, load, signed
from benchmarks.platform import running
from benchmarks.report import Row, show

COUNT = 40


def application(runtime: str) -> dict[str, str]:
    functions = "\n".join(
        f"  cold{n}: {{handler: handler.main, events: [{{httpApi: GET /cold/{n}}}]}}" for n in range(COUNT)
    )
    python = "def main(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n"
    node = "exports.main = async () => ({statusCode: 200, body: 'ok'})\n"
    return {
        "serverless.yml": f"service: bench\nprovider: {{name: aws, runtime: {runtime}}}\nfunctions:\n{functions}\n",
        "handler.py": python,
        "handler.js": node,
    }


def cold(runtime: str, pause_s: float, pooled: bool) -> list[float]:
    """Milliseconds from request to answer of each function's first call, the first two left out."""
    os.environ["DAYFLY_POOL_SIZE"] = "4" if pooled else "0"
    with running(application(runtime)) as platform:
        parts = urlsplit(platform.url("http"))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        took = []
        for n in range(COUNT):
            time.sleep(pause_s)
            began = time.perf_counter()
            connection.request("GET", f"/cold/{n}")
            answer = connection.getresponse()
            text = answer.read()
            took.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise SystemExit(f"cold start answered {answer.status}: {text.decode(errors='replace')}")
    return sorted(took[2:])


def bare(*command: str) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> None:
    python_ms, node_ms = bare(sys.executable, "-I", "-c", "pass"), bare("node", "-e", "0")
    rows = []
    for what, runtime, pooled, ceiling, promise in (
        ("Python cold, pooled", "python3.11", True, python_ms, "<= 5"),
        ("Python cold, unpooled", "python3.11", False, python_ms, "<= 12"),
        ("Node cold, pooled", "nodejs20.x", True, node_ms, "<= 10"),
    ):
        took = cold(runtime, 0.25, pooled)
        rows.append(Row(f"{what}, p50", statistics.median(took), "ms", ceiling, "ms bare interpreter", promise))
        rows.append(Row(f"{what}, p95", took[int(len(took) * 0.95)], "ms"))
    with running(application("python3.11")) as platform:
        url = f"{platform.endpoint}/2015-03-31/functions/{platform.function('cold0')}/invocations"
        for count in (1, 16):
            ran = load(url, count, 4, method="POST", headers=signed("lambda", {}), body=b"{}")
            rows.append(Row(f"Invoke API warm, {count} connections", ran.per_second, "/s"))
            rows.append(Row(f"Invoke API warm, {count} connections, p50", ran.p50_ms, "ms"))
    show(f"invocations (load: {generator()})", rows)


if __name__ == "__main__":
    main()
