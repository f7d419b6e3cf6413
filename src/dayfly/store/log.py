"""The append log: where a commit becomes durable. What it holds moves on to the table (see `table.py`) later, in bulk.

A *record* is what one batch changes: its number, the length and the checksum of what follows, and a MessagePack map of
keys to values (nil deletes).

    | number u64 | length u32 | CRC-32 of both and the map | map |

Numbers go up by one from record to record through all files, and the table knows the number of the last record that it
has taken in. So what a file holds beside the records that count (older ones, if it is used again, a torn last one, a
write that was refused) never counts: a record does when its number is the next one and its checksum holds.

    append() ──► the file in use ──► cut(): files and the number they reach to ──► [the table] ──► give_back(files)

An append to a file that grows makes the file system write its own journal as well, and takes half as long again as one
to blocks that are there. Hence files grow in large steps, filled with zeros, and are used again.

See https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from dayfly.errors import Error

log = logging.getLogger(__name__)

FULL_BYTES = 4 * 1024 * 1024
"""A file of this length is to be cut."""
LEAST_STEP = 256 * 1024
MOST_STEP = 1024 * 1024
"""A file doubles from the one, and grows by the other when it is large."""
ALLOWANCE = 64 * 1024
"""Room that `fits` asks for beyond the size it is told, which counts no keys."""

_HEADER = struct.Struct("<QII")
_STEM = struct.Struct("<QI")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes | None]).decode
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only the other


class LogDamaged(Error):
    """A record that was durable cannot be read, though later ones can."""


class LogFile:
    """One file: records up to `end`, blocks that are there up to `room`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.room = os.fstat(self.descriptor).st_size
        self.end = 0

    def write(self, parts: Sequence[bytes], size: int) -> None:
        """Durable when it returns. Raises OSError; what was written of it then does not count."""
        if self.end + size > self.room:
            self.grow(self.end + size)
        if os.pwritev(self.descriptor, parts, self.end) != size:
            raise OSError("the disk took only part of a record")
        _sync(self.descriptor)
        self.end += size

    def spoil(self) -> None:
        """Make sure that what was begun behind the last record is none, as far as the disk still lets us."""
        try:
            os.pwrite(self.descriptor, bytes(_HEADER.size), self.end)
            _sync(self.descriptor)
        except OSError as error:
            log.warning("what a failed write left in %s could not be overwritten: %s", self.path, error)

    def rewind(self) -> None:
        """To be used from its start again, and no longer than a full one."""
        self.end = 0
        if self.room > FULL_BYTES:
            os.ftruncate(self.descriptor, FULL_BYTES)
            self.room = FULL_BYTES

    def remove(self) -> None:
        os.close(self.descriptor)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self.descriptor)

    def grow(self, wanted: int) -> None:
        """Have blocks up to there, and some beyond if the disk has them. Raises OSError."""
        step = min(max(self.room, LEAST_STEP), MOST_STEP)
        try:
            self._fill(max(wanted, self.room + step))
        except OSError:
            self._fill(wanted)

    def _fill(self, target: int) -> None:
        while self.room < target:
            self.room += os.pwrite(self.descriptor, bytes(min(target - self.room, MOST_STEP)), self.room)


class Log:
    """The files of one state. `append` and `cut` are called by whoever writes, never by two at once."""

    def __init__(self, path: Path, number: int, left: Sequence[Path] = ()) -> None:
        """Begin behind record `number`, in files named after `path`; `left` are older ones, for the first cut."""
        self._path = path
        self.number = number
        """Of the last record, refused ones among them."""
        self._left = [LogFile(one) for one in left]
        self._file: LogFile | None = None
        self._spare: LogFile | None = None
        self.failed = False
        """Whether the last write failed. Nothing may be appended then until there was a cut."""

    @property
    def size(self) -> int:
        """How far the file in use is full, in bytes."""
        return self._file.end if self._file else 0

    def fits(self, size: int) -> bool:
        """Whether so many bytes can be appended where blocks are there already."""
        file = self._file or self._spare
        return file is not None and file.end + size + ALLOWANCE <= file.room

    def make_room(self, size: int) -> None:
        """Have blocks for so many bytes, which takes long, and is not needed where it fails."""
        if not self.fits(size):
            file = self._in_use()
            with contextlib.suppress(OSError):
                file.grow(file.end + size + ALLOWANCE)

    def append(self, changes: Mapping[str, bytes | None]) -> float:
        """Make the changes durable; the seconds that took. Raises OSError: then they are not, and see `failed`."""
        began_s = time.perf_counter()
        file = self._in_use()
        number = self.number = self.number + 1
        body = _encode(changes)
        check = crc32(body, crc32(_STEM.pack(number, len(body))))
        try:
            file.write((_HEADER.pack(number, len(body), check), body), _HEADER.size + len(body))
        except BaseException:
            self.failed = True
            file.spoil()
            raise
        return time.perf_counter() - began_s

    def cut(self) -> list[LogFile]:
        """What was written so far, up to `number`: the next record begins another file."""
        files = [*self._left, *([self._file] if self._file else ())]
        self._left.clear()
        self._file = None
        self.failed = False
        return files

    def give_back(self, files: Sequence[LogFile]) -> None:
        """Nothing in these files is needed any more."""
        for file in files:
            if self._spare is None:
                file.rewind()
                self._spare = file
            else:
                file.remove()

    def close(self, *, remove: bool) -> None:
        """Let go of the files, which are to be kept unless everything in them is in the table."""
        for file in (*self._left, self._file, self._spare):
            if file is not None:
                file.remove() if remove else file.close()
        self._left.clear()
        self._file = self._spare = None

    def _in_use(self) -> LogFile:
        if self._file is None:
            self._file, self._spare = self._spare or self._new(), None
        return self._file

    def _new(self) -> LogFile:
        taken = {file.name for file in _files(self._path)}
        at = next(at for at in range(1, len(taken) + 2) if f"{self._path.name}.log-{at}" not in taken)
        file = LogFile(self._path.with_name(f"{self._path.name}.log-{at}"))
        _sync_directory(self._path.parent)
        return file


class Recovered:
    """What the log of a process that did not close it holds beyond what the table has.

    `changes` are those of all records behind `settled`, in order and collapsed by key; `number` is that of the last.
    Raises LogDamaged and OSError.
    """

    def __init__(self, path: Path, settled: int) -> None:
        self.paths = _files(path)
        self.changes: dict[str, bytes | None] = {}
        self.number = settled
        files = [_Records(file) for file in self.paths]
        for records in sorted(files, key=lambda records: records.first or 0):
            for number, changes in records.behind(settled):
                if number != self.number + 1:
                    raise _damaged(records.path, self.number + 1)
                self.number = number
                self.changes.update(changes)
        for records in files:
            # Only the last record can be torn by a crash: they are made durable one by one.
            if records.holds(self.number + 2):
                raise _damaged(records.path, self.number + 1)

    def remove(self) -> None:
        for path in self.paths:
            path.unlink(missing_ok=True)


class _Records:
    """The records of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = path.read_bytes()
        first = self._header(0)
        self.first = first[0] if first else None
        """The number of the first one, if it can be read."""

    def behind(self, settled: int) -> Iterator[tuple[int, dict[str, bytes | None]]]:
        """Those with greater numbers, as far as each follows the one before."""
        at, expected = 0, self.first
        while (header := self._header(at)) and header[0] == expected:
            body = at + _HEADER.size
            at = body + header[1]
            if expected > settled:
                yield expected, _decode(memoryview(self._data)[body:at])
            expected += 1

    def holds(self, number: int) -> bool:
        """Whether there is a record of this number, wherever in the file."""
        sought = number.to_bytes(8, "little")
        at = self._data.find(sought)
        while at >= 0:
            if self._header(at):
                return True
            at = self._data.find(sought, at + 1)
        return False

    def _header(self, at: int) -> tuple[int, int] | None:
        """Number and length of the record here, if it is one."""
        if at + _HEADER.size > len(self._data):
            return None
        number, length, check = _HEADER.unpack_from(self._data, at)
        body = at + _HEADER.size
        if not length or body + length > len(self._data):
            return None
        found = crc32(memoryview(self._data)[body : body + length], crc32(_STEM.pack(number, length)))
        return (number, length) if found == check else None


def _files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.log-*"))


def _damaged(path: Path, number: int) -> LogDamaged:
    return LogDamaged(
        f"The log {path} is damaged: its record {number} cannot be read, but later ones can. Restore the state from a "
        f"copy, or move the log's files away ({path.stem}.log-*) to start without what they hold."
    )


def _sync_directory(path: Path) -> None:
    """Make a new file's name durable, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
