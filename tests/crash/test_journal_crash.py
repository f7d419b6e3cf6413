"""What the journal acknowledged survives kill -9, and a commit is there whole or not at all."""

from __future__ import annotations

import shutil
import sys
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from dayfly.store.sqlite import SqliteJournal

sys.path.insert(0, str(Path(__file__).parent))

from harness import kill_repeatedly, whole_lines
from journal_victim import value_of


class JournalTrial:
    def __init__(self) -> None:
        self.durable: set[str] = set()
        self.deleting: set[str] = set()
        self.deleted: set[str] = set()

    def command(self, state: Path) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("journal_victim.py")), str(state / "journal.db")]

    async def load(self, victim: Process) -> None:
        said = {"+": self.durable, "?": self.deleting, "-": self.deleted}
        for line in await whole_lines(victim):
            said[line[0]].add(line[2:].rstrip("\n"))

    async def verify(self, state: Path) -> None:
        journal = SqliteJournal.open(state / "journal.db")
        one = {key[2:]: value for key, value in journal.load("a/")}
        two = {key[2:]: value for key, value in journal.load("b/")}
        await journal.close()
        assert one == two, "both records of a commit are there, or neither"
        assert not (lost := self.durable - self.deleting - one.keys()), f"acknowledged and lost: {sorted(lost)[:3]}"
        assert not (back := self.deleted & one.keys()), f"deleted and back: {sorted(back)[:3]}"
        wrong = [item for item, value in one.items() if value != value_of(item)]
        assert not wrong, f"not what was written: {wrong[:3]}"


async def test_twenty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    trial = JournalTrial()
    await kill_repeatedly(trial, tmp_path, kills=20, seed=1)
    assert len(trial.durable) > 500
    assert trial.deleted


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_hundred_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    for seed in range(2, 7):  # in five parts: verifying reads everything, after each kill
        part = tmp_path / str(seed)
        part.mkdir()
        await kill_repeatedly(JournalTrial(), part, kills=20, seed=seed, longest_s=0.4)
        shutil.rmtree(part)
