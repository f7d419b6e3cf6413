"""Mail is kept as sent, and what SES would refuse is refused."""

from __future__ import annotations

import pytest

from dayfly.clock import ManualClock
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.mail import Letter, Mail, Template, errors, inbox
from dayfly.store.memory import MemoryJournal

SCOPE = Scope("000000000000", "us-east-1")


@pytest.fixture
def journal():
    return MemoryJournal()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def mail(journal, clock):
    return Mail(journal=journal, clock=clock, ids=SeededIds())


def letter(**changes):
    given = {"sender": "Shop <shop@example.com>", "to": ("ada@example.com",), "subject": "Hi", "text": "hello"}
    return Letter(**{**given, **changes})


async def test_a_sent_mail_is_listed_with_its_parts(mail):
    message_id = await mail.send(
        SCOPE, letter(html="<b>hello</b>", bcc=("eve@example.com",), reply_to=("re@example.com",))
    )
    (message,) = mail.messages(SCOPE)
    shown = inbox.entry(message, mail.raw(message_id))
    assert (shown["id"], shown["from"], shown["to"]) == (message_id, "Shop <shop@example.com>", ["ada@example.com"])
    assert (shown["subject"], shown["text"], shown["html"]) == ("Hi", "hello", "<b>hello</b>")
    assert shown["bcc"] == ["eve@example.com"]
    assert shown["headers"]["Reply-To"] == "re@example.com"
    assert b"eve@" not in mail.raw(message_id)


async def test_what_was_sent_is_there_after_a_restart(mail, journal, clock):
    first = await mail.send(SCOPE, letter(subject="one"))
    clock.advance(1)
    await mail.send_raw(SCOPE, b"From: a@b.co\r\nTo: c@d.co\r\nSubject: two\r\n\r\nbody")
    await mail.verify(SCOPE, "example.com")
    await mail.put_template(SCOPE, Template(name="t", subject="s"), new=True)
    again = Mail(journal=journal, clock=clock, ids=SeededIds(1))
    again.load()
    assert [message.subject for message in again.messages()] == ["one", "two"]
    assert again.raw(first) == mail.raw(first)
    assert again.identity(SCOPE, "example.com") is not None
    assert again.template(SCOPE, "t").subject == "s"


async def test_raw_mail_is_kept_byte_for_byte_save_for_bcc(mail):
    head = b"From: A <a@b.co>\r\nBcc: x@y.co,\r\n z@y.co\r\nTo: c@d.co\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9F?=\r\n"
    head += b"X-Odd:  kept \r\n"
    body = b"\r\n\xff\x00 raw \n lines"
    message_id = await mail.send_raw(SCOPE, head + body)
    assert mail.raw(message_id) == head.replace(b"Bcc: x@y.co,\r\n z@y.co\r\n", b"") + body
    message = mail.get(message_id)
    assert message.subject == "grüß"
    assert message.bcc == ("x@y.co", "z@y.co")
    assert message.recipients == ("c@d.co", "x@y.co", "z@y.co")


async def test_bcc_as_the_last_header_leaves_one_empty_line(mail):
    message_id = await mail.send_raw(SCOPE, b"From: a@b.co\r\nTo: c@d.co\r\nBcc: x@y.co\r\n\r\nbody\r\n")
    assert mail.raw(message_id) == b"From: a@b.co\r\nTo: c@d.co\r\n\r\nbody\r\n"


async def test_destinations_rule_over_the_headers(mail):
    raw = b"From: a@b.co\nTo: shown@d.co\nBcc: not@d.co\n\nbody"
    message = mail.get(await mail.send_raw(SCOPE, raw, destinations=("shown@d.co", "blind@d.co")))
    assert message.recipients == ("shown@d.co", "blind@d.co")
    assert message.bcc == ("blind@d.co",)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("nobody", "Missing final '@domain'"),
        ("a b@example.com", "Local address contains control or whitespace"),
        ("a@exa mple.com", "Domain contains control or whitespace"),
        ("a@.example.com", "Domain starts with dot"),
        ("a@example.com\nBcc: x@y.co", "Local address contains control or whitespace"),
    ],
)
async def test_a_bad_address_is_refused_in_the_words_of_ses(mail, address, sentence):
    with pytest.raises(errors.InvalidAddress, match=sentence):
        await mail.send(SCOPE, letter(to=(address,)))
    assert mail.messages() == []


async def test_too_many_recipients_and_too_much_text_are_rejected(mail):
    with pytest.raises(errors.Rejected, match="Recipient count exceeds 50"):
        await mail.send(SCOPE, letter(to=tuple(f"u{n}@example.com" for n in range(51))))
    with pytest.raises(errors.Rejected, match="Message length is more than 100 bytes long"):
        await mail.send(SCOPE, letter(text="x" * 1000), limit=100)


async def test_a_template_is_filled_and_a_missing_value_is_a_failed_mail_not_an_error(mail):
    await mail.put_template(
        SCOPE, Template(name="t", subject="Hi {{name}}", text="{{#if vip}}dear {{/if}}{{name}}"), new=True
    )
    sent = await mail.send_template(SCOPE, letter(), "t", {"name": "Ada", "vip": True})
    assert inbox.open_mail(mail.raw(sent)).text == "dear Ada"
    failed = await mail.send_template(SCOPE, letter(), "t", {})
    assert mail.get(failed).state == "failed"
    assert "Attribute 'name' is not present" in mail.get(failed).reason
    assert [message.id for message in mail.messages()] == [sent]
    with pytest.raises(errors.NoSuchTemplate, match="Template u does not exist"):
        await mail.send_template(SCOPE, letter(), "u", {})


async def test_a_strict_mailbox_wants_verified_senders(journal, clock):
    mail = Mail(journal=journal, clock=clock, ids=SeededIds(), strict=True)
    with pytest.raises(errors.Rejected, match=r"Email address is not verified.*US-EAST-1: Shop"):
        await mail.send(SCOPE, letter())
    await mail.verify(SCOPE, "example.com")
    assert await mail.send(SCOPE, letter())


async def test_accounts_do_not_see_each_other(mail):
    other = Scope("111111111111", "us-east-1")
    await mail.send(other, letter())
    assert mail.messages(SCOPE) == []
    assert len(mail.messages(other)) == 1
    assert len(mail.forget("111111111111")) == 2
    assert mail.messages() == []


async def test_messages_are_found_by_who_what_and_when(mail, clock):
    await mail.send(SCOPE, letter(subject="Order 1"))
    clock.advance(10)
    await mail.send(SCOPE, letter(to=("bob@example.com",), subject="Order 2"))
    assert [m.subject for m in mail.messages(SCOPE, to="BOB@")] == ["Order 2"]
    assert [m.subject for m in mail.messages(SCOPE, subject="order 1")] == ["Order 1"]
    assert [m.subject for m in mail.messages(SCOPE, since_ms=clock.now_ms())] == ["Order 2"]
    await mail.delete_all(SCOPE.account)
    assert mail.messages(SCOPE) == []


async def test_statistics_count_recipients(mail, clock):
    await mail.send(SCOPE, letter(cc=("c@example.com",)))
    assert mail.sent_last_day(SCOPE) == 2
    clock.advance(86_401)
    assert mail.sent_last_day(SCOPE) == 0
    assert list(mail.statistics(SCOPE).values()) == [2]
