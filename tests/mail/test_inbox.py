"""The inbox shows what it can of any mail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dayfly.mail.inbox import open_mail


def test_attachments_and_inline_parts_are_told_from_text():
    raw = (
        b"From: a@b.co\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n"
        b"--X\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=FC=DF\r\n"
        b'--X\r\nContent-Type: text/plain; name="=?utf-8?q?n=C3=B6te.txt?="\r\n'
        b"Content-Disposition: attachment\r\n\r\nfile\r\n"
        b"--X\r\nContent-Type: image/png\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-ID: <logo>\r\n\r\niVBORw0K\r\n--X--\r\n"
    )
    opened = open_mail(raw)
    assert opened.text == "grüß"
    assert [(one.name, one.type, one.content_id) for one in opened.attachments] == [
        ("nöte.txt", "text/plain", ""),
        ("part-2", "image/png", "logo"),
    ]
    assert opened.attachments[1].content == b"\x89PNG\r\n"


def test_an_unknown_charset_is_shown_all_the_same():
    opened = open_mail(b"Content-Type: text/plain; charset=klingon\n\ncaf\xc3\xa9")
    assert opened.text == "café"


def test_repeated_headers_are_all_shown():
    assert open_mail(b"Received: a\nReceived: b\n\n").headers == {"Received": "a\nb"}


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(raw):
    open_mail(raw)
    open_mail(b"Content-Type: multipart/mixed; boundary=X\n\n--X\n" + raw)
