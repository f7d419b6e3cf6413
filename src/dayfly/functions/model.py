"""The records of functions and layers, as they are kept in the journal.

Every function has one `Function` record with what belongs to no version, and one `Configuration` per version.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from dayfly.runtime import Family

MIB = 1024 * 1024


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What runs. Either a zip kept under its hash, or a directory that is mounted from where it is."""

    sha256: str
    """Base64 of the SHA-256 of the zip; of the path for a mounted directory."""
    size: int
    """Bytes of the zip; 0 for a mounted directory."""
    directory: str = ""
    """Absolute path of a mounted directory, else empty."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """How one version of a function is to be run. Times in seconds and sizes in MiB where AWS has them so."""

    version: str
    runtime: str
    handler: str
    role: str
    code: Code
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    ephemeral_mb: int = 512
    environment: dict[str, str] = {}
    layers: tuple[str, ...] = ()
    """ARNs of layer versions, in the order they are merged."""
    dead_letter: str = ""
    tracing: str = "PassThrough"
    architecture: str = "x86_64"
    log_group: str = ""
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    kept: dict[str, Any] = {}
    """Settings that are stored and answered as given but have no effect here: VpcConfig, KMSKeyArn, SnapStart …"""
    modified_ms: int = 0
    revision_id: str = ""
    generation: str = ""
    """New with each change to what runs; environments of an older generation are retired."""

    @property
    def family(self) -> Family:
        return family_of(self.runtime)


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    description: str = ""
    weights: dict[str, float] = {}
    """At most one further version with the share of traffic it gets, 0 to 1."""
    revision_id: str = ""


class UrlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A function URL. `qualifier` is '' for the unqualified function, else an alias."""

    id: str
    qualifier: str
    auth: str
    mode: Literal["BUFFERED", "RESPONSE_STREAM"] = "BUFFERED"
    cors: dict[str, Any] = {}
    """As in the API: AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders, AllowCredentials, MaxAge."""
    created_ms: int = 0
    modified_ms: int = 0


class EventInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to asynchronous invocations; None where AWS's default holds."""

    retries: int | None = None
    max_age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""
    modified_ms: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A resource policy: statements as IAM writes them, by their Sid."""

    statements: dict[str, dict[str, Any]] = {}
    revision_id: str = ""


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to the function as a whole. The maps are keyed by qualifier ('' for none) unless said otherwise."""

    name: str
    next_version: int = 1
    reserved: int | None = None
    tags: dict[str, str] = {}
    aliases: dict[str, Alias] = {}
    """By name."""
    policies: dict[str, Policy] = {}
    urls: dict[str, UrlConfig] = {}
    invoke_configs: dict[str, EventInvokeConfig] = {}
    provisioned: dict[str, int] = {}


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: int
    code: Code
    description: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    license: str = ""
    created_ms: int = 0
    policy: Policy = Policy()


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a layer's versions: their numbers are never used twice."""

    name: str
    next_version: int = 1


def family_of(runtime: str) -> Family:
    """Which bootstrap serves this runtime name; anything but Python and Node speaks the Runtime API itself."""
    if runtime.startswith("python"):
        return "python"
    return "node" if runtime.startswith("nodejs") else "provided"
