"""Code on disk: zips kept under their SHA-256, each unpacked once into a directory beside it.

A zip is durable (temporary file, fsync, rename, fsync of the directory) before any record that names it is committed,
so no record ever points at code that a crash took away. Unpacking is repeated safely: it goes to a temporary
directory and is renamed into place.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import stat
import threading
import zipfile
from pathlib import Path, PurePosixPath

from dayfly.errors import Unavailable
from dayfly.functions.errors import CodeTooLarge, InvalidParameter
from dayfly.functions.model import MIB, Code

UNPACKED_LIMIT = 262_144_000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class CodeNotKept(Unavailable):
    """The code could not be written to disk."""


class CodeStore:
    """Content-addressed zips under one directory: `<hex>.zip` and, unpacked, `<hex>/`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, data: bytes) -> Code:
        """Keep a zip durably and unpack it. Blocking: call from a thread for large ones.

        Raises InvalidParameter for what is not a sound zip, CodeTooLarge, and CodeNotKept.
        """
        digest = hashlib.sha256(data)
        code = Code(sha256=base64.b64encode(digest.digest()).decode(), size=len(data))
        archive = _opened(data)
        kept = self._zip_of(digest.hexdigest())
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if not kept.exists():
                _write_durably(kept, data)
            self._unpack(archive, digest.hexdigest())
        except OSError as error:
            raise CodeNotKept(f"The code could not be kept: {error.strerror}.") from error
        return code

    def directory_of(self, code: Code) -> Path:
        """The directory that holds this code, unpacked again if it was cleared away. Raises InvalidParameter."""
        if code.directory:
            return Path(code.directory)
        name = _hex_of(code)
        target = self._directory / name
        if not target.is_dir():
            self._unpack(_opened(self.zip_of(code)), name)
        return target

    def zip_of(self, code: Code) -> bytes:
        """The zip as it was uploaded; a mounted directory is packed on the way."""
        if code.directory:
            return pack(Path(code.directory))
        try:
            return self._zip_of(_hex_of(code)).read_bytes()
        except FileNotFoundError:
            raise InvalidParameter(f"The code with SHA-256 {code.sha256} is missing from {self._directory}.") from None

    def _zip_of(self, name: str) -> Path:
        return self._directory / f"{name}.zip"

    def _unpack(self, archive: zipfile.ZipFile, name: str) -> None:
        target = self._directory / name
        if target.is_dir():
            return
        scratch = self._directory / f".{name}.{os.getpid()}.{threading.get_ident()}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        scratch.chmod(0o755)
        try:
            for member in archive.infolist():
                _extract(archive, member, scratch)
            scratch.rename(target)
        except OSError:
            # Another thread unpacked the same zip first: its directory is as good as ours.
            if not target.is_dir():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def mounted(path: str) -> Code:
    """Code that stays where it is. Raises InvalidParameter where there is no such directory."""
    directory = Path(path)
    if not directory.is_absolute() or not directory.is_dir():
        raise InvalidParameter(f"{path!r} is not the absolute path of a directory that holds code.")
    digest = hashlib.sha256(str(directory).encode()).digest()
    return Code(sha256=base64.b64encode(digest).decode(), size=0, directory=str(directory))


def pack(directory: Path) -> bytes:
    """A zip of a directory's files, in a fixed order and with fixed dates so that equal trees make equal zips."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = (path.stat().st_mode & 0xFFFF) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _hex_of(code: Code) -> str:
    return base64.b64decode(code.sha256).hex()


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError):
        raise InvalidParameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from None
    if not archive.infolist():
        raise InvalidParameter("Uploaded file must be a non-empty zip")
    if sum(member.file_size for member in archive.infolist()) > UNPACKED_LIMIT:
        raise InvalidParameter(f"Unzipped size must be smaller than {UNPACKED_LIMIT} bytes")
    return archive


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise InvalidParameter(f"The zip has an entry that leads out of its directory: {member.filename!r}")
    if not name.parts:
        return
    target = root.joinpath(*name.parts)
    mode = member.external_attr >> 16
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # An earlier entry may have made a symbolic link of a parent: writing through it would leave the directory.
    if not target.parent.resolve().is_relative_to(root.resolve()) or target.is_symlink():
        raise InvalidParameter(f"The zip has an entry that leads out of its directory: {member.filename!r}")
    try:
        content = archive.read(member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidParameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    if stat.S_ISLNK(mode):
        _link(target, content.decode(), root, member.filename)
        return
    target.write_bytes(content)
    # Code runs under another user: everyone may read it, and what was executable stays so.
    target.chmod(0o755 if mode & 0o111 else 0o644)


def _link(target: Path, destination: str, root: Path, name: str) -> None:
    if not (target.parent / destination).resolve().is_relative_to(root.resolve()):
        raise InvalidParameter(f"The zip has a link that leads out of its directory: {name!r}")
    target.symlink_to(destination)


def _write_durably(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{id(data)}")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)  # half a file on a full disk takes room and is no use
        raise
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_upload(data: bytes) -> None:
    """Refuse what AWS refuses to take directly in a request. Raises CodeTooLarge."""
    if len(data) > 50 * MIB:
        raise CodeTooLarge(f"Request must be smaller than {50 * MIB} bytes for the CreateFunction operation")
