"""What one account has in one region: its mails, identities, templates and configuration sets, in memory."""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.identity import Scope
from dayfly.mail.records import ConfigurationSet, Identity, Message, Template
from dayfly.store import Changes

PREFIX = "ses/"
BODIES = "ses.body/"
_encode = msgspec.msgpack.encode

Record = Message | Identity | Template | ConfigurationSet
_KINDS: dict[str, type[Record]] = {
    "message": Message,
    "identity": Identity,
    "template": Template,
    "set": ConfigurationSet,
}


class Scoped:
    """The index of one scope. Messages are in the order they were sent."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.messages: dict[str, Message] = {}
        self.identities: dict[str, Identity] = {}
        self.templates: dict[str, Template] = {}
        self.sets: dict[str, ConfigurationSet] = {}

    def _key(self, kind: str, name: str) -> str:
        return f"{PREFIX}{self.scope.account}/{self.scope.region}/{kind}/{name}"

    def body_key(self, message_id: str) -> str:
        return f"{BODIES}{self.scope.account}/{self.scope.region}/{message_id}"

    def restore(self, kind: str, name: str, value: bytes) -> None:
        """Take in a record as the journal has it."""
        record = msgspec.msgpack.decode(value, type=_KINDS[kind])
        if isinstance(record, Message):
            self.messages[record.id] = record
        elif isinstance(record, Identity):
            self.identities[name] = record
        elif isinstance(record, Template):
            self.templates[name] = record
        else:
            self.sets[name] = record

    def keep(self, message: Message, body: bytes) -> Changes:
        self.messages[message.id] = message
        # The time leads the key, so that loading in the order of keys is loading in the order of sending.
        name = f"{message.at_ms:014d}-{message.id}"
        return [(self._key("message", name), _encode(message)), (self.body_key(message.id), body)]

    def put_identity(self, identity: Identity) -> Changes:
        self.identities[identity.name] = identity
        return [(self._key("identity", identity.name), _encode(identity))]

    def put_template(self, template: Template) -> Changes:
        self.templates[template.name] = template
        return [(self._key("template", template.name), _encode(template))]

    def put_set(self, configuration: ConfigurationSet) -> Changes:
        self.sets[configuration.name] = configuration
        return [(self._key("set", configuration.name), _encode(configuration))]

    def drop(self, kind: str, name: str) -> Changes:
        """Delete an identity, template or configuration set; nothing happens where there is none."""
        held: dict[str, dict[str, Any]] = {
            "identity": self.identities,
            "template": self.templates,
            "set": self.sets,
        }
        if held[kind].pop(name, None) is None:
            return []
        return [(self._key(kind, name), None)]

    def clear_messages(self) -> Changes:
        changes: list[tuple[str, bytes | None]] = []
        for message in self.messages.values():
            changes.append((self._key("message", f"{message.at_ms:014d}-{message.id}"), None))
            changes.append((self.body_key(message.id), None))
        self.messages.clear()
        return changes

    def clear(self) -> Changes:
        changes = list(self.clear_messages())
        for kind, names in (("identity", self.identities), ("template", self.templates), ("set", self.sets)):
            for name in list(names):
                changes += self.drop(kind, name)
        return changes
