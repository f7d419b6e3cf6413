"""Stacks survive: everything is there again after loading."""

from __future__ import annotations

import pytest

from dayfly.clock import ManualClock
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.stacks import Resource, StackNotFound, Stacks
from dayfly.stacks.records import Output
from dayfly.store.memory import MemoryJournal

HERE = Scope("111111111111", "eu-west-1")
THERE = Scope("111111111111", "us-east-1")


def stacks(journal: MemoryJournal) -> Stacks:
    made = Stacks(journal=journal, clock=ManualClock(), ids=SeededIds())
    made.load()
    return made


async def test_what_was_recorded_is_there_after_loading_again() -> None:
    journal = MemoryJournal()
    before = stacks(journal)
    stack, changes = before.create(HERE, "shop", parameters={"A": "1"})
    await journal.commit(changes)
    await journal.commit(before.put(stack, Resource(logical_id="Q", type="AWS::SQS::Queue", physical_id="u")))
    await journal.commit(before.put(stack, Resource(logical_id="A", type="T", attributes={"Arn": "x"})))
    _, changes = before.change(stack, status="CREATE_COMPLETE", outputs={"O": Output(value=[1], export="shared")})
    await journal.commit(changes)
    after = stacks(journal)
    assert after.get(HERE, "shop") == before.get(HERE, "shop")
    assert list(after.resources(stack)) == ["Q", "A"]
    assert after.resources(stack) == before.resources(stack)
    assert after.events(stack) == before.events(stack)
    assert after.exports(HERE)["shared"].value == [1]


async def test_a_stack_is_found_by_name_and_by_id_in_its_own_scope() -> None:
    made = stacks(MemoryJournal())
    stack, _ = made.create(HERE, "shop")
    assert made.get(HERE, stack.id) == stack
    assert made.find(THERE, "shop") is None
    with pytest.raises(StackNotFound, match="Stack with id shop does not exist"):
        made.get(THERE, "shop")


async def test_events_are_told_newest_first_and_the_oldest_are_dropped() -> None:
    journal = MemoryJournal()
    made = stacks(journal)
    stack, changes = made.create(HERE, "shop")
    await journal.commit(changes)
    for number in range(600):
        await journal.commit(made.put(stack, Resource(logical_id="Q", type="T", physical_id=str(number))))
    told = made.events(stack)
    assert (len(told), told[0].physical_id) == (500, "599")
    assert len(stacks(journal).events(stack)) == 500


async def test_nothing_of_a_forgotten_stack_is_left() -> None:
    journal = MemoryJournal()
    made = stacks(journal)
    stack, changes = made.create(HERE, "shop")
    await journal.commit([*changes, *made.put(stack, Resource(logical_id="Q", type="T"))])
    await journal.commit(made.forget(stack))
    assert list(journal.load("stacks/")) == []
    assert made.all(HERE) == []
