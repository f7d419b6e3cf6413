"""The inbox as programs and people read it."""

from __future__ import annotations

import asyncio
import json

import pytest

from dayfly.clock import ManualClock
from dayfly.console.mail_pages import MailPages
from dayfly.console.pages import StaticFiles
from dayfly.front.messages import Request
from dayfly.identity import Scope
from dayfly.ids import SeededIds
from dayfly.mail import Letter, Mail
from dayfly.mail.compose import Attached
from dayfly.store.memory import MemoryJournal

SCOPE = Scope("000000000000", "us-east-1")
BROWSER = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]


@pytest.fixture
def mail():
    return Mail(journal=MemoryJournal(), clock=ManualClock(), ids=SeededIds())


@pytest.fixture
def pages(mail):
    return MailPages(mail)


def get(target, headers=()):
    return Request("GET", target, list(headers))


async def send(mail, **changes):
    given = {"sender": "shop@example.com", "to": ("ada@example.com",), "subject": "Hi <b>", "text": "hello"}
    return await mail.send(SCOPE, Letter(**{**given, **changes}))


async def test_programs_get_the_fields_of_the_contract_newest_last(mail, pages):
    await send(mail, subject="one")
    await send(mail, subject="two", attachments=(Attached(name="a.txt", content=b"abc", type="text/plain"),))
    answer = await pages.answer(get("/_dayfly/mail"))
    one, two = json.loads(answer.body)["messages"]
    assert (one["subject"], two["subject"]) == ("one", "two")
    names = {"id", "from", "to", "cc", "bcc", "subject", "text", "html", "headers", "attachments", "at", "state"}
    assert names <= set(two)
    assert two["attachments"] == [{"name": "a.txt", "type": "text/plain", "size": 3}]
    found = await pages.answer(get("/_dayfly/mail?subject=TWO&to=ada&from=shop&since=2000-01-01T00:00:00Z"))
    assert [message["subject"] for message in json.loads(found.body)["messages"]] == ["two"]
    assert (await pages.answer(get("/_dayfly/mail?since=soon"))).status == 400


async def test_people_get_pages_in_which_nothing_of_a_mail_is_markup(mail, pages):
    message_id = await send(mail, html='<img src="cid:x"><script>alert(1)</script>')
    inbox = await pages.answer(get("/_dayfly/mail", BROWSER))
    assert b"Hi &lt;b&gt;" in inbox.body
    one = await pages.answer(get(f"/_dayfly/mail/{message_id}", BROWSER))
    assert b"<script>alert" not in one.body
    framed = await pages.answer(get(f"/_dayfly/mail/{message_id}/html", BROWSER))
    policy = dict(framed.headers)["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy  # default-src 'none' rules
    assert "allow-scripts" not in policy


async def test_raw_attachments_and_absence(mail, pages):
    image = Attached(name="ü.png", content=b"\x89PNG", type="image/png", inline=True, content_id="logo")
    message_id = await send(mail, html='<img src="cid:logo">', attachments=(image,))
    assert (await pages.answer(get(f"/_dayfly/mail/{message_id}/raw"))).body == mail.raw(message_id)
    attached = await pages.answer(get(f"/_dayfly/mail/{message_id}/attachments/1"))
    assert attached.body == b"\x89PNG"
    assert "attachment; filename*=UTF-8''%C3%BC.png" in dict(attached.headers)["Content-Disposition"]
    assert b"data:image/png;base64," in (await pages.answer(get(f"/_dayfly/mail/{message_id}/html"))).body
    for target in (f"/{message_id}/attachments/2", f"/{message_id}/else", "/none", "/none/raw"):
        assert (await pages.answer(get("/_dayfly/mail" + target))).status == 404
    assert await pages.answer(get("/_dayfly/mailing")) is None
    assert (await pages.answer(Request("DELETE", "/_dayfly/mail", []))).status == 204
    assert mail.messages() == []


async def test_new_mail_is_told_as_it_comes(mail, pages):
    stream = (await pages.answer(get("/_dayfly/mail/events"))).body
    assert await anext(stream) == b"retry: 1000\n\n"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await send(mail, subject="now")
    assert b'"subject":"now"' in await waiting
    await stream.aclose()
    assert mail._watchers == []


async def test_static_files_are_those_and_no_others():
    files = StaticFiles()
    assert (await files.answer(get("/_dayfly/static/console.css"))).status == 200
    assert (await files.answer(get("/_dayfly/static/../pages.py"))).status == 404
    assert await files.answer(get("/else")) is None


async def test_an_account_sees_its_own_mail(mail, pages):
    message_id = await send(mail)
    other = Scope("111111111111", "us-east-1")
    assert json.loads((await pages.answer(get("/_dayfly/mail"), other)).body) == {"messages": []}
    assert (await pages.answer(get(f"/_dayfly/mail/{message_id}/raw"), other)).status == 404
    await pages.answer(Request("DELETE", "/_dayfly/mail", []), other)
    elsewhere = Scope(SCOPE.account, "eu-west-1")
    assert len(json.loads((await pages.answer(get("/_dayfly/mail"), elsewhere)).body)["messages"]) == 1
