"""What every journal must do, as a suite that any implementation can be run through.

    class Subject: how to open, reopen, break and mend one; see below.
    for check in CHECKS: await check(subject)

Each check opens the subject empty. A failed promise is an AssertionError whose message is the promise.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable
from typing import Protocol

from dayfly.store import Journal, JournalFailed


class Subject(Protocol):
    """A kind of journal under check."""

    def open(self) -> Journal:
        """A journal on this subject's state; the one opened before is closed. Empty at first."""
        ...

    def break_writes(self, journal: Journal) -> None:
        """Make writes fail from now on, as on a full disk."""
        ...

    def mend_writes(self, journal: Journal) -> None: ...


def expect(condition: object, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


async def refused(commit: Future[None]) -> bool:
    try:
        await commit
    except JournalFailed:
        return True
    return False


async def check_what_is_committed_is_found_after_reopening(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit([("a/1", b"one"), ("a/2", b""), ("b/1", b"\x00\xff" * 100_000)])
    await journal.commit([("a/1", b"uno"), ("a/2", None)])
    await journal.close()
    journal = subject.open()
    found = dict(journal.load(""))
    expect(
        found == {"a/1": b"uno", "b/1": b"\x00\xff" * 100_000}, "the last value of each record is found, byte by byte"
    )
    expect(journal.get("a/2") is None, "a deleted record is gone")
    await journal.close()


async def check_close_waits_for_what_was_committed(subject: Subject) -> None:
    journal = subject.open()
    commits = [journal.commit([(f"k/{n:04}", b"v")]) for n in range(300)]
    await journal.close()
    expect(all(commit.done() and not commit.exception() for commit in commits), "close waits for every commit")
    expect(await refused(journal.commit([("k", b"v")])), "a closed journal refuses commits")
    journal = subject.open()
    expect(len(list(journal.load("k/"))) == 300, "what was committed before close is kept")
    await journal.close()


async def check_closing_leaves_nobody_waiting(subject: Subject) -> None:
    journal = subject.open()
    kept: list[int] = []

    async def commit_until_refused() -> None:
        while not await refused(journal.commit([(f"k/{len(kept)}", b"v")])):
            kept.append(1)

    loops = [asyncio.ensure_future(commit_until_refused()) for _ in range(20)]
    await journal.commit(())
    await asyncio.sleep(0.01)
    await journal.close()
    _, waiting = await asyncio.wait(loops, timeout=5)
    expect(not waiting, "whoever commits while the journal closes gets an answer")


async def check_commits_resolve_in_order(subject: Subject) -> None:
    journal = subject.open()
    order: list[int] = []
    commits: list[Future[None]] = []
    for number in range(500):
        commit = journal.commit([(f"k/{number % 7}", str(number).encode())])
        commit.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
        commits.append(commit)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*commits)
    await asyncio.sleep(0)
    expect(order == sorted(order), "commits become durable in the order they were called")
    expect(journal.get("k/2") == b"499", "the last of several values wins")
    await journal.close()


async def check_changes_of_one_commit_apply_in_order(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit([("a", b"1"), ("a", None), ("b", None), ("b", b"2"), ("c", b"3"), ("c", b"4")])
    expect(dict(journal.load("")) == {"b": b"2", "c": b"4"}, "changes of the same record apply in order")
    await journal.close()


async def check_get_sees_what_is_not_durable_yet_and_load_does_not(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit([("a", b"old"), ("b", b"old")])
    commit = journal.commit([("a", b"new"), ("b", None), ("c", b"new")])
    expect(not commit.done(), "a commit is not durable in the turn it is called")
    expect((journal.get("a"), journal.get("b"), journal.get("c")) == (b"new", None, b"new"), "get sees the latest")
    expect(dict(journal.load("")) == {"a": b"old", "b": b"old"}, "load sees what is durable")
    await commit
    expect(dict(journal.load("")) == {"a": b"new", "c": b"new"}, "and then the new records")
    await journal.close()


async def check_an_empty_commit_waits_for_all_before_it(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit(())
    commits = [journal.commit([(f"k/{n}", b"v" * 1000)]) for n in range(100)]
    await journal.commit(())
    expect(all(commit.done() for commit in commits), "commit(()) resolves behind everything committed before it")
    await journal.close()


async def check_load_gives_the_prefix_in_order_of_code_points(subject: Subject) -> None:
    journal = subject.open()
    keys = [
        "",
        "a",
        "a/",
        "a/1",
        "a/10",
        "a/2",
        "a/\x00",
        "a/\x7f",
        "a/ä",
        "a/\ud7ff",
        "a/\ue000",
        "a/\uffff",
        "a/𐀀",
        "a/\U0010ffff",
    ]
    keys += [
        "a/\U0010ffff\U0010ffff",
        "a0",
        "aä",
        "b",
        "\U0010ffff",
        "\U0010ffffx",
        "\ud7ff1",
        "\ue0001",
        "A/1",
        "a_1",
        "a%1",
    ]
    await journal.commit([(key, key.encode()) for key in reversed(keys)])
    for prefix in [
        "",
        "a",
        "a/",
        "a/1",
        "a/ä",
        "a/\U0010ffff",
        "\U0010ffff",
        "\ud7ff",
        "a/\ud7ff",
        "a_",
        "a%",
        "none",
        "a\x00",
    ]:
        found = list(journal.load(prefix))
        wanted = [(key, key.encode()) for key in sorted(keys) if key.startswith(prefix)]
        expect(found == wanted, f"load({prefix!r}) gives exactly the records under it, in order")
    await journal.close()


async def check_load_streams_while_commits_go_on(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit([(f"k/{n:05}", b"v" * 100) for n in range(3000)])
    loading = journal.load("k/")
    first = next(loading)
    await journal.commit([("other", b"v")])
    expect(first == ("k/00000", b"v" * 100) and len(list(loading)) == 2999, "a load survives commits in between")
    await journal.close()


async def check_a_key_without_bytes_is_refused_alone(subject: Subject) -> None:
    journal = subject.open()
    good = journal.commit([("good", b"v")])
    try:
        journal.commit([("part", b"v"), ("bad\ud800", b"v")])
    except UnicodeEncodeError:
        pass
    else:
        raise AssertionError("a key that is no valid text is refused when commit is called")
    await good
    expect(dict(journal.load("")) == {"good": b"v"}, "and takes nothing else down with it")
    await journal.close()


async def check_a_large_commit_is_kept_whole(subject: Subject) -> None:
    journal = subject.open()
    await journal.commit([(f"k/{n:06}", b"v" * 16) for n in range(20_011)])
    expect(sum(1 for _ in journal.load("k/")) == 20_011, "a commit may have any number of changes")
    await journal.commit([(f"k/{n:06}", None) for n in range(20_011)])
    expect(not list(journal.load("k/")), "deletes too")
    await journal.close()


async def check_a_cancelled_waiter_harms_nobody(subject: Subject) -> None:
    journal = subject.open()
    one, two, three = (journal.commit([(key, b"v")]) for key in "abc")
    two.cancel()
    await asyncio.gather(one, three)
    expect(len(list(journal.load(""))) == 3, "a commit is kept though nobody waits for it any more")
    await journal.close()


async def check_a_failed_commit_takes_down_all_behind_it(subject: Subject) -> None:
    journal = subject.open()
    seen: list[str] = []
    journal.on_lost(lambda: seen.append(f"lost {dict(journal.load(''))}"))
    await journal.commit([("kept", b"v")])
    subject.break_writes(journal)
    commits = [journal.commit([(f"k/{n}", bytes(100_000))]) for n in range(40)]
    await asyncio.sleep(0)
    commits += [journal.commit([("behind", b"v")]), journal.commit(())]
    failed = [await refused(commit) for commit in commits]
    expect(all(failed), "a failed commit and everything behind it raises JournalFailed")
    expect(seen == ["lost {'kept': b'v'}"], "on_lost is called once, and load then gives what is durable")
    expect(journal.get("k/1") is None and journal.get("kept") == b"v", "nothing of a failed commit is seen")
    subject.mend_writes(journal)
    await journal.close()


async def check_commits_are_refused_until_writing_works_again(subject: Subject) -> None:
    journal = subject.open()
    lost: list[int] = []
    journal.on_lost(lambda: lost.append(1))
    await journal.commit([("kept", b"v")])
    subject.break_writes(journal)
    expect(await refused(journal.commit([("k", bytes(4_000_000))])), "a commit that cannot be written fails")
    expect(lost == [1], "lost once")
    expect(not await refused(journal.commit(())), "what was reloaded may be shown")
    change = journal.commit([("small", b"v")])
    reveal = journal.commit(())
    expect(await refused(change), "commits are refused at once while writing does not work")
    expect(await refused(reveal), "what a refused transition may have changed is not shown")
    await within(5, lambda: _is(len(lost) == 2), "memory is loaded again after a refused commit")
    subject.mend_writes(journal)
    await within(10, lambda: _accepted(journal), "writing works again some time after the cause has gone")
    await journal.close()
    journal = subject.open()
    expect(dict(journal.load("")) == {"kept": b"v", "again": b"v"}, "what was refused left no trace")
    await journal.close()


async def check_a_reload_that_fails_is_tried_again_before_anything_is_shown(subject: Subject) -> None:
    journal = subject.open()
    calls: list[str] = []

    def clumsy() -> None:
        calls.append("clumsy")
        if len(calls) < 3:
            raise ValueError("cannot load")

    journal.on_lost(clumsy)
    journal.on_lost(lambda: calls.append("other"))
    await journal.commit([("kept", b"v")])
    subject.break_writes(journal)
    expect(await refused(journal.commit([("k", bytes(4_000_000))])), "a commit that cannot be written fails")
    expect(calls == ["clumsy", "other"], "the other domains load though one could not")
    expect(await refused(journal.commit(())), "what could not be loaded is not shown")
    subject.mend_writes(journal)
    await within(10, lambda: _accepted(journal), "it is loaded before commits are taken again")
    expect(calls.count("clumsy") >= 2, "it was tried again")
    await journal.close()


async def _accepted(journal: Journal) -> bool:
    return not await refused(journal.commit([("again", b"v")]))


async def _is(value: bool) -> bool:
    return value


async def within(seconds: float, holds: Callable[[], Awaitable[bool]], promise: str) -> None:
    for _ in range(round(seconds * 100)):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(promise)


Check = Callable[[Subject], Awaitable[None]]
CHECKS: tuple[Check, ...] = (
    check_what_is_committed_is_found_after_reopening,
    check_close_waits_for_what_was_committed,
    check_closing_leaves_nobody_waiting,
    check_commits_resolve_in_order,
    check_changes_of_one_commit_apply_in_order,
    check_get_sees_what_is_not_durable_yet_and_load_does_not,
    check_an_empty_commit_waits_for_all_before_it,
    check_load_gives_the_prefix_in_order_of_code_points,
    check_load_streams_while_commits_go_on,
    check_a_key_without_bytes_is_refused_alone,
    check_a_large_commit_is_kept_whole,
    check_a_cancelled_waiter_harms_nobody,
    check_a_failed_commit_takes_down_all_behind_it,
    check_commits_are_refused_until_writing_works_again,
    check_a_reload_that_fails_is_tried_again_before_anything_is_shown,
)
