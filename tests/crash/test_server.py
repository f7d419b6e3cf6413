"""A loaded platform is killed at random moments, again and again; what it acknowledged is there when it is back."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from processes import EMPTY, Running, alive, eventually, free_port, write
from server_load import Caller, Ledger, Load, drain, prepare


class Trial:
    """One state directory, and what it must hold."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.ledger = Ledger()
        self.port = free_port()
        self._application = write(directory / "application", {"serverless.yml": EMPTY})
        self._state = directory / "state"
        self._moments = random.Random(seed)
        self._orders: set[str] = set()
        self._seen: dict[str, set[str]] = {"copies": set(), "results": set()}

    def start(self) -> Running:
        words = ("dev", str(self._application), "--json", "--port", str(self.port), "--state", str(self._state))
        return Running(*words, cwd=self._application)

    def run(self, rounds: int) -> None:
        victim = self.start()
        try:
            victim.ready()
            urls, topic = prepare(self.port)
            for number in range(rounds):
                load = Load(self.port, self.ledger, urls, topic)
                time.sleep(self._moments.uniform(0.02, 0.5))
                below = victim.descendants()
                if number % 2:
                    victim.kill()
                else:
                    victim.process.kill()  # the process alone: what it started must notice by itself
                load.wait()
                eventually(lambda left=below: not alive(left), f"no process is left of {below}")
                victim = self._started_again(number)
                self._verify(urls)
            assert victim.stop() == 0
        finally:
            victim.kill()

    def _started_again(self, number: int) -> Running:
        if number % 4 == 3:  # every fourth one also dies while it starts
            with running_for(self.start(), self._moments.uniform(0.02, 0.6)) as starting:
                below = starting.descendants()
            eventually(lambda: not alive(below), f"no process is left of {below}")
        victim = self.start()
        victim.ready()
        return victim

    def _verify(self, urls: dict[str, str]) -> None:
        ledger, caller = self.ledger, Caller(self.port)
        jobs = list(drain(caller, urls["jobs"]))
        assert len(jobs) == len(set(jobs)), "a standard queue's messages are there once"
        assert not (back := ledger.deleted & set(jobs)), f"deleted and back: {sorted(back)[:3]}"
        lost = ledger.sent - ledger.deleting - set(jobs)
        assert not lost, f"acknowledged and lost: {sorted(lost)[:3]} of {len(ledger.sent)}"
        ledger.deleting.update(jobs)
        ledger.deleted.update(jobs)
        self._verify_order(list(drain(caller, urls["orders.fifo"])))
        self._arrives(caller, urls, "copies", ledger.published)
        self._arrives(caller, urls, "results", ledger.invoked)
        caller.close()

    def _verify_order(self, orders: list[str]) -> None:
        """What was acknowledged, in that order, then perhaps the one that was being sent; never one that was there."""
        ledger = self.ledger
        expected = [one for one in ledger.ordered if one not in self._orders]
        ledger.ordered = []
        if orders[len(expected) :] == [ledger.unsure]:
            expected.append(orders[-1])
        assert orders == expected, f"{orders[-3:]} ({len(orders)}) in place of {expected[-3:]} ({len(expected)})"
        self._orders.update(orders)

    def _arrives(self, caller: Caller, urls: dict[str, str], name: str, wanted: set[str]) -> None:
        """Delivery goes on after the restart until all is there; twice is allowed, less is not."""
        seen = self._seen[name]

        def all_there() -> bool:
            seen.update(drain(caller, urls[name]))
            return wanted <= seen

        try:
            eventually(all_there, f"all of {len(wanted)} are in {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {sorted(wanted - seen)[:5]} are missing") from None


class running_for:
    """A process that is killed when it has run for so long."""

    def __init__(self, started: Running, seconds: float) -> None:
        self._started = started
        self._seconds = seconds

    def __enter__(self) -> Running:
        time.sleep(self._seconds)
        return self._started

    def __exit__(self, *_: object) -> None:
        self._started.kill()


def test_five_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    trial = Trial(tmp_path, seed=1)
    trial.run(5)
    ledger = trial.ledger
    assert len(ledger.sent) > 100
    assert ledger.published
    assert ledger.invoked
    assert ledger.deleted


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_hundred_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    Trial(tmp_path, seed=2).run(100)
