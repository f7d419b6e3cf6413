"""The inbox: `GET /_dayfly/mail` for programs (JSON) and for people (pages).

| call | answer |
| --- | --- |
| `GET /_dayfly/mail?to=&from=&subject=&since=&failed=1` | the list, newest last in JSON, newest first on
the page | | `GET /_dayfly/mail/<id>` | one mail |
| `GET /_dayfly/mail/<id>/raw` | the MIME as sent |
| `GET /_dayfly/mail/<id>/html` | its HTML, without scripts and without anything from elsewhere |
| `GET /_dayfly/mail/<id>/attachments/<n>` | an attachment, counted from 1 |
| `GET /_dayfly/mail/events` | server-sent events, one for each new mail |
| `DELETE /_dayfly/mail` | throws all away |

`since` is milliseconds since the epoch or an ISO 8601 time.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from dayfly.console.pages import StaticFiles, json_answer, page, wants_page
from dayfly.front.messages import Request, Response
from dayfly.identity import Scope
from dayfly.mail import Mail, Message
from dayfly.mail.errors import NoSuchMessage

PATH = "/_dayfly/mail"
_HEARTBEAT_S = 15.0
_SHOWN = 200
_SANDBOX = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_CID = re.compile(r"(?P<before>[\"'(=]\s*)cid:(?P<id>[^\"')\s>]+)", re.IGNORECASE)


class MailPages:
    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._static = StaticFiles()
        self._open: set[asyncio.Queue[Message | None]] = set()

    def close(self) -> None:
        """The platform stops: whoever follows the inbox is let go, for a stream without end would hold it up."""
        for queue in self._open:
            queue.put_nowait(None)

    async def answer(self, request: Request, scope: Scope | None = None) -> Response | None:
        """Answer a request under `/_dayfly/mail` or for a file its pages need; None for any other.

        Mails are those of the scope's account, whatever their region; of every account where there is none.
        """
        static = await self._static.answer(request)
        if static is not None:
            return static
        path = request.path.rstrip("/")
        if path != PATH and not path.startswith(PATH + "/"):
            return None
        await self._mail.settled()
        rest = path.removeprefix(PATH).strip("/")
        try:
            account = scope.account if scope is not None else None
            if request.method == "DELETE" and not rest:
                await self._mail.delete_all(account)
                return Response(204)
            if request.method not in ("GET", "HEAD"):
                return json_answer({"message": f"{request.method} is not allowed here"}, 405)
            return self._get(request, rest, account)
        except NoSuchMessage as error:
            return json_answer({"message": error.message}, 404)
        except BadSince as error:
            return json_answer({"message": str(error)}, 400)

    def _get(self, request: Request, rest: str, account: str | None) -> Response:
        from dayfly.mail import inbox

        if not rest:
            return self._list(request, account)
        if rest == "events":
            headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
            return Response(200, headers, self._events(account))
        message_id, _, part = rest.partition("/")
        message, raw = self._mail.get(message_id), self._mail.raw(message_id)
        if account not in (None, message.account):
            raise NoSuchMessage(f"There is no mail {message_id}")
        if not part:
            entry = inbox.entry(message, raw)
            return page("mail.html", mail=entry, message=message) if wants_page(request) else json_answer(entry)
        if part == "raw":
            headers = [("Content-Type", "message/rfc822"), ("X-Content-Type-Options", "nosniff")]
            return Response(200, headers, raw)
        if part == "html":
            return _html(raw)
        return _attachment(raw, part)

    def _list(self, request: Request, account: str | None) -> Response:
        from dayfly.mail import inbox

        query = dict(request.query)
        failed = query.get("failed") in ("1", "true")
        as_page = wants_page(request)
        messages = [
            message
            for message in self._mail.messages(
                to=query.get("to", ""),
                sender=query.get("from", ""),
                subject=query.get("subject", ""),
                since_ms=since_ms(query.get("since", "")),
                failed=failed or as_page,
            )
            if account in (None, message.account)
        ]
        if as_page:
            shown = messages[: -_SHOWN - 1 : -1]
            return page("inbox.html", messages=shown, count=len(messages), query=query)
        return json_answer({"messages": [inbox.entry(message, self._mail.raw(message.id)) for message in messages]})

    async def _events(self, account: str | None) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._open.add(queue)
        stop: Callable[[], None] = self._mail.subscribe(queue.put_nowait)
        try:
            yield b"retry: 1000\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), _HEARTBEAT_S)
                except TimeoutError:
                    # Without a word now and then nobody notices that the other side is gone.
                    yield b": still here\n\n"
                    continue
                if message is None:
                    return
                if account not in (None, message.account):
                    continue
                data = msgspec.json.encode({"id": message.id, "subject": message.subject, "to": message.to})
                yield b"event: mail\ndata: " + data + b"\n\n"
        finally:
            stop()
            self._open.discard(queue)


class BadSince(ValueError):
    """`since` is not a time."""


def since_ms(text: str) -> int | None:
    """Milliseconds from what a client wrote; None for nothing. Raises BadSince."""
    if not text:
        return None
    try:
        return int(float(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise BadSince(f"since={text} is neither milliseconds since the epoch nor an ISO 8601 time") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _html(raw: bytes) -> Response:
    """The mail's HTML for a frame: images that came with it are put into it, all else from elsewhere stays out."""
    from dayfly.mail import inbox

    opened = inbox.open_mail(raw)
    images = {one.content_id: one for one in opened.attachments if one.content_id and one.type.startswith("image/")}

    def embedded(found: re.Match[str]) -> str:
        image = images.get(found["id"])
        if image is None:
            return found[0]
        return f"{found['before']}data:{image.type};base64,{base64.b64encode(image.content).decode()}"

    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _SANDBOX),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    text = '<!doctype html><meta charset="utf-8"><base target="_blank">' + _CID.sub(embedded, opened.html)
    return Response(200, headers, text.encode("utf-8", "replace"))


def _attachment(raw: bytes, part: str) -> Response:
    from dayfly.mail import inbox

    kind, _, number = part.partition("/")
    attachments = inbox.open_mail(raw).attachments
    if kind != "attachments" or not number.isdecimal() or not 1 <= int(number) <= len(attachments):
        return json_answer({"message": "There is no such part of this mail"}, 404)
    found = attachments[int(number) - 1]
    headers = [
        ("Content-Type", found.type),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(found.name)}"),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(200, headers, found.content)
