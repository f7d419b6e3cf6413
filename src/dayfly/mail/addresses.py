"""Mail addresses: what SES takes and how it names what it does not.

The sentences are those SES answers with, which are JavaMail's.
https://docs.aws.amazon.com/ses/latest/APIReference/API_Destination.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dayfly.mail.errors import InvalidAddress

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_ANGLE = re.compile(r"<([^<>]*)>\s*$")
_DOMAIN_ILLEGAL = re.compile(r"[^A-Za-z0-9.\-\[\]:]")


def decoded(text: str) -> str:
    """Header text with its encoded words read; as it stands where they cannot be."""
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return text


def bare(address: str) -> str:
    """`Name <a@b>` → `a@b`; the text itself where there is no address in it."""
    # Not `parseaddr`: it mends what SES refuses, `a@exa mple.com` to `a@example.com`.
    found = _ANGLE.search(address)
    return (found.group(1) if found else address).strip()


def check(address: str) -> str:
    """The bare address. Raises InvalidAddress in SES's words."""
    if "\r" in address or "\n" in address:
        raise InvalidAddress("Local address contains control or whitespace")
    local, at, domain = bare(address).rpartition("@")
    if not at or not domain:
        raise InvalidAddress("Missing final '@domain'" if not at else "Missing domain")
    if not local:
        raise InvalidAddress("Missing local name")
    if _CONTROL_OR_SPACE.search(local) and not (local.startswith('"') and local.endswith('"')):
        raise InvalidAddress("Local address contains control or whitespace")
    if not local.isascii():
        raise InvalidAddress("Local address contains illegal character")
    if _CONTROL_OR_SPACE.search(domain):
        raise InvalidAddress("Domain contains control or whitespace")
    if domain.startswith("."):
        raise InvalidAddress("Domain starts with dot")
    if domain.endswith(".") or ".." in domain:
        raise InvalidAddress("Domain ends with dot" if domain.endswith(".") else "Domain contains dot-dot")
    if not domain.isascii() or _DOMAIN_ILLEGAL.search(domain):
        raise InvalidAddress("Domain contains illegal character")
    return f"{local}@{domain}"


def listed(headers: Iterable[str]) -> list[str]:
    """The addresses in headers such as `To`, each as `Name <a@b>` or `a@b`, names decoded."""
    from email.utils import getaddresses

    found = []
    for name, address in getaddresses([decoded_folds(header) for header in headers]):
        if address:
            found.append(f"{decoded(name)} <{address}>" if name else address)
    return found


def decoded_folds(header: str) -> str:
    return re.sub(r"\r?\n[ \t]?", " ", header)


def domain_of(address: str) -> str:
    return bare(address).rpartition("@")[2].lower()
