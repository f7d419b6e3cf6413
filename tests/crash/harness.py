"""Kill -9 at random points, start again, and ask whether everything acknowledged is there.

A *trial* says what is started, how it is loaded from outside, and what must hold afterwards. The victim's state
survives from kill to kill, so that recovery from a recovery is tried too. The journal's trial reads acknowledgements
from the victim's pipe; a server's trial sends requests and notes what was answered. Both have this shape:

    class Trial:
        def command(self, state: Path) -> list[str]: ...
        async def load(self, victim: Process) -> None: ...    # until the victim is gone; notes what was acknowledged
        async def verify(self, state: Path) -> None: ...      # AssertionError if something acknowledged is missing
"""

from __future__ import annotations

import asyncio
import random
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Protocol


class Trial(Protocol):
    def command(self, state: Path) -> list[str]:
        """What to start. It prints a line `ready` when it can be loaded."""
        ...

    async def load(self, victim: Process) -> None:
        """Keep the victim busy and note what it acknowledges, until it is gone."""
        ...

    async def verify(self, state: Path) -> None:
        """Open what is left and compare. Called while no victim runs."""
        ...


async def kill_repeatedly(trial: Trial, state: Path, *, kills: int, seed: int, longest_s: float = 0.25) -> None:
    """So many times: start, load, kill at a random moment, verify. The seed is in every failure's message."""
    moments = random.Random(seed)
    for kill in range(kills):
        victim = await asyncio.create_subprocess_exec(*trial.command(state), stdout=PIPE)
        try:
            if kill % 4 != 3:  # every fourth one dies while it starts
                await _ready(victim)
            loading = asyncio.ensure_future(trial.load(victim))
            await asyncio.sleep(moments.uniform(0.005, longest_s))
        finally:
            if victim.returncode is None:
                victim.kill()
            await victim.wait()
        await loading
        try:
            await trial.verify(state)
        except AssertionError as error:
            raise AssertionError(f"after kill {kill} of seed {seed}: {error}") from error


async def _ready(victim: Process) -> None:
    assert victim.stdout is not None
    line = await victim.stdout.readline()
    assert line == b"ready\n", f"the victim did not start: {line!r}"


async def whole_lines(victim: Process) -> list[str]:
    """What the victim printed until its end, `ready` aside; a line that the kill cut off was never said."""
    assert victim.stdout is not None
    printed = await victim.stdout.read()
    lines = [line.decode() for line in printed.splitlines(keepends=True) if line.endswith(b"\n")]
    return [line for line in lines if line != "ready\n"]
