"""The SES API, version 1 (query protocol).

https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

import msgspec

from dayfly.api import Fault, Params
from dayfly.errors import Error
from dayfly.identity import Caller
from dayfly.mail import ConfigurationSet, Identity, Letter, Mail, Template, compose, errors, mailbox

_T = TypeVar("_T")
_PAGE = 10


class Ses:
    service: ClassVar[str] = "ses"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.InvalidAddress: Fault("InvalidParameterValue", 400),
        errors.InvalidMail: Fault("InvalidParameterValue", 400),
        errors.Rejected: Fault("MessageRejected"),
        errors.NoSuchTemplate: Fault("TemplateDoesNotExistException"),
        errors.TemplateExists: Fault("AlreadyExistsException"),
        errors.InvalidTemplate: Fault("InvalidTemplateException"),
        errors.InvalidTemplateData: Fault("InvalidParameterValue", 400),
        errors.MissingAttribute: Fault("MissingRenderingAttributeException"),
        errors.NoSuchConfigurationSet: Fault("ConfigurationSetDoesNotExistException"),
        errors.ConfigurationSetExists: Fault("ConfigurationSetAlreadyExistsException"),
        errors.NoSuchEventDestination: Fault("EventDestinationDoesNotExistException"),
        errors.EventDestinationExists: Fault("EventDestinationAlreadyExistsException"),
    }

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    # Sending

    async def send_email(self, caller: Caller, params: Params) -> Params:
        message = params["Message"]
        body = message.get("Body", {})
        letter = msgspec.structs.replace(
            _letter(params),
            subject=message["Subject"]["Data"],
            text=body["Text"]["Data"] if "Text" in body else None,
            html=body["Html"]["Data"] if "Html" in body else None,
            text_charset=body.get("Text", {}).get("Charset", ""),
            html_charset=body.get("Html", {}).get("Charset", ""),
        )
        message_id = await self._mail.send(
            caller.scope,
            letter,
            configuration_set=params.get("ConfigurationSetName", ""),
            tags=_tags(params.get("Tags")),
            limit=mailbox.MAX_BYTES_V1,
        )
        return {"MessageId": message_id}

    async def send_raw_email(self, caller: Caller, params: Params) -> Params:
        message_id = await self._mail.send_raw(
            caller.scope,
            params["RawMessage"]["Data"],
            source=params.get("Source", ""),
            destinations=tuple(params.get("Destinations", ())),
            configuration_set=params.get("ConfigurationSetName", ""),
            tags=_tags(params.get("Tags")),
            limit=mailbox.MAX_BYTES_V1,
        )
        return {"MessageId": message_id}

    async def send_templated_email(self, caller: Caller, params: Params) -> Params:
        message_id = await self._mail.send_template(
            caller.scope,
            _letter(params),
            params["Template"],
            mailbox.template_data(params["TemplateData"]),
            configuration_set=params.get("ConfigurationSetName", ""),
            tags=_tags(params.get("Tags")),
        )
        return {"MessageId": message_id}

    async def send_bulk_templated_email(self, caller: Caller, params: Params) -> Params:
        template = self._mail.template(caller.scope, params["Template"])
        defaults = mailbox.template_data(params.get("DefaultTemplateData", "{}"))
        status = []
        for entry in params["Destinations"]:
            letter = _letter({**params, "Destination": entry["Destination"]})
            try:
                values = mailbox.template_data(entry.get("ReplacementTemplateData", "{}"))
                message_id = await self._mail.send_template(
                    caller.scope,
                    letter,
                    template,
                    {**defaults, **values},
                    configuration_set=params.get("ConfigurationSetName", ""),
                    tags={**_tags(params.get("DefaultTags")), **_tags(entry.get("ReplacementTags"))},
                )
            except (errors.InvalidAddress, errors.InvalidMail, errors.InvalidTemplateData) as error:
                status.append({"Status": "InvalidParameterValue", "Error": error.message})
            except errors.Rejected as error:
                status.append({"Status": "MessageRejected", "Error": error.message})
            else:
                status.append({"Status": "Success", "MessageId": message_id})
        return {"Status": status}

    # Identities

    async def verify_email_identity(self, caller: Caller, params: Params) -> Params:
        await self._mail.verify(caller.scope, params["EmailAddress"])
        return {}

    async def verify_email_address(self, caller: Caller, params: Params) -> Params:
        return await self.verify_email_identity(caller, params)

    async def verify_domain_identity(self, caller: Caller, params: Params) -> Params:
        identity = await self._mail.verify(caller.scope, params["Domain"])
        return {"VerificationToken": identity.token}

    async def verify_domain_dkim(self, caller: Caller, params: Params) -> Params:
        identity = await self._mail.verify(caller.scope, params["Domain"])
        return {"DkimTokens": dkim_tokens(identity)}

    async def delete_identity(self, caller: Caller, params: Params) -> Params:
        await self._mail.drop_identity(caller.scope, params["Identity"])
        return {}

    async def delete_verified_email_address(self, caller: Caller, params: Params) -> Params:
        await self._mail.drop_identity(caller.scope, params["EmailAddress"])
        return {}

    async def list_identities(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        kind = params.get("IdentityType")
        names = [
            identity.name
            for identity in self._mail.identities(caller.scope)
            if kind is None or identity.is_domain == (kind == "Domain")
        ]
        page, token = paged(names, params.get("NextToken"), params.get("MaxItems") or 1000)
        return {"Identities": page, **token}

    async def list_verified_email_addresses(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = self._mail.identities(caller.scope)
        return {"VerifiedEmailAddresses": [identity.name for identity in known if not identity.is_domain]}

    async def get_identity_verification_attributes(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        attributes = {}
        for name in params["Identities"]:
            identity = self._mail.identity(caller.scope, name)
            if identity is not None:
                attributes[name] = {"VerificationStatus": "Success"}
                if identity.is_domain:
                    attributes[name]["VerificationToken"] = identity.token
        return {"VerificationAttributes": attributes}

    async def get_identity_dkim_attributes(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = [self._mail.identity(caller.scope, name) for name in params["Identities"]]
        return {
            "DkimAttributes": {
                identity.name: {
                    "DkimEnabled": identity.is_domain,
                    "DkimVerificationStatus": "Success" if identity.is_domain else "NotStarted",
                    "DkimTokens": dkim_tokens(identity) if identity.is_domain else [],
                }
                for identity in known
                if identity is not None
            }
        }

    # Templates

    async def create_template(self, caller: Caller, params: Params) -> Params:
        await self._mail.put_template(caller.scope, _template(params["Template"]), new=True)
        return {}

    async def update_template(self, caller: Caller, params: Params) -> Params:
        await self._mail.put_template(caller.scope, _template(params["Template"]), new=False)
        return {}

    async def delete_template(self, caller: Caller, params: Params) -> Params:
        await self._mail.drop_template(caller.scope, params["TemplateName"])
        return {}

    async def get_template(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        found = self._mail.template(caller.scope, params["TemplateName"])
        parts = {"SubjectPart": found.subject, "TextPart": found.text, "HtmlPart": found.html}
        given = {name: part for name, part in parts.items() if part}
        return {"Template": {"TemplateName": found.name, **given}}

    async def list_templates(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = [
            {"Name": template.name, "CreatedTimestamp": template.created_ms / 1000}
            for template in self._mail.templates(caller.scope)
        ]
        page, token = paged(known, params.get("NextToken"), min(params.get("MaxItems") or _PAGE, 100))
        return {"TemplatesMetadata": page, **token}

    async def test_render_template(self, caller: Caller, params: Params) -> Params:
        template = self._mail.template(caller.scope, params["TemplateName"])
        values = mailbox.template_data(params["TemplateData"])
        return {"RenderedTemplate": preview(template, values)}

    # Configuration sets

    async def create_configuration_set(self, caller: Caller, params: Params) -> Params:
        configuration = ConfigurationSet(name=params["ConfigurationSet"]["Name"])
        await self._mail.put_set(caller.scope, configuration, new=True)
        return {}

    async def delete_configuration_set(self, caller: Caller, params: Params) -> Params:
        await self._mail.drop_set(caller.scope, params["ConfigurationSetName"])
        return {}

    async def describe_configuration_set(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        answer: Params = {"ConfigurationSet": {"Name": found.name}}
        if "eventDestinations" in params.get("ConfigurationSetAttributeNames", ()):
            answer["EventDestinations"] = list(found.destinations.values())
        return answer

    async def list_configuration_sets(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = [{"Name": one.name} for one in self._mail.configuration_sets(caller.scope)]
        page, token = paged(known, params.get("NextToken"), params.get("MaxItems") or 1000)
        return {"ConfigurationSets": page, **token}

    async def create_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        return await self._put_destination(caller, params, new=True)

    async def update_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        return await self._put_destination(caller, params, new=False)

    async def _put_destination(self, caller: Caller, params: Params, *, new: bool) -> Params:
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        destination = params["EventDestination"]
        await self._mail.put_set(caller.scope, with_destination(found, destination["Name"], destination, new=new))
        return {}

    async def delete_configuration_set_event_destination(self, caller: Caller, params: Params) -> Params:
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        await self._mail.put_set(caller.scope, without_destination(found, params["EventDestinationName"]))
        return {}

    # The account

    async def get_send_quota(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        return {
            "Max24HourSend": mailbox.MAX_24_HOUR_SEND,
            "MaxSendRate": mailbox.MAX_SEND_RATE,
            "SentLast24Hours": float(self._mail.sent_last_day(caller.scope)),
        }

    async def get_send_statistics(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        return {
            "SendDataPoints": [
                {
                    "Timestamp": start_ms / 1000,
                    "DeliveryAttempts": count,
                    "Bounces": 0,
                    "Complaints": 0,
                    "Rejects": 0,
                }
                for start_ms, count in self._mail.statistics(caller.scope).items()
            ]
        }

    async def get_account_sending_enabled(self, caller: Caller, params: Params) -> Params:
        return {"Enabled": True}


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


def with_destination(found: ConfigurationSet, name: str, destination: Params, *, new: bool) -> ConfigurationSet:
    """Raises EventDestinationExists, NoSuchEventDestination."""
    if new and name in found.destinations:
        raise errors.EventDestinationExists(f"Event destination <{name}> already exists.")
    if not new and name not in found.destinations:
        raise errors.NoSuchEventDestination(f"Event destination <{name}> does not exist.")
    return msgspec.structs.replace(found, destinations={**found.destinations, name: destination})


def without_destination(found: ConfigurationSet, name: str) -> ConfigurationSet:
    """Raises NoSuchEventDestination."""
    if name not in found.destinations:
        raise errors.NoSuchEventDestination(f"Event destination <{name}> does not exist.")
    rest = {other: kept for other, kept in found.destinations.items() if other != name}
    return msgspec.structs.replace(found, destinations=rest)


def _letter(params: Params) -> Letter:
    destination = params.get("Destination", {})
    return Letter(
        sender=params["Source"],
        to=tuple(destination.get("ToAddresses", ())),
        cc=tuple(destination.get("CcAddresses", ())),
        bcc=tuple(destination.get("BccAddresses", ())),
        reply_to=tuple(params.get("ReplyToAddresses", ())),
    )


def _tags(given: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Name"]: tag["Value"] for tag in given or ()}


def _template(given: Params) -> Template:
    return Template(
        name=given["TemplateName"],
        subject=given.get("SubjectPart", ""),
        text=given.get("TextPart", ""),
        html=given.get("HtmlPart", ""),
    )
