"""Service models from the installed botocore's data directory, trimmed, patched, and cached compiled.

botocore's data is found through its import spec, without importing it (that would cost 60 ms and 20 MB). A model is
read on first use; what the wire needs of it is kept as msgpack in a cache directory under a name that holds botocore's
version, this format's version and a hash of the patches, so that an upgrade of any of them makes a new file. Files are
written beside their place and renamed, so processes may race; a cache that cannot be written is merely slow.

The models' format: https://docs.aws.amazon.com/sdkref/latest/guide/ does not describe it; botocore's
`botocore/model.py` is the authority.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from dayfly.errors import Error

FORMAT = 2
"""Raise it when what `trimmed` keeps changes."""

_METADATA = (
    "awsQueryCompatible", "endpointPrefix", "jsonVersion", "protocol", "protocols", "serviceId", "signingName",
    "targetPrefix", "xmlNamespace", "apiVersion",
)  # fmt: skip
_OPERATION = ("http", "input", "output", "errors", "authtype")
_DROPPED = frozenset(
    ("documentation", "deprecated", "deprecatedMessage", "deprecatedSince", "sensitive", "box", "contextParam", "tags",
     "documentationUrl", "internalonly", "synthetic", "union", "retryable")
)  # fmt: skip
_PATCHES = Path(__file__).parent / "patches"

Raw = dict[str, Any]


class NoSuchModel(Error):
    """botocore has no model of this service."""


@cache
def botocore_directory() -> Path:
    """Where the installed botocore lies. Raises NoSuchModel if there is none."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise NoSuchModel("botocore is not installed, so there are no service models to read")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def botocore_version() -> str:
    """Read from the package's first lines; importing it, or its metadata, would take longer than a model does."""
    for line in (botocore_directory() / "__init__.py").read_text().splitlines():
        if line.startswith("__version__"):
            return line.split("=", 1)[1].strip().strip("'\"")
    return "unknown"


def default_cache_directory() -> Path:
    """A directory of this user's; shared by all of this user's projects."""
    base = os.environ.get("XDG_CACHE_HOME")  # at the edge: for callers that name no directory
    return (Path(base) if base else Path.home() / ".cache") / "dayfly" / "models"


def load(service: str, cache_directory: Path | None = None) -> Raw:
    """A service's trimmed and patched model: `metadata`, `operations`, `shapes`. Raises NoSuchModel."""
    directory = cache_directory or default_cache_directory()
    place = directory / f"{service}-{botocore_version()}-{FORMAT}-{_patch_hash(service)}.msgpack"
    try:
        return msgspec.msgpack.decode(place.read_bytes(), type=dict)
    except (OSError, msgspec.DecodeError):
        model = compile_model(service)
        _keep(place, msgspec.msgpack.encode(model))
        return model


def compile_model(service: str) -> Raw:
    """The model without the cache. Raises NoSuchModel."""
    return patched(trimmed(_read(service)), _patch(service))


def _read(service: str) -> Raw:
    versions = sorted((botocore_directory() / "data" / service).glob("*/service-2.json*"))
    if not versions:
        raise NoSuchModel(f"botocore {botocore_version()} has no model of {service!r}")
    raw = versions[-1].read_bytes()
    decoded = msgspec.json.decode(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw, type=dict)
    version = decoded.get("metadata", {})
    version.setdefault("apiVersion", versions[-1].parent.name)
    return decoded


def trimmed(model: Raw) -> Raw:
    """What the wire needs of a model as botocore ships it: no documentation, no hints for clients."""
    return {
        "metadata": {key: model["metadata"][key] for key in _METADATA if key in model["metadata"]},
        "operations": {
            name: {key: _bare(operation[key]) for key in _OPERATION if key in operation}
            for name, operation in model["operations"].items()
        },
        "shapes": {name: _bare(shape) for name, shape in model["shapes"].items()},
    }


def _bare(value: Any, *, names: bool = False) -> Any:
    """Without what only documents. Under `members` the keys are names, and a member may be called `documentation`."""
    if isinstance(value, dict):
        return {
            key: _bare(item, names=key == "members" and not names)
            for key, item in value.items()
            if names or key not in _DROPPED
        }
    return [_bare(item) for item in value] if isinstance(value, list) else value


def patched(model: Raw, patch: Mapping[str, Any]) -> Raw:
    """The model with a patch laid over it: dictionaries merge, null deletes, anything else replaces."""
    return _merged(model, {key: value for key, value in patch.items() if key != "reasons"})


def _merged(below: Raw, above: Mapping[str, Any]) -> Raw:
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _patch_bytes(service: str) -> bytes:
    try:
        return (_PATCHES / f"{service}.json").read_bytes()
    except FileNotFoundError:
        return b"{}"


def _patch(service: str) -> Raw:
    return msgspec.json.decode(_patch_bytes(service), type=dict)


def _patch_hash(service: str) -> str:
    return hashlib.sha256(_patch_bytes(service)).hexdigest()[:12]


def _keep(place: Path, content: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=place.parent, prefix=place.name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).replace(place)
    except OSError:
        return  # a read-only or full disk costs time at the next start, nothing else
