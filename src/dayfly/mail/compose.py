"""From the parts of a mail to MIME, by the standard library.

https://docs.aws.amazon.com/ses/latest/APIReference/API_Message.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from dayfly.mail.addresses import check, decoded
from dayfly.mail.errors import InvalidAddress, InvalidMail

if TYPE_CHECKING:  # the standard library's email package takes long to import: only where a mail is handled
    from email.headerregistry import Address
    from email.message import EmailMessage

_BREAKS = re.compile(r"[\r\n]")


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a mail."""

    name: str
    content: bytes
    type: str = "application/octet-stream"
    inline: bool = False
    content_id: str = ""
    description: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail by its parts, as the structured SendEmail operations take it."""

    sender: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    text_charset: str = ""
    html_charset: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attached, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)


def compose(letter: Letter, message_id: str, at_ms: int) -> bytes:
    """The mail as MIME with CRLF line ends; blind recipients are not in it. Raises InvalidMail, InvalidAddress."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(letter.sender)
    for name, addresses in (("To", letter.to), ("Cc", letter.cc), ("Reply-To", letter.reply_to)):
        if addresses:
            mail[name] = [_address(address) for address in addresses]
    # A line break in a subject would start a new header; SES folds it to a space.
    mail["Subject"] = _BREAKS.sub(" ", letter.subject)
    for name, value in letter.headers:
        if _BREAKS.search(name + value):
            raise InvalidMail(f"Header {name!r} contains a line break.")
        try:
            mail[name] = value
        except ValueError as error:
            raise InvalidMail(f"Header {name!r} is not valid: {error}.") from error
    mail["Message-ID"] = f"<{message_id}@email.amazonses.com>"
    mail["Date"] = format_datetime(datetime.fromtimestamp(at_ms / 1000, tz=UTC))
    _fill(mail, letter)
    return mail.as_bytes()


def _fill(mail: EmailMessage, letter: Letter) -> None:
    text, html = letter.text, letter.html
    if text is not None or html is None:
        mail.set_content(text or "", charset=_charset(letter.text_charset, text or ""))
    if html is not None:
        charset = _charset(letter.html_charset, html)
        if text is None:
            mail.set_content(html, subtype="html", charset=charset)
        else:
            mail.add_alternative(html, subtype="html", charset=charset)
    for attached in letter.attachments:
        main, _, sub = attached.type.partition("/")
        mail.add_attachment(
            attached.content,
            maintype=main or "application",
            subtype=sub or "octet-stream",
            filename=attached.name,
            disposition="inline" if attached.inline else "attachment",
            cid=f"<{attached.content_id.strip('<>')}>" if attached.content_id else None,
        )


def _address(text: str) -> Address:
    from email.errors import HeaderParseError
    from email.headerregistry import Address
    from email.utils import parseaddr

    bare = check(text)
    name = decoded(parseaddr(text)[0])
    try:
        return Address(display_name=name, addr_spec=bare)
    except (HeaderParseError, ValueError) as error:
        raise InvalidAddress("Illegal address") from error


def _charset(wanted: str, text: str) -> str:
    """The asked charset where it is known and can carry the text, else UTF-8, so that no mail is garbled."""
    charset = wanted or "utf-8"
    try:
        text.encode(charset)
    except (LookupError, UnicodeError):
        return "utf-8"
    return charset
