"""SQS over HTTP: SendMessage, and receive + delete, durable, at 1, 16 and 64 connections.

Ceilings of the same run: bare appends with fdatasync, one after the other; our listener doing nothing is in `http`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.request

from benchmarks.load import generator, load, signed
from benchmarks.platform import EMPTY, running
from benchmarks.report import Row, show


def main() -> None:
    syncs = bare_syncs()
    rows = []
    with running({"serverless.yml": EMPTY}) as platform:
        url = call(platform.endpoint, "CreateQueue", {"QueueName": "bench"})["QueueUrl"]
        body = json.dumps({"QueueUrl": url, "MessageBody": "x" * 1024}).encode()
        for count, promise in ((1, ">= 2500"), (16, ""), (64, ">= 15000")):
            ran = load(platform.endpoint + "/", count, 5, method="POST", headers=headers("SendMessage"), body=body)
            if ran.errors:
                raise SystemExit(f"{ran.errors} errors at {count} connections")
            rows.append(
                Row(f"SendMessage 1 KiB, {count} connections", ran.per_second, "/s", syncs, "fdatasync/s", promise)
            )
            rows.append(Row(f"SendMessage 1 KiB, {count} connections, p99", ran.p99_ms, "ms"))
        ask = json.dumps({"QueueUrl": url, "MaxNumberOfMessages": 10}).encode()
        for count in (1, 16, 64):
            ran = load(platform.endpoint + "/", count, 3, method="POST", headers=headers("ReceiveMessage"), body=ask)
            rows.append(Row(f"ReceiveMessage(10), {count} connections", ran.per_second * 10, "messages/s"))
        rows.append(Row("receive(10) + delete batch, 1 connection", pairs(platform.endpoint), "messages/s"))
    show(f"SQS (load: {generator()})", rows)


def headers(operation: str) -> dict[str, str]:
    return signed("sqs", {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"})


def call(endpoint: str, operation: str, params: dict[str, object]) -> dict[str, str]:
    request = urllib.request.Request(endpoint + "/", data=json.dumps(params).encode(), headers=headers(operation))
    with urllib.request.urlopen(request) as answer:
        said: dict[str, str] = json.loads(answer.read() or b"{}")
        return said


def pairs(endpoint: str) -> float:
    """Messages received and deleted per second by one client, ten at a time, from a queue of its own."""
    url = call(endpoint, "CreateQueue", {"QueueName": "pairs"})["QueueUrl"]
    for start in range(0, 5000, 10):
        entries = [{"Id": str(n), "MessageBody": f"message {start + n}"} for n in range(10)]
        call(endpoint, "SendMessageBatch", {"QueueUrl": url, "Entries": entries})
    began, count = time.perf_counter(), 0
    while True:
        found: list[dict[str, str]] = call(  # type: ignore[assignment]
            endpoint, "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": 10}
        ).get("Messages", [])
        if not found:
            return count / (time.perf_counter() - began)
        entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
        call(endpoint, "DeleteMessageBatch", {"QueueUrl": url, "Entries": entries})
        count += len(found)


def bare_syncs() -> float:
    """Appends of 1 KiB with fdatasync per second, one after the other."""
    with tempfile.NamedTemporaryFile() as file:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 2:
            os.write(file.fileno(), b"x" * 1024)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
