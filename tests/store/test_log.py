"""What the log holds is found whatever a crash left of it, and what it does not hold is not made up."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayfly.store import log as log_module
from dayfly.store.log import FULL_BYTES, LEAST_STEP, Log, LogDamaged, Recovered

KEYS = st.sampled_from(["a", "b", "c", "ä/1", ""])
BATCHES = st.lists(st.dictionaries(KEYS, st.none() | st.binary(max_size=40), max_size=4), min_size=1, max_size=8)


def written(path: Path, batches: list[dict[str, bytes | None]], number: int = 0) -> Log:
    log = Log(path, number)
    for batch in batches:
        log.append(batch)
    return log


def together(batches: list[dict[str, bytes | None]]) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for batch in batches:
        found.update(batch)
    return found


def file_of(path: Path, number: int = 1) -> Path:
    return path.with_name(f"{path.name}.log-{number}")


@given(batches=BATCHES)
@settings(max_examples=50, deadline=None)
def test_what_is_appended_is_recovered_in_order(batches, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("log") / "state"
    written(path, batches).close(remove=False)
    found = Recovered(path, 0)
    assert (found.changes, found.number) == (together(batches), len(batches))


@given(batches=BATCHES, data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_log_that_is_torn_anywhere_gives_the_records_before_it(batches, data, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("log") / "state"
    log = Log(path, 0)
    ends = [0]
    for batch in batches:
        log.append(batch)
        ends.append(log.size)
    log.close(remove=False)
    torn = data.draw(st.integers(0, ends[-1]))
    content = file_of(path).read_bytes()
    rest = data.draw(st.sampled_from([b"", bytes(64), b"\xff" * 64]))
    left = content[:torn] + rest
    file_of(path).write_bytes(left)
    whole = max(at for at, end in enumerate(ends) if left[:end] == content[:end])
    found = Recovered(path, 0)
    assert (found.changes, found.number) == (together(batches[:whole]), whole)


@pytest.mark.parametrize("at", [0, 9, 13, 18, 60])
def test_a_record_that_went_bad_before_others_is_no_torn_end(tmp_path, at) -> None:
    path = tmp_path / "state"
    written(path, [{"a": b"1" * 100}, {"b": b"2"}, {"c": b"3"}]).close(remove=False)
    content = bytearray(file_of(path).read_bytes())
    content[at] ^= 0x10
    file_of(path).write_bytes(content)
    with pytest.raises(LogDamaged, match="record 1 cannot be read, but later ones can"):
        Recovered(path, 0)


def test_records_that_the_table_has_do_not_count(tmp_path) -> None:
    path = tmp_path / "state"
    written(path, [{"a": b"old"}, {"b": b"new"}]).close(remove=False)
    assert Recovered(path, 1).changes == {"b": b"new"}
    assert Recovered(path, 2).changes == {}
    assert Recovered(path, 2).number == 2


def test_a_file_that_is_used_again_gives_only_what_is_new(tmp_path) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}, {"b": b"2"}, {"c": b"3"}])
    log.give_back(log.cut())
    log.append({"d": b"4"})
    log.close(remove=False)
    assert [file.name for file in tmp_path.iterdir()] == ["state.log-1"]
    found = Recovered(path, 3)
    assert (found.changes, found.number) == ({"d": b"4"}, 4)


def test_records_go_on_in_another_file_while_the_first_is_taken_in(tmp_path) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}, {"a": b"2"}])
    first = log.cut()
    log.append({"a": b"3"})
    log.close(remove=False)
    for file in first:
        file.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert Recovered(path, 0).changes == {"a": b"3"}
    assert Recovered(path, 2).changes == {"a": b"3"}


def test_a_file_in_the_middle_that_is_gone_is_noticed(tmp_path) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}])
    log.cut()[0].close()
    log.append({"a": b"2"})
    log.close(remove=False)
    file_of(path).unlink()
    with pytest.raises(LogDamaged, match="record 1 cannot be read"):
        Recovered(path, 0)


@pytest.fixture
def limited() -> Iterator[None]:
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_refused_record_is_none_even_after_a_crash(tmp_path, limited) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}])
    resource.setrlimit(resource.RLIMIT_FSIZE, (LEAST_STEP, resource.RLIM_INFINITY))
    with pytest.raises(OSError, match="File too large"):
        log.append({"a": bytes(LEAST_STEP)})
    assert log.failed
    log.close(remove=False)
    assert Recovered(path, 0).changes == {"a": b"1"}


def test_a_record_whose_write_was_refused_late_is_spoiled(tmp_path, monkeypatch) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}])

    def failing(_descriptor: int) -> None:
        monkeypatch.undo()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(log_module, "_sync", failing)
    with pytest.raises(OSError, match="Input/output"):
        log.append({"a": b"2"})
    log.close(remove=False)
    found = Recovered(path, 0)
    assert (found.changes, found.number) == ({"a": b"1"}, 1)


def test_a_disk_with_little_room_takes_what_still_goes_in(tmp_path, limited) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}])
    resource.setrlimit(resource.RLIMIT_FSIZE, (LEAST_STEP + 100, resource.RLIM_INFINITY))
    log.append({"b": bytes(LEAST_STEP + 50 - log.size)})
    assert LEAST_STEP < log.size <= LEAST_STEP + 100


def test_a_file_grows_in_steps_and_a_long_one_is_shortened(tmp_path) -> None:
    path = tmp_path / "state"
    log = written(path, [{"a": b"1"}])
    assert file_of(path).stat().st_size == LEAST_STEP
    assert log.fits(1000)
    assert not log.fits(LEAST_STEP)
    log.append({"a": bytes(2 * FULL_BYTES)})
    assert file_of(path).stat().st_size > 2 * FULL_BYTES
    log.give_back(log.cut())
    assert file_of(path).stat().st_size == FULL_BYTES
    log.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_only_for_its_owner(tmp_path) -> None:
    written(tmp_path / "state", [{"a": b"1"}]).close(remove=False)
    assert file_of(tmp_path / "state").stat().st_mode & 0o077 == 0
