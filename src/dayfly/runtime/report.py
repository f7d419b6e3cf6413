"""The platform's own words around an invocation: START, END and REPORT lines, and the errors it answers itself.

Log lines: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
Billing of the init phase (since August 2025): https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
"""

from __future__ import annotations

import math
import signal
from datetime import UTC, datetime

import msgspec

_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGTERM: "terminated",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
}


def billed_ms(duration_ms: float, init_ms: float | None) -> int:
    """Whole milliseconds, at least one; initialisation is billed with the invocation that waited for it."""
    return max(1, math.ceil(duration_ms + (init_ms or 0.0)))


def report_line(
    request_id: str,
    duration_ms: float,
    billed_ms: int,
    memory_mb: int,
    max_memory_mb: int,
    init_ms: float | None,
    status: str | None,
) -> str:
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: "
        f"{billed_ms} ms\tMemory Size: {memory_mb} MB\tMax Memory Used: {max_memory_mb} MB\t"
    )
    if init_ms is not None:
        line += f"Init Duration: {init_ms:.2f} ms\t"
    return line if status is None else f"{line}Status: {status}\t"


def timed_out(request_id: str, limit_ms: int, now_ms: int) -> tuple[bytes, str]:
    """The error document and the log line of an invocation that ran out of time."""
    words = f"Task timed out after {limit_ms / 1000:.2f} seconds"
    document = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {words}"}
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(document), f"{moment} {request_id} {words}"


def exited(request_id: str, status: int) -> tuple[bytes, str]:
    """The error document and the log line for a process that ended; a negative status is a signal's number."""
    if status < 0:
        name = _SIGNALS.get(-status, str(-status))
        words = f"Runtime exited with error: signal: {name}"
    elif status == 0:
        words = "Runtime exited without providing a reason"
    else:
        words = f"Runtime exited with error: exit status {status}"
    message = f"RequestId: {request_id} Error: {words}"
    document = {"errorType": "Runtime.ExitError", "errorMessage": message}
    return msgspec.json.encode(document), f"{message}\nRuntime.ExitError"
