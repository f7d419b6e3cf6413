"""Both SES APIs through an SDK."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from in_process import client

from dayfly.api.registry import Registry
from dayfly.api.ses import Ses
from dayfly.api.sesv2 import SesV2
from dayfly.clock import ManualClock
from dayfly.ids import SeededIds
from dayfly.mail import Mail, inbox
from dayfly.store.memory import MemoryJournal

TO = {"ToAddresses": ["ada@example.com"]}
HELLO = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "hello"}, "Html": {"Data": "<b>hello</b>"}}}


@pytest.fixture
def mail():
    return Mail(journal=MemoryJournal(), clock=ManualClock(), ids=SeededIds())


@pytest.fixture
def registry(mail):
    return Registry({"ses": lambda: Ses(mail), "sesv2": lambda: SesV2(mail)}, clock=ManualClock(), ids=SeededIds())


@pytest.fixture
def ses(registry):
    return client(registry, "ses")


@pytest.fixture
def sesv2(registry):
    return client(registry, "sesv2")


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def last(mail):
    message = mail.messages(failed=True)[-1]
    return inbox.entry(message, mail.raw(message.id))


def test_send_email_keeps_text_and_html(ses, mail):
    sent = ses.send_email(Source="Shop <shop@example.com>", Destination=TO, Message=HELLO)
    assert last(mail)["id"] == sent["MessageId"]
    assert (last(mail)["text"], last(mail)["html"]) == ("hello", "<b>hello</b>")


def test_send_raw_email_takes_the_message_as_it_is(ses, mail):
    raw = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: raw\r\n\r\nbody\r\n"
    sent = ses.send_raw_email(RawMessage={"Data": raw}, Destinations=["c@example.com"])
    assert mail.raw(sent["MessageId"]) == raw
    assert mail.get(sent["MessageId"]).recipients == ("c@example.com",)


def test_what_is_wrong_with_a_mail_is_said_in_the_words_of_ses(ses, sesv2):
    bad = {"ToAddresses": ["ada"]}
    expected = ("InvalidParameterValue", "Missing final '@domain'", 400)
    assert refused(ses.send_email, Source="a@example.com", Destination=bad, Message=HELLO) == expected
    simple = {"Simple": HELLO}
    code, message, _ = refused(sesv2.send_email, FromEmailAddress="a@example.com", Destination=bad, Content=simple)
    assert (code, message) == ("BadRequestException", "Missing final '@domain'")
    many = {"ToAddresses": [f"u{number}@example.com" for number in range(51)]}
    code, _, _ = refused(ses.send_email, Source="a@example.com", Destination=many, Message=HELLO)
    assert code == "MessageRejected"
    code, _, _ = refused(
        ses.send_email, Source="a@example.com", Destination=TO, Message=HELLO, ConfigurationSetName="none"
    )
    assert code == "ConfigurationSetDoesNotExist"


def test_identities_are_verified_at_once(ses):
    ses.verify_email_identity(EmailAddress="a@example.com")
    token = ses.verify_domain_identity(Domain="example.org")["VerificationToken"]
    assert len(ses.verify_domain_dkim(Domain="example.org")["DkimTokens"]) == 3
    assert ses.list_identities()["Identities"] == ["a@example.com", "example.org"]
    assert ses.list_identities(IdentityType="Domain")["Identities"] == ["example.org"]
    asked = ["a@example.com", "example.org", "other.org"]
    found = ses.get_identity_verification_attributes(Identities=asked)["VerificationAttributes"]
    assert found == {
        "a@example.com": {"VerificationStatus": "Success"},
        "example.org": {"VerificationStatus": "Success", "VerificationToken": token},
    }
    ses.delete_identity(Identity="a@example.com")
    assert ses.list_verified_email_addresses()["VerifiedEmailAddresses"] == []


def test_templates_are_kept_filled_and_sent(ses, mail):
    template = {"TemplateName": "t", "SubjectPart": "Hi {{name}}", "TextPart": "Bye {{name}}"}
    ses.create_template(Template=template)
    assert refused(ses.create_template, Template=template)[0] == "AlreadyExists"
    assert ses.get_template(TemplateName="t")["Template"] == template
    assert [one["Name"] for one in ses.list_templates()["TemplatesMetadata"]] == ["t"]
    ses.send_templated_email(Source="a@example.com", Destination=TO, Template="t", TemplateData='{"name": "Ada"}')
    assert (last(mail)["subject"], last(mail)["text"]) == ("Hi Ada", "Bye Ada")
    sent = ses.send_bulk_templated_email(
        Source="a@example.com",
        Template="t",
        DefaultTemplateData='{"name": "you"}',
        Destinations=[
            {"Destination": TO, "ReplacementTemplateData": '{"name": "Bob"}'},
            {"Destination": TO},
            {"Destination": {"ToAddresses": ["nobody"]}},
        ],
    )["Status"]
    assert [one["Status"] for one in sent] == ["Success", "Success", "InvalidParameterValue"]
    assert [message.subject for message in mail.messages()[-2:]] == ["Hi Bob", "Hi you"]
    code, message, status = refused(
        ses.send_templated_email, Source="a@example.com", Destination=TO, Template="u", TemplateData="{}"
    )
    assert (code, message, status) == ("TemplateDoesNotExist", "Template u does not exist.", 400)
    code, _, _ = refused(ses.test_render_template, TemplateName="t", TemplateData="{}")
    assert code == "MissingRenderingAttribute"


def test_quota_and_statistics_follow_what_was_sent(ses):
    assert ses.get_send_quota()["SentLast24Hours"] == 0
    ses.send_email(Source="a@example.com", Destination=TO, Message=HELLO)
    assert ses.get_send_quota()["SentLast24Hours"] == 1
    assert [point["DeliveryAttempts"] for point in ses.get_send_statistics()["SendDataPoints"]] == [1]
    assert ses.get_account_sending_enabled()["Enabled"] is True


def test_configuration_sets_and_their_destinations(ses, sesv2):
    ses.create_configuration_set(ConfigurationSet={"Name": "c"})
    destination = {"Enabled": True, "MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": "arn:aws:sns:x:y:z"}}
    sesv2.create_configuration_set_event_destination(
        ConfigurationSetName="c", EventDestinationName="d", EventDestination=destination
    )
    found = sesv2.get_configuration_set_event_destinations(ConfigurationSetName="c")["EventDestinations"]
    assert [one["Name"] for one in found] == ["d"]
    assert sesv2.list_configuration_sets()["ConfigurationSets"] == ["c"]
    sesv2.delete_configuration_set(ConfigurationSetName="c")
    assert refused(ses.describe_configuration_set, ConfigurationSetName="c")[0] == "ConfigurationSetDoesNotExist"
    assert refused(sesv2.get_configuration_set, ConfigurationSetName="c")[0] == "NotFoundException"


def test_version_2_sends_simple_raw_and_templated_mail(sesv2, mail):
    simple = {
        **HELLO,
        "Headers": [{"Name": "X-Order", "Value": "7"}],
        "Attachments": [{"FileName": "a.txt", "RawContent": b"abc", "ContentType": "text/plain"}],
    }
    sesv2.send_email(FromEmailAddress="a@example.com", Destination=TO, Content={"Simple": simple})
    assert last(mail)["headers"]["X-Order"] == "7"
    assert last(mail)["attachments"] == [{"name": "a.txt", "type": "text/plain", "size": 3}]
    raw = b"From: a@example.com\nTo: b@example.com\nSubject: raw\n\nbody"
    sesv2.send_email(Content={"Raw": {"Data": raw}})
    assert last(mail)["subject"] == "raw"
    content = {"Subject": "Hi {{n}}", "Html": "<p>{{n}}</p>"}
    sesv2.create_email_template(TemplateName="t", TemplateContent=content)
    assert sesv2.get_email_template(TemplateName="t")["TemplateContent"] == content
    used = {"Template": {"TemplateName": "t", "TemplateData": '{"n": "Ada"}'}}
    sesv2.send_email(FromEmailAddress="a@example.com", Destination=TO, Content=used)
    assert last(mail)["html"] == "<p>Ada</p>"
    sent = sesv2.send_bulk_email(
        FromEmailAddress="a@example.com",
        DefaultContent={"Template": {"TemplateName": "t", "TemplateData": "{}"}},
        BulkEmailEntries=[{
            "Destination": TO,
            "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"n": "B"})}},
        }],
    )  # fmt: skip
    assert [one["Status"] for one in sent["BulkEmailEntryResults"]] == ["SUCCESS"]
    assert last(mail)["subject"] == "Hi B"


def test_version_2_identities_and_account(sesv2):
    made = sesv2.create_email_identity(EmailIdentity="example.org")
    assert (made["IdentityType"], made["VerifiedForSendingStatus"]) == ("DOMAIN", True)
    assert refused(sesv2.create_email_identity, EmailIdentity="example.org")[0] == "AlreadyExistsException"
    assert sesv2.get_email_identity(EmailIdentity="example.org")["DkimAttributes"]["Status"] == "SUCCESS"
    assert [one["IdentityName"] for one in sesv2.list_email_identities()["EmailIdentities"]] == ["example.org"]
    sesv2.delete_email_identity(EmailIdentity="example.org")
    assert refused(sesv2.get_email_identity, EmailIdentity="example.org")[0] == "NotFoundException"
    assert sesv2.get_account()["SendingEnabled"] is True
