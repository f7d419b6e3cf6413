"""The SES API, version 1 (query protocol).

https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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
from dayfly.mail import ConfigurationSet, Template, errors, mailbox

_PAGE = 10
_STATUSES = Statuses(sent="Success", invalid="InvalidParameterValue", rejected="MessageRejected")


class Ses(MailApi):
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

    # Sending

    async def send_email(self, caller: Caller, params: Params) -> Params:
        message_id = await self._mail.send(
            caller.scope,
            with_body(addressed(params["Source"], params), params["Message"]),
            configuration_set=params.get("ConfigurationSetName", ""),
            tags=named_values(params.get("Tags")),
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
            tags=named_values(params.get("Tags")),
            limit=mailbox.MAX_BYTES_V1,
        )
        return {"MessageId": message_id}

    async def send_templated_email(self, caller: Caller, params: Params) -> Params:
        message_id = await self._mail.send_template(
            caller.scope,
            addressed(params["Source"], params),
            params["Template"],
            mailbox.template_data(params["TemplateData"]),
            configuration_set=params.get("ConfigurationSetName", ""),
            tags=named_values(params.get("Tags")),
        )
        return {"MessageId": message_id}

    async def send_bulk_templated_email(self, caller: Caller, params: Params) -> Params:
        template = self._mail.template(caller.scope, params["Template"])
        entries = (
            Entry(
                letter=addressed(params["Source"], {**params, "Destination": entry["Destination"]}),
                data=entry.get("ReplacementTemplateData", "{}"),
                tags={**named_values(params.get("DefaultTags")), **named_values(entry.get("ReplacementTags"))},
            )
            for entry in params["Destinations"]
        )
        defaults, configuration_set = params.get("DefaultTemplateData", "{}"), params.get("ConfigurationSetName", "")
        told = await self._send_each(caller, template, defaults, entries, configuration_set, _STATUSES)
        return {"Status": told}

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

    def _destination(self, params: Params) -> Params:
        given: Params = params["EventDestination"]
        return given

    # The account

    async def get_send_quota(self, caller: Caller, params: Params) -> Params:
        await self._mail.settled()
        return self._quota(caller)

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


def _template(given: Params) -> Template:
    return Template(
        name=given["TemplateName"],
        subject=given.get("SubjectPart", ""),
        text=given.get("TextPart", ""),
        html=given.get("HtmlPart", ""),
    )
