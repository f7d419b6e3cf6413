"""The SES API, version 2 (REST-JSON).

https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from dayfly.api import Fault, Params
from dayfly.api.ses_shared import (
    Entry,
    MailApi,
    Statuses,
    addressed,
    dkim_tokens,
    named_values,
    paged,
    preview,
    with_body,
)
from dayfly.errors import Error
from dayfly.identity import Caller
from dayfly.mail import ConfigurationSet, Identity, Letter, Template, errors, mailbox
from dayfly.mail.compose import Attached

_SET_OPTIONS = (
    "TrackingOptions",
    "DeliveryOptions",
    "ReputationOptions",
    "SendingOptions",
    "Tags",
    "SuppressionOptions",
    "VdmOptions",
    "ArchivingOptions",
)
_STATUSES = Statuses(sent="SUCCESS", invalid="INVALID_PARAMETER", rejected="MESSAGE_REJECTED")


class SesV2(MailApi):
    service: ClassVar[str] = "sesv2"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        errors.InvalidAddress: Fault("BadRequestException"),
        errors.InvalidMail: Fault("BadRequestException"),
        errors.Rejected: Fault("MessageRejected"),
        errors.NoSuchTemplate: Fault("NotFoundException"),
        errors.TemplateExists: Fault("AlreadyExistsException"),
        errors.InvalidTemplate: Fault("BadRequestException"),
        errors.InvalidTemplateData: Fault("BadRequestException"),
        errors.MissingAttribute: Fault("BadRequestException"),
        errors.NoSuchConfigurationSet: Fault("NotFoundException"),
        errors.ConfigurationSetExists: Fault("AlreadyExistsException"),
        errors.NoSuchEventDestination: Fault("NotFoundException"),
        errors.EventDestinationExists: Fault("AlreadyExistsException"),
        errors.NoSuchIdentity: Fault("NotFoundException"),
        errors.IdentityExists: Fault("AlreadyExistsException"),
    }

    # Sending

    async def send_email(self, caller: Caller, params: Params) -> Params:
        content = params["Content"]
        sent: dict[str, Any] = {
            "configuration_set": params.get("ConfigurationSetName", ""),
            "tags": named_values(params.get("EmailTags")),
        }
        if "Raw" in content:
            message_id = await self._mail.send_raw(
                caller.scope,
                content["Raw"]["Data"],
                source=params.get("FromEmailAddress", ""),
                destinations=addressed("", params).recipients,
                **sent,
            )
        elif "Template" in content:
            message_id = await self._mail.send_template(
                caller.scope,
                _letter(params, content["Template"]),
                self._template(caller, content["Template"]),
                mailbox.template_data(content["Template"].get("TemplateData", "{}")),
                **sent,
            )
        elif "Simple" in content:
            letter = with_body(_letter(params, content["Simple"]), content["Simple"])
            message_id = await self._mail.send(caller.scope, letter, **sent)
        else:
            raise errors.InvalidMail("Content must have one of Simple, Raw and Template.")
        return {"MessageId": message_id}

    async def send_bulk_email(self, caller: Caller, params: Params) -> Params:
        used = params["DefaultContent"].get("Template", {})
        template = self._template(caller, used)
        entries = (self._entry(params, used, entry) for entry in params["BulkEmailEntries"])
        defaults, configuration_set = used.get("TemplateData", "{}"), params.get("ConfigurationSetName", "")
        told = await self._send_each(caller, template, defaults, entries, configuration_set, _STATUSES)
        return {"BulkEmailEntryResults": told}

    def _entry(self, params: Params, used: Params, entry: Params) -> Entry:
        replacement = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
        own = {"Headers": [*used.get("Headers", ()), *entry.get("ReplacementHeaders", ())], **_attachments_of(used)}
        return Entry(
            letter=_letter({**params, "Destination": entry["Destination"]}, own),
            data=replacement.get("ReplacementTemplateData", "{}"),
            tags={**named_values(params.get("DefaultEmailTags")), **named_values(entry.get("ReplacementTags"))},
        )

    def _template(self, caller: Caller, used: Params) -> Template:
        if "TemplateContent" in used:
            return _content(used.get("TemplateName", "inline"), used["TemplateContent"])
        name = used.get("TemplateName") or used.get("TemplateArn", "").rpartition("/")[2]
        return self._mail.template(caller.scope, name)

    # Identities

    async def create_email_identity(self, caller: Caller, params: Params) -> Params:
        name = params["EmailIdentity"]
        if self._mail.identity(caller.scope, name) is not None:
            raise errors.IdentityExists(f"Email identity {name} already exist.")
        identity = await self._mail.verify(
            caller.scope,
            name,
            configuration_set=params.get("ConfigurationSetName", ""),
            tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", ())},
        )
        return {"IdentityType": _type(identity), "VerifiedForSendingStatus": True, "DkimAttributes": _dkim(identity)}

    async def get_email_identity(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        identity = self._identity(caller, params["EmailIdentity"])
        return {
            "IdentityType": _type(identity),
            "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": True,
            "VerificationStatus": "SUCCESS",
            "DkimAttributes": _dkim(identity),
            "Policies": {},
            "Tags": [{"Key": key, "Value": value} for key, value in identity.tags.items()],
            **({"ConfigurationSetName": identity.configuration_set} if identity.configuration_set else {}),
        }

    def _identity(self, caller: Caller, name: str) -> Identity:
        found = self._mail.identity(caller.scope, name)
        if found is None:
            raise errors.NoSuchIdentity(f"Email identity {name} does not exist.")
        return found

    async def list_email_identities(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = [
            {
                "IdentityType": _type(identity),
                "IdentityName": identity.name,
                "SendingEnabled": True,
                "VerificationStatus": "SUCCESS",
            }
            for identity in self._mail.identities(caller.scope)
        ]
        page, token = paged(known, params.get("NextToken"), params.get("PageSize") or 1000)
        return {"EmailIdentities": page, **token}

    async def delete_email_identity(self, caller: Caller, params: Params) -> Params:
        identity = self._identity(caller, params["EmailIdentity"])
        await self._mail.drop_identity(caller.scope, identity.name)
        return {}

    # Templates

    async def create_email_template(self, caller: Caller, params: Params) -> Params:
        template = _content(params["TemplateName"], params["TemplateContent"])
        await self._mail.put_template(caller.scope, template, new=True)
        return {}

    async def update_email_template(self, caller: Caller, params: Params) -> Params:
        template = _content(params["TemplateName"], params["TemplateContent"])
        await self._mail.put_template(caller.scope, template, new=False)
        return {}

    async def get_email_template(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        found = self._mail.template(caller.scope, params["TemplateName"])
        parts = {"Subject": found.subject, "Text": found.text, "Html": found.html}
        given = {name: part for name, part in parts.items() if part}
        return {"TemplateName": found.name, "TemplateContent": given}

    async def list_email_templates(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        known = [
            {"TemplateName": template.name, "CreatedTimestamp": template.created_ms / 1000}
            for template in self._mail.templates(caller.scope)
        ]
        page, token = paged(known, params.get("NextToken"), params.get("PageSize") or 10)
        return {"TemplatesMetadata": page, **token}

    async def delete_email_template(self, caller: Caller, params: Params) -> Params:
        self._mail.template(caller.scope, params["TemplateName"])
        await self._mail.drop_template(caller.scope, params["TemplateName"])
        return {}

    async def test_render_email_template(self, caller: Caller, params: Params) -> Params:
        template = self._mail.template(caller.scope, params["TemplateName"])
        return {"RenderedTemplate": preview(template, mailbox.template_data(params["TemplateData"]))}

    # Configuration sets

    async def create_configuration_set(self, caller: Caller, params: Params) -> Params:
        options = {name: params[name] for name in _SET_OPTIONS if name in params}
        configuration = ConfigurationSet(name=params["ConfigurationSetName"], options=options)
        await self._mail.put_set(caller.scope, configuration, new=True)
        return {}

    async def get_configuration_set(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        return {"ConfigurationSetName": found.name, **found.options}

    async def list_configuration_sets(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        names = [one.name for one in self._mail.configuration_sets(caller.scope)]
        page, token = paged(names, params.get("NextToken"), params.get("PageSize") or 1000)
        return {"ConfigurationSets": page, **token}

    def _destination(self, params: Params) -> Params:
        return {"Name": params["EventDestinationName"], **params["EventDestination"]}

    async def get_configuration_set_event_destinations(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        found = self._mail.configuration_set(caller.scope, params["ConfigurationSetName"])
        return {"EventDestinations": list(found.destinations.values())}

    # The account

    async def get_account(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "SendQuota": self._quota(caller),
        }


def _type(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _dkim(identity: Identity) -> Params:
    if not identity.is_domain:
        return {"SigningEnabled": False, "Status": "NOT_STARTED"}
    return {"SigningEnabled": True, "Status": "SUCCESS", "Tokens": dkim_tokens(identity)}


def _content(name: str, given: Params) -> Template:
    return Template(name=name, subject=given.get("Subject", ""), text=given.get("Text", ""), html=given.get("Html", ""))


def _attachments_of(content: Params) -> Params:
    return {"Attachments": content["Attachments"]} if "Attachments" in content else {}


def _letter(params: Params, content: Params) -> Letter:
    """Who and whom, with the headers and attachments of the content."""
    if not params.get("FromEmailAddress"):
        raise errors.InvalidMail("FromEmailAddress is required.")
    return replace(
        addressed(params["FromEmailAddress"], params),
        headers=tuple((header["Name"], header["Value"]) for header in content.get("Headers", ())),
        attachments=tuple(
            Attached(
                name=given["FileName"],
                content=given["RawContent"],
                type=given.get("ContentType", "application/octet-stream"),
                inline=given.get("ContentDisposition") == "INLINE",
                content_id=given.get("ContentId", ""),
            )
            for given in content.get("Attachments", ())
        ),
    )
