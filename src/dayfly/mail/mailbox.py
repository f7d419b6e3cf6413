"""The mailbox: sends, keeps, lists; identities, templates and configuration sets.

`await`ing methods commit before they return: what they answered survives a crash. The plain methods beside them
only read memory.

Limits: https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dayfly.clock import Clock
from dayfly.identity import Scope
from dayfly.ids import Ids
from dayfly.mail import addresses, compose, envelope, errors, render
from dayfly.mail.compose import Letter
from dayfly.mail.records import ConfigurationSet, Identity, Message, Template
from dayfly.mail.scoped import PREFIX, Scoped
from dayfly.store import Changes, Journal

MAX_RECIPIENTS = 50
MAX_BYTES = 40 * 1024 * 1024
MAX_BYTES_V1 = 10 * 1024 * 1024
DAY_MS = 86_400_000
QUARTER_MS = 900_000
MAX_24_HOUR_SEND = 50_000.0
MAX_SEND_RATE = 14.0


class Mail:
    """Every account's mail. `strict` refuses senders whose identity is not verified, as SES does."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids, strict: bool = False) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._strict = strict
        self._scopes: dict[Scope, Scoped] = {}
        self._watchers: list[Callable[[Message], None]] = []

    def load(self) -> None:
        """Build memory from the journal."""
        self._scopes = {}
        for key, value in self._journal.load(PREFIX):
            _, account, region, kind, name = key.split("/", 4)
            self._of(Scope(account, region)).restore(kind, name, value)

    def _of(self, scope: Scope) -> Scoped:
        found = self._scopes.get(scope)
        if found is None:
            found = self._scopes[scope] = Scoped(scope)
        return found

    async def settled(self) -> None:
        """Wait until everything that memory shows is durable."""
        await self._journal.commit(())

    # Sending

    async def send(
        self,
        scope: Scope,
        letter: Letter,
        *,
        configuration_set: str = "",
        tags: Mapping[str, str] | None = None,
        limit: int = MAX_BYTES,
    ) -> str:
        """Compose and keep a mail; its message id. Raises InvalidAddress, InvalidMail, Rejected,
        NoSuchConfigurationSet.
        """
        message_id, now = self._new_id(), self._clock.now_ms()
        recipients = tuple(addresses.check(address) for address in letter.recipients)
        body = compose.compose(letter, message_id, now)
        message = self._message(scope, message_id, letter, recipients, len(body), configuration_set, tags)
        self._check(scope, letter.sender, message, limit)
        await self._keep(message, body)
        return message_id

    async def send_raw(
        self,
        scope: Scope,
        raw: bytes,
        *,
        source: str = "",
        destinations: tuple[str, ...] = (),
        configuration_set: str = "",
        tags: Mapping[str, str] | None = None,
        limit: int = MAX_BYTES,
    ) -> str:
        """Keep a mail as it is, Bcc taken out; its message id. `source` and `destinations` rule over the headers."""
        read = envelope.read(raw, source, destinations)
        body = envelope.without_blind(raw)
        message = Message(
            id=self._new_id(),
            account=scope.account,
            region=scope.region,
            sender=read.sender,
            to=read.to,
            cc=read.cc,
            bcc=read.bcc,
            recipients=read.recipients,
            subject=read.subject,
            at_ms=self._clock.now_ms(),
            size=len(body),
            configuration_set=configuration_set or read.configuration_set,
            tags={**read.tags, **(tags or {})},
        )
        self._check(scope, source or read.sender, message, limit)
        await self._keep(message, body)
        return message.id

    async def send_template(
        self,
        scope: Scope,
        letter: Letter,
        template: str | Template,
        values: Mapping[str, Any],
        *,
        configuration_set: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Render and send. A template that cannot be rendered is no error of the call, as on SES: the mail is kept as
        `failed` with the reason. Raises NoSuchTemplate and what `send` raises."""
        used = self.template(scope, template) if isinstance(template, str) else template
        try:
            rendered = rendered_parts(used, values)
        except (errors.MissingAttribute, errors.InvalidTemplate) as error:
            return await self._fail(scope, letter, used, f"Rendering failure: {error.message}", configuration_set, tags)
        filled = msgspec.structs.replace(letter, subject=rendered[0], text=rendered[1], html=rendered[2])
        return await self.send(scope, filled, configuration_set=configuration_set, tags=tags)

    async def _fail(
        self,
        scope: Scope,
        letter: Letter,
        used: Template,
        reason: str,
        configuration_set: str,
        tags: Mapping[str, str] | None,
    ) -> str:
        message_id, now = self._new_id(), self._clock.now_ms()
        recipients = tuple(addresses.check(address) for address in letter.recipients)
        unfilled = msgspec.structs.replace(letter, subject=used.subject, text=used.text or None, html=used.html or None)
        body = compose.compose(unfilled, message_id, now)
        message = self._message(scope, message_id, unfilled, recipients, len(body), configuration_set, tags)
        self._check(scope, letter.sender, message, MAX_BYTES)
        await self._keep(msgspec.structs.replace(message, state="failed", reason=reason), body)
        return message_id

    def _message(
        self,
        scope: Scope,
        message_id: str,
        letter: Letter,
        recipients: tuple[str, ...],
        size: int,
        configuration_set: str,
        tags: Mapping[str, str] | None,
    ) -> Message:
        return Message(
            id=message_id,
            account=scope.account,
            region=scope.region,
            sender=addresses.decoded(letter.sender),
            to=tuple(map(addresses.decoded, letter.to)),
            cc=tuple(map(addresses.decoded, letter.cc)),
            bcc=tuple(map(addresses.decoded, letter.bcc)),
            recipients=recipients,
            subject=addresses.decoded(letter.subject),
            at_ms=self._clock.now_ms(),
            size=size,
            configuration_set=configuration_set,
            tags=dict(tags or {}),
        )

    def _check(self, scope: Scope, source: str, message: Message, limit: int) -> None:
        if not message.recipients:
            raise errors.InvalidMail("Destination is required: name at least one To, Cc or Bcc address.")
        if len(message.recipients) > MAX_RECIPIENTS:
            raise errors.Rejected(f"Recipient count exceeds {MAX_RECIPIENTS}.")
        if message.size > limit:
            raise errors.Rejected(f"Message length is more than {limit} bytes long: '{message.size}'.")
        if message.configuration_set:
            self.configuration_set(scope, message.configuration_set)
        if self._strict and not self.is_verified(scope, source):
            raise errors.Rejected(
                "Email address is not verified. The following identities failed the check in region "
                f"{scope.region.upper()}: {source}"
            )

    async def _keep(self, message: Message, body: bytes) -> None:
        changes = self._of(Scope(message.account, message.region)).keep(message, body)
        await self._journal.commit(changes)
        for watcher in list(self._watchers):
            watcher(message)

    def _new_id(self) -> str:
        return f"0100{self._clock.now_ms():012x}-{self._ids.uuid()}-000000"

    # Reading

    def subscribe(self, callback: Callable[[Message], None]) -> Callable[[], None]:
        """Call back for every mail once it is durable; the answer ends that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def messages(
        self,
        scope: Scope | None = None,
        *,
        to: str = "",
        sender: str = "",
        subject: str = "",
        since_ms: int | None = None,
        failed: bool = False,
    ) -> list[Message]:
        """Mails, oldest first. `to` and `sender` are an address or a part of one, `subject` a part of it, any case.

        Mails that SES would never have delivered are left out unless `failed`.
        """
        held = [self._of(scope)] if scope is not None else list(self._scopes.values())
        wanted = (to.lower(), sender.lower(), subject.lower())
        found = [
            message
            for one in held
            for message in one.messages.values()
            if _fits(message, *wanted) and message.at_ms >= (since_ms or 0) and (failed or message.state != "failed")
        ]
        return sorted(found, key=lambda message: message.at_ms)

    def get(self, message_id: str) -> Message:
        """Raises NoSuchMessage."""
        for one in self._scopes.values():
            if message_id in one.messages:
                return one.messages[message_id]
        raise errors.NoSuchMessage(f"There is no mail {message_id}")

    def raw(self, message_id: str) -> bytes:
        """The body as sent. Raises NoSuchMessage."""
        message = self.get(message_id)
        body = self._journal.get(self._of(Scope(message.account, message.region)).body_key(message_id))
        if body is None:
            raise errors.NoSuchMessage(f"There is no mail {message_id}")
        return body

    async def delete_all(self, account: str | None = None) -> None:
        """Throw away the mails of an account, or all; identities and templates stay."""
        held = [one for scope, one in self._scopes.items() if account in (None, scope.account)]
        await self._journal.commit([change for one in held for change in one.clear_messages()])

    def forget(self, account: str | None = None) -> Changes:
        """A transition: drop all that an account (or every account) has."""
        held = [one for scope, one in self._scopes.items() if account in (None, scope.account)]
        return [change for one in held for change in one.clear()]

    # Identities

    async def verify(
        self, scope: Scope, name: str, *, configuration_set: str = "", tags: Mapping[str, str] | None = None
    ) -> Identity:
        """Make an address or a domain an identity; it counts as verified at once."""
        held = self._of(scope)
        identity = held.identities.get(name)
        changes: Changes = ()
        if identity is None:
            identity = Identity(
                name=name,
                created_ms=self._clock.now_ms(),
                token=self._ids.token(32),
                configuration_set=configuration_set,
                tags=dict(tags or {}),
            )
            changes = held.put_identity(identity)
        await self._journal.commit(changes)
        return identity

    def identities(self, scope: Scope) -> list[Identity]:
        return sorted(self._of(scope).identities.values(), key=lambda identity: identity.created_ms)

    def identity(self, scope: Scope, name: str) -> Identity | None:
        return self._of(scope).identities.get(name)

    def is_verified(self, scope: Scope, address: str) -> bool:
        """Whether mail may be sent from here: its address or its domain is an identity."""
        known = self._of(scope).identities
        plain = addresses.bare(address)
        return plain in known or addresses.domain_of(plain) in {name.lower() for name in known}

    @property
    def strict(self) -> bool:
        return self._strict

    async def drop_identity(self, scope: Scope, name: str) -> bool:
        changes = self._of(scope).drop("identity", name)
        await self._journal.commit(changes)
        return bool(changes)

    # Templates

    async def put_template(self, scope: Scope, template: Template, *, new: bool) -> None:
        """Create (`new`) or change a template. Raises TemplateExists, NoSuchTemplate, InvalidTemplate."""
        held = self._of(scope)
        before = held.templates.get(template.name)
        if new and before is not None:
            raise errors.TemplateExists(f"Template {template.name} already exists.")
        if not new and before is None:
            raise errors.NoSuchTemplate(f"Template {template.name} does not exist.")
        for part in (template.subject, template.text, template.html):
            render.check(part)
        created_ms = before.created_ms if before is not None else self._clock.now_ms()
        await self._journal.commit(held.put_template(msgspec.structs.replace(template, created_ms=created_ms)))

    def template(self, scope: Scope, name: str) -> Template:
        """Raises NoSuchTemplate."""
        found = self._of(scope).templates.get(name)
        if found is None:
            raise errors.NoSuchTemplate(f"Template {name} does not exist.")
        return found

    def templates(self, scope: Scope) -> list[Template]:
        return sorted(self._of(scope).templates.values(), key=lambda template: (template.created_ms, template.name))

    async def drop_template(self, scope: Scope, name: str) -> bool:
        changes = self._of(scope).drop("template", name)
        await self._journal.commit(changes)
        return bool(changes)

    # Configuration sets

    async def put_set(self, scope: Scope, configuration: ConfigurationSet, *, new: bool = False) -> None:
        """Raises ConfigurationSetExists for a new one whose name is taken."""
        held = self._of(scope)
        if new and configuration.name in held.sets:
            raise errors.ConfigurationSetExists(f"Configuration set <{configuration.name}> already exists.")
        await self._journal.commit(held.put_set(configuration))

    def configuration_set(self, scope: Scope, name: str) -> ConfigurationSet:
        """Raises NoSuchConfigurationSet."""
        found = self._of(scope).sets.get(name)
        if found is None:
            raise errors.NoSuchConfigurationSet(f"Configuration set <{name}> does not exist.")
        return found

    def configuration_sets(self, scope: Scope) -> list[ConfigurationSet]:
        return [held for _, held in sorted(self._of(scope).sets.items())]

    async def drop_set(self, scope: Scope, name: str) -> None:
        self.configuration_set(scope, name)
        await self._journal.commit(self._of(scope).drop("set", name))

    # Statistics

    def sent_last_day(self, scope: Scope) -> int:
        """Recipients of the last 24 hours, which is what SES counts."""
        since_ms = self._clock.now_ms() - DAY_MS
        return sum(len(message.recipients) for message in self.messages(scope, since_ms=since_ms, failed=True))

    def statistics(self, scope: Scope) -> dict[int, int]:
        """Recipients by quarter hour (its start, ms), of the last fourteen days."""
        since_ms = self._clock.now_ms() - 14 * DAY_MS
        points: dict[int, int] = {}
        for message in self.messages(scope, since_ms=since_ms, failed=True):
            start_ms = message.at_ms // QUARTER_MS * QUARTER_MS
            points[start_ms] = points.get(start_ms, 0) + len(message.recipients)
        return points


def rendered_parts(template: Template, values: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Subject, text and HTML filled in. Raises MissingAttribute, InvalidTemplate."""
    return (
        render.render(template.subject, values),
        render.render(template.text, values) if template.text else None,
        render.render(template.html, values) if template.html else None,
    )


def template_data(text: str) -> dict[str, Any]:
    """The JSON object that fills a template. Raises InvalidTemplateData."""
    try:
        found = msgspec.json.decode(text.encode() or b"{}")
    except msgspec.DecodeError as error:
        raise errors.InvalidTemplateData("Template rendering data is invalid") from error
    if not isinstance(found, dict):
        raise errors.InvalidTemplateData("Template rendering data is invalid")
    return found


def _fits(message: Message, to: str, sender: str, subject: str) -> bool:
    def within(wanted: str, texts: Iterable[str]) -> bool:
        return not wanted or any(wanted in text.lower() for text in texts)

    return (
        within(to, (*message.to, *message.cc, *message.bcc, *message.recipients))
        and within(sender, (message.sender,))
        and within(subject, (message.subject,))
    )
