"""From raw MIME to who sends it to whom, changing no byte that recipients see save that Bcc is taken out.

https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html
"""

from __future__ import annotations

import re

import msgspec

from dayfly.mail.addresses import bare, check, decoded, decoded_folds, listed
from dayfly.mail.errors import InvalidMail

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_BCC = re.compile(rb"^(?:bcc|x-ses-[a-z-]+|x-source-arn|x-from-arn|x-return-path-arn)[ \t]*:", re.IGNORECASE)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    recipients: tuple[str, ...]
    subject: str
    tags: dict[str, str]
    configuration_set: str


def read(raw: bytes, source: str = "", destinations: tuple[str, ...] = ()) -> Envelope:
    """Who and whom. `source` and `destinations`, where given, rule over the headers. Raises InvalidMail,
    InvalidAddress.
    """
    from email.parser import BytesHeaderParser
    from email.policy import compat32

    headers = BytesHeaderParser(policy=compat32).parsebytes(raw)

    def every(name: str) -> list[str]:
        return [str(value) for value in headers.get_all(name, [])]

    sender = (listed(every("From")) or [source])[0]
    if not sender:
        raise InvalidMail("Missing required header 'From'.")
    to, cc, bcc = listed(every("To")), listed(every("Cc")), listed(every("Bcc"))
    recipients = [check(address) for address in (destinations or (*to, *cc, *bcc))]
    check(source or sender)
    if not recipients:
        raise InvalidMail("Missing required header 'To'.")
    if destinations:
        # Who gets a mail without being named in it is a blind recipient, whatever the Bcc header said.
        named = {bare(address).lower() for address in (*to, *cc)}
        to = to or ([] if cc else list(destinations))
        named.update(bare(address).lower() for address in to)
        bcc = [address for address in destinations if bare(address).lower() not in named]
    return Envelope(
        sender=sender,
        to=tuple(to),
        cc=tuple(cc),
        bcc=tuple(bcc),
        recipients=tuple(recipients),
        subject=decoded(decoded_folds(str(headers.get("Subject", "")))),
        tags=_tags(every("X-SES-MESSAGE-TAGS")),
        configuration_set=str(headers.get("X-SES-CONFIGURATION-SET", "")).strip(),
    )


def _tags(headers: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for header in headers for pair in header.split(",")]
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


def without_blind(raw: bytes) -> bytes:
    """The mail as recipients see it: no Bcc and none of the headers that instruct SES; every other byte as it was."""
    end = _HEADER_END.search(raw)
    head, rest = (raw[: end.start()], raw[end.start() :]) if end else (raw, b"")
    kept: list[bytes] = []
    dropping = False
    for line in head.splitlines(keepends=True):
        if line[:1] not in (b" ", b"\t"):
            dropping = _BCC.match(line) is not None
        if not dropping:
            kept.append(line)
    if dropping and kept:
        # The last header went, and with it nothing that ended the line before; that line's own end is now doubled.
        kept[-1] = kept[-1].rstrip(b"\r\n")
    return b"".join(kept) + rest
