"""Code as directories: archives unpacked once per content, layers merged."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from dayfly.errors import Error


class InvalidZip(Error):
    """Could not unzip uploaded file. Please check your file, then try to upload again."""


def unpack(archive: bytes, directory: Path) -> Path:
    """The directory with the contents of a zip, made once for each content. Raises InvalidZip.

    Entries that would land outside are refused. Modes are kept, and everything is made readable to all.
    """
    target = directory / hashlib.sha256(archive).hexdigest()
    if target.is_dir():
        return target
    fresh = directory / f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
            fresh.mkdir(parents=True)
            for entry in bundle.infolist():
                _extract(bundle, entry, fresh)
        fresh.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            if not target.is_dir():  # somebody else was quicker with the same content
                raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidZip from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _extract(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path) -> None:
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise InvalidZip(f"{entry.filename!r} would be written outside of the code's directory")
    target = root.joinpath(*name.parts)
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise InvalidZip(f"{entry.filename!r} would be written through a link")
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        link = bundle.read(entry).decode()
        if PurePosixPath(link).is_absolute() or not (target.parent / link).resolve().is_relative_to(root.resolve()):
            raise InvalidZip(f"the link {entry.filename!r} leads outside of the code's directory")
        target.unlink(missing_ok=True)
        target.symlink_to(link)
        return
    with bundle.open(entry) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
    target.chmod((stat.S_IMODE(mode) or 0o644) | 0o444)


def merge_layers(layers: Sequence[Path], directory: Path, key: str) -> Path:
    """One tree of several layers, later ones over earlier ones: hard links where possible, else copies."""
    target = directory / hashlib.sha256("\0".join([key, *map(str, layers)]).encode()).hexdigest()[:24]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for layer in layers:
        for folder, _, files in os.walk(layer):
            place = target / Path(folder).relative_to(layer)
            place.mkdir(parents=True, exist_ok=True)
            for name in files:
                _place(Path(folder, name), place / name)
    return target


def _place(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
