"""Durable commits a second by the SQLite journal, beside bare fdatasync on the same disk in the same run.

    python benchmarks/journal.py [--json] [--directory DIR] [--seconds 1.5] [--value 1024]

Method: N coroutines each commit one new record after the other (keys like those of a queue's messages) on a uvloop
loop; a figure is the commits that became durable in the time. The ceiling: one thread that writes as many bytes into a
preallocated file and calls fdatasync, alone. Journal and ceiling take turns, so that both meet the same disk.
`shared` is how many commits one fdatasync serves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from dayfly.store.group import Batch
from dayfly.store.sqlite import SqliteJournal

WAITING = (1, 16, 64, 256)


class Counting(SqliteJournal):
    """Counts its transactions."""

    transactions = 0

    def _write(self, batch: Batch) -> bool:
        self.transactions += 1
        return super()._write(batch)


def bare_syncs_per_s(directory: Path, size: int, seconds: float) -> float:
    """fdatasync of `size` new bytes at a time in a preallocated file."""
    room = 64 * 1024 * 1024
    body = os.urandom(size)
    with (directory / "bare").open("wb", buffering=0) as file:
        file.write(bytes(room))
        os.fsync(file.fileno())
        count, place = 0, 0
        started = time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            os.pwrite(file.fileno(), body, place)
            os.fdatasync(file.fileno())
            place = (place + size) % (room - size)
            count += 1
    return count / passed


async def commits(directory: Path, waiting: int, seconds: float, value_bytes: int) -> dict[str, float]:
    journal = Counting.open(directory / f"{waiting}.db")
    assert isinstance(journal, Counting)
    value = os.urandom(value_bytes)
    latencies: list[float] = []
    numbers = iter(range(1 << 60))
    ends = time.perf_counter() + seconds

    async def commit_one_after_the_other() -> None:
        while (before := time.perf_counter()) < ends:
            await journal.commit([(f"sqs/000000000000/us-east-1/q/m/{next(numbers):012}", value)])
            latencies.append(time.perf_counter() - before)

    await journal.commit([("warm", value)])
    journal.transactions = 0
    started = time.perf_counter()
    await asyncio.gather(*(commit_one_after_the_other() for _ in range(waiting)))
    passed = time.perf_counter() - started
    transactions = max(1, journal.transactions)
    await journal.close()
    quantiles = statistics.quantiles(latencies, n=100)
    return {
        "commits_per_s": len(latencies) / passed,
        "p50_ms": quantiles[49] * 1000,
        "p99_ms": quantiles[98] * 1000,
        "shared": len(latencies) / transactions,
    }


def measure(directory: Path, seconds: float, value_bytes: int) -> list[dict[str, float]]:
    rows = []
    for waiting in WAITING:
        # What one commit writes at the least: a page of SQLite's log.
        bare = bare_syncs_per_s(directory, max(8192, waiting * value_bytes), seconds / 2)
        found = uvloop.run(commits(directory, waiting, seconds, value_bytes))
        rows.append({"waiting": waiting, **found, "bare_syncs_per_s": bare, "ratio": found["commits_per_s"] / bare})
    return rows


def show(rows: list[dict[str, float]]) -> None:
    table = Table(title="Durable commits, SQLite journal")
    for column in ("waiting", "commits/s", "p50 ms", "p99 ms", "shared", "bare fdatasync/s", "commits per bare sync"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            f"{row['waiting']:.0f}",
            f"{row['commits_per_s']:,.0f}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            f"{row['shared']:.1f}",
            f"{row['bare_syncs_per_s']:,.0f}",
            f"{row['ratio']:.2f}",
        )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    parser.add_argument("--directory", type=Path, help="on the disk to measure; a temporary one here otherwise")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--value", type=int, default=1024, help="bytes of a record's value")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory or Path.cwd()) as directory:
        rows = measure(Path(directory), given.seconds, given.value)
    result: dict[str, Any] = {"benchmark": "journal", "value_bytes": given.value, "rows": rows}
    if given.json:
        print(json.dumps(result))
    else:
        show(rows)


if __name__ == "__main__":
    main()
