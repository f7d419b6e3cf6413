"""Stored MIME turned into what people and programs read. Nothing here raises over a broken mail: it shows what it
can.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message as Part
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

import msgspec

from dayfly.mail.addresses import decoded, decoded_folds
from dayfly.mail.records import Message


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a mail that is not its text."""

    name: str
    type: str
    content: bytes
    content_id: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as people read it. A repeated header's values are joined by line breaks."""

    text: str
    html: str
    headers: dict[str, str]
    attachments: tuple[Attachment, ...]


def open_mail(raw: bytes) -> Opened:
    """Read a mail; parts that cannot be decoded are shown as well as they can be."""
    mail = BytesParser(policy=compat32).parsebytes(raw)
    text, html = "", ""
    attachments: list[Attachment] = []
    for part in _leaves(mail):
        kind = part.get_content_type()
        attached = part.get_content_disposition() == "attachment" or part.get_filename()
        if kind == "text/plain" and not attached and not text:
            text = _text(part)
        elif kind == "text/html" and not attached and not html:
            html = _text(part)
        else:
            attachments.append(_attachment(part, len(attachments) + 1))
    return Opened(text=text, html=html, headers=_headers(mail), attachments=tuple(attachments))


def entry(message: Message, raw: bytes) -> dict[str, Any]:
    """A mail as `GET /_dayfly/mail` answers it. `at` is in milliseconds since the epoch."""
    opened = open_mail(raw)
    return {
        "id": message.id,
        "from": message.sender,
        "to": list(message.to),
        "cc": list(message.cc),
        "bcc": list(message.bcc),
        "subject": message.subject,
        "text": opened.text,
        "html": opened.html,
        "headers": opened.headers,
        "attachments": [{"name": one.name, "type": one.type, "size": len(one.content)} for one in opened.attachments],
        "at": message.at_ms,
        "state": message.state,
        "reason": message.reason,
        "recipients": list(message.recipients),
        "account": message.account,
        "region": message.region,
        "tags": message.tags,
        "configuration_set": message.configuration_set,
        "size": message.size,
    }


def _leaves(part: Part) -> Iterator[Part]:
    payload = part.get_payload()
    if part.get_content_type() == "message/rfc822" or not isinstance(payload, list):
        yield part
        return
    for inner in payload:
        if isinstance(inner, Part):
            yield from _leaves(inner)


def _content(part: Part) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and isinstance(inner[0], Part) else b""
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _text(part: Part) -> str:
    content = _content(part)
    charset = part.get_content_charset() or "utf-8"
    for candidate in (charset, "utf-8", "latin-1"):
        try:
            text = content.decode(candidate)
        except (LookupError, UnicodeError):
            continue
        # MIME ends each line with CRLF and the last line too; whoever sent "hi" wants to read "hi".
        return text.replace("\r\n", "\n").removesuffix("\n")
    return content.decode("ascii", "replace")


def _attachment(part: Part, number: int) -> Attachment:
    kind = part.get_content_type()
    name = decoded(decoded_folds(part.get_filename() or "")) or f"part-{number}"
    return Attachment(
        name=name.replace("/", "_").replace("\\", "_"),
        type=kind,
        content=_content(part),
        content_id=str(part.get("Content-ID", "")).strip().strip("<>"),
    )


def _headers(mail: Part) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in mail.items():
        text = decoded(decoded_folds(str(value)))
        found[name] = f"{found[name]}\n{text}" if name in found else text
    return found
