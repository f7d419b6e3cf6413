"""What both versions of the SES API do alike, and what of their members is spelt alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import msgspec

from dayfly.api import Params
from dayfly.identity import Caller
from dayfly.mail import ConfigurationSet, Identity, Letter, Mail, Template, compose, errors, mailbox

_T = TypeVar("_T")


class Entry(NamedTuple):
    """One mail of many from a template: `data` is JSON, for this mail over the defaults."""

    letter: Letter
    data: str
    tags: dict[str, str]


class Statuses(NamedTuple):
    """A version's words for what became of one mail of many."""

    sent: str
    invalid: str
    rejected: str


class MailApi:
    """The operations whose members are the same in both versions."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    async def _send_each(
        self,
        caller: Caller,
        template: Template,
        default_data: str,
        entries: Iterable[Entry],
        configuration_set: str,
        statuses: Statuses,
    ) -> list[Params]:
        """A mail that is refused has its reason beside it; the others are sent."""
        defaults = mailbox.template_data(default_data)
        told: list[Params] = []
        for entry in entries:
            try:
                message_id = await self._mail.send_template(
                    caller.scope,
                    entry.letter,
                    template,
                    {**defaults, **mailbox.template_data(entry.data)},
                    configuration_set=configuration_set,
                    tags=entry.tags,
                )
            except (errors.InvalidAddress, errors.InvalidMail, errors.InvalidTemplateData) as error:
                told.append({"Status": statuses.invalid, "Error": error.message})
            except errors.Rejected as error:
                told.append({"Status": statuses.rejected, "Error": error.message})
            else:
                told.append({"Status": statuses.sent, "MessageId": message_id})
        return told

    async def delete_configuration_set(self, caller: Caller, params: Params) -> Params:
        await self._mail.drop_set(caller.scope, params["ConfigurationSetName"])
        return {}

    # Event destinations of a configuration set. `_destination` reads one, with its name among its members.

    def _destination(self, params: Params) -> Params:
        raise NotImplementedError

    async def create_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        destination = self._destination(params)
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        if destination["Name"] in found.destinations:
            raise errors.EventDestinationExists(f"Event destination <{destination['Name']}> already exists.")
        await self._put_destinations(caller, found, {**found.destinations, destination["Name"]: destination})
        return {}

    async def update_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        destination = self._destination(params)
        found = self._set_with(caller, params, destination["Name"])
        await self._put_destinations(caller, found, {**found.destinations, destination["Name"]: destination})
        return {}

    async def delete_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        name = params["EventDestinationName"]
        found = self._set_with(caller, params, name)
        await self._put_destinations(
            caller, found, {other: kept for other, kept in found.destinations.items() if other != name}
        )
        return {}

    def _set_with(self, caller: Caller, params: Params, name: str) -> ConfigurationSet:
        """The set, which has a destination of this name."""
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        if name not in found.destinations:
            raise errors.NoSuchEventDestination(f"Event destination <{name}> does not exist.")
        return found

    async def _put_destinations(self, caller: Caller, found: ConfigurationSet, destinations: Params) -> None:
        await self._mail.put_set(caller.scope, msgspec.structs.replace(found, destinations=destinations))

    # The account

    def _quota(self, caller: Caller) -> Params:
        return {
            "Max24HourSend": mailbox.MAX_24_HOUR_SEND,
            "MaxSendRate": mailbox.MAX_SEND_RATE,
            "SentLast24Hours": float(self._mail.sent_last_day(caller.scope)),
        }


def addressed(sender: str, params: Params) -> Letter:
    """A letter's outside."""
    destination = params.get("Destination", {})
    return Letter(
        sender=sender,
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
    )


def with_body(letter: Letter, message: Params) -> Letter:
    """The letter with a message's subject and texts."""
    body = message.get("Body", {})
    return msgspec.structs.replace(
        letter,
        subject=message["Subject"]["Data"],
        text=body["Text"]["Data"] if "Text" in body else None,
        html=body["Html"]["Data"] if "Html" in body else None,
        text_charset=body.get("Text", {}).get("Charset", ""),
        html_charset=body.get("Html", {}).get("Charset", ""),
    )


def named_values(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Name"]: tag["Value"] for tag in tags or ()}


def preview(template: Template, values: Params) -> str:
    """The MIME that a template would become. Raises MissingAttribute, InvalidTemplate."""
    subject, text, html = mailbox.rendered_parts(template, values)
    letter = Letter(sender="preview@example.com", subject=subject, text=text, html=html)
    return compose.compose(letter, "preview", 0).decode("utf-8", "replace")


def dkim_tokens(identity: Identity) -> list[str]:
    """The three names a domain would publish; derived from its token, so that they stay the same."""
    return [identity.token[shift:] + identity.token[:shift] for shift in (0, 7, 19)]


def paged(items: list[_T], token: str | None, size: int) -> tuple[list[_T], Params]:
    """One page and, where more follow, its `NextToken` (the position of the next item)."""
    start = int(token) if token and token.isdecimal() else 0
    end = start + size
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}
