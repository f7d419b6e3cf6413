"""Commits under load and says what is durable, until it is killed. Run as `journal_victim.py <state file>`.

Prints, each line in one write: `ready`, `+ id` after a pair of records is durable, `? id` before a pair is deleted,
`- id` after that is durable. The pair is `a/id` and `b/id` with the same value, written by one commit.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from dayfly.store.sqlite import SqliteJournal

TASKS = 24


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def value_of(item: str) -> bytes:
    """Known from the id alone, of very different sizes."""
    size = (13, 200, 1_000, 9_000, 70_000)[hash_of(item) % 5]
    return (item.encode() * (size // len(item) + 1))[:size]


def hash_of(item: str) -> int:
    return sum(ord(letter) * place for place, letter in enumerate(item, 1))


async def commit_for_ever(journal: SqliteJournal, run: str, task: int) -> None:
    chance = random.Random(f"{run}/{task}")
    live: list[str] = []
    number = 0
    while True:
        if live and chance.random() < 0.3:
            item = live.pop(chance.randrange(len(live)))
            say(f"? {item}")
            await journal.commit([(f"a/{item}", None), (f"b/{item}", None)])
            say(f"- {item}")
        else:
            number += 1
            item = f"{run}/{task:02}/{number:06}"
            value = value_of(item)
            await journal.commit([(f"a/{item}", value), (f"b/{item}", value)])
            say(f"+ {item}")
            live.append(item)


async def main(path: Path) -> None:
    journal = SqliteJournal.open(path)
    runs = sum(1 for _ in journal.load("run/"))
    await journal.commit([(f"run/{runs:04}", b"")])
    say("ready")
    await asyncio.gather(*(commit_for_ever(journal, f"{runs:04}", task) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
