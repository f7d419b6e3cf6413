"""What is stored about mail. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

State = Literal["kept", "failed"]
"""`kept`: accepted, shown in the inbox, not sent on. `failed`: accepted, as SES accepts it, but never deliverable (a
template that could not be rendered). A relay will add `queued`, `sent` and `bounced`."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One sent mail without its body."""

    id: str
    account: str
    region: str
    sender: str
    """As written in the From header or parameter, e.g. `Shop <shop@example.com>`."""
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    recipients: tuple[str, ...]
    """The envelope: bare addresses that the mail would be delivered to."""
    subject: str
    at_ms: int
    size: int
    """Bytes of the body."""
    state: State = "kept"
    reason: str = ""
    """Why it failed."""
    configuration_set: str = ""
    tags: dict[str, str] = {}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An address or domain that mail is sent from."""

    name: str
    created_ms: int
    token: str
    """What a domain would publish in its DNS to prove ownership."""
    configuration_set: str = ""
    tags: dict[str, str] = {}

    @property
    def is_domain(self) -> bool:
        return "@" not in self.name


class Template(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    subject: str = ""
    text: str = ""
    html: str = ""
    created_ms: int = 0


class ConfigurationSet(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration set: stored and answered; its options have no effect on mail that is only kept."""

    name: str
    options: dict[str, Any] = {}
    destinations: dict[str, Any] = {}
    """Event destinations by name, in the words of the API that made them."""
