"""The pool's state: whatever happens, every busy environment belongs to exactly one ticket."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dayfly.runtime import Throttled
from dayfly.runtime.roster import Roster


def roster(**more) -> Roster[str, str]:
    return Roster(**({"max_starting": 2, "max_environments": 10, "max_active": 100} | more))


def test_an_environment_that_becomes_idle_serves_the_oldest_ticket():
    state = roster()
    state.request("k", None, "t1")
    assert state.next_start() == "k"
    assert state.started("k", "e1") == "t1"
    state.request("k", None, "t2")
    state.request("k", None, "t3")
    assert state.next_start() == "k"
    assert state.release("e1") == "t2"
    assert state.started("k", "e2") == "t3"


def test_starts_are_bounded_and_groups_take_turns():
    state = roster(max_starting=3)
    for number in range(3):
        state.request("a", None, f"a{number}")
    state.request("b", None, "b0")
    assert [state.next_start() for _ in range(4)] == ["a", "b", "a", None]


def test_limits_throttle():
    state = roster(max_active=2)
    state.request("k", 1, "t1")
    with pytest.raises(Throttled):
        state.request("k", 1, "t2")
    state.request("other", None, "t3")
    with pytest.raises(Throttled):
        state.request("other", None, "t4")


def test_a_retired_group_gives_up_its_idle_ones_and_then_the_busy_ones():
    state = roster()
    for name in ("1", "2"):
        state.request("k", None, "t" + name)
        state.next_start()
        state.started("k", "e" + name)
    assert state.release("e1") is None
    assert state.retire("k") == ["e1"]
    state.gone("e1")
    assert state.release("e2") is None
    assert state.leaves("e2")
    state.gone("e2")
    assert state.groups == {}


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = roster(max_starting=3, max_environments=5, max_active=8)
        self.numbers = itertools.count()
        self.starting: list[str] = []
        self.open: set[str] = set()

    @rule(key=st.sampled_from("ab"), reserved=st.sampled_from([None, 2]))
    def request(self, key, reserved):
        ticket = f"t{next(self.numbers)}"
        try:
            self.state.request(key, reserved, ticket)
        except Throttled:
            return
        self.open.add(ticket)
        while (started := self.state.next_start()) is not None:
            self.starting.append(started)

    @rule(ok=st.booleans())
    def start_ends(self, ok):
        if self.starting:
            key = self.starting.pop(0)
            if ok:
                self.state.started(key, f"e{next(self.numbers)}")
            else:
                self.open.discard(self.state.start_failed(key))

    def busy(self):
        return [(env, ticket) for group in self.state.groups.values() for env, ticket in group.busy.items()]

    @rule(dies=st.booleans())
    def invocation_ends(self, dies):
        if busy := self.busy():
            environment, ticket = busy[0]
            self.open.discard(ticket)
            if dies:
                self.state.gone(environment)
            else:
                self.state.release(environment)
                if self.state.leaves(environment):
                    self.state.gone(environment)

    @rule()
    def caller_leaves(self):
        for key, group in list(self.state.groups.items()):
            if group.waiting:
                ticket = group.waiting[-1]
                assert self.state.abandon(key, ticket)
                self.open.discard(ticket)
                return

    @rule(key=st.sampled_from("ab"))
    def retire(self, key):
        for environment in self.state.retire(key):
            self.state.gone(environment)

    @invariant()
    def every_open_ticket_is_in_exactly_one_place(self):
        placed = [ticket for _, ticket in self.busy()] + [
            t for group in self.state.groups.values() for t in group.waiting
        ]
        assert sorted(placed) == sorted(self.open)
        assert self.state.active == len(self.open)
        assert self.state.starting == len(self.starting)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRoster = Machine.TestCase
