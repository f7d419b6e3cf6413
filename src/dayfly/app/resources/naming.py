"""Names for resources whose template gives none."""

from __future__ import annotations

import base64
import hashlib
import json

from dayfly.app.resources import Properties, Site

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def generated_name(site: Site, logical_id: str, properties: Properties, *, longest: int = 255) -> str:
    """`{stack}-{logicalId}-{RANDOM}` as CloudFormation names what has no name.

    The last part is drawn from the stack and the properties: a retry finds what it made, a replacement gets a new name.
    """
    seed = json.dumps([site.stack_id, logical_id, properties], sort_keys=True, default=str)
    digest = hashlib.sha256(seed.encode()).digest()
    tail = "".join(_ALPHABET[byte % 32] for byte in digest[:13])
    return f"{site.stack}-{logical_id}"[: longest - 14] + f"-{tail}"


def lasting_name(site: Site, logical_id: str, longest: int, suffix: str = "") -> str:
    """A name of the same form that stays while the resource is in its stack, whatever its properties are."""
    digest = hashlib.sha256(f"{site.stack_id}/{logical_id}".encode()).digest()
    tail = "-" + base64.b32encode(digest).decode()[:12] + suffix
    return f"{site.stack}-{logical_id}"[: longest - len(tail)] + tail
