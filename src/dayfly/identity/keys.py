"""Access keys: the operator's, kept in a file, and temporary ones that need no keeping.

The file is in the form of the AWS CLI's credentials
(https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html); every section is a key that is known, and
`dayfly_account` in it names its account. A temporary key's secret and session token are derived from the operator's
secret, so that they hold over a restart and nothing is stored.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import hmac
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Error
from dayfly.ids import Ids

_MARK = "ASIADF"
"""How temporary keys of dayfly's begin; eight base-32 digits of the account follow, then what makes them unique."""


_REMEMBERED = 10_000
"""Of how many temporary keys the principal is kept in memory; the token of a verified request brings it back."""


class CredentialsUnreadable(Error):
    """The credentials file cannot be read."""


class SecretKey(NamedTuple):
    """What a signature is checked with."""

    secret: str
    session_token: str = ""
    expires_ms: int | None = None


class Temporary(msgspec.Struct, frozen=True, kw_only=True):
    """A temporary key as it is handed out."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_ms: int


class _Token(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    access_key_id: str
    expires_ms: int
    arn: str


def account_in(access_key_id: str) -> str | None:
    """The account that an access key id names where any key works: twelve digits, or a temporary key of ours."""
    if len(access_key_id) == 12 and access_key_id.isdecimal() and access_key_id.isascii():
        return access_key_id
    if access_key_id.startswith(_MARK) and len(access_key_id) == 20:
        try:
            return f"{int.from_bytes(base64.b32decode(access_key_id[6:14]), 'big'):012d}"
        except ValueError:
            return None
    return None


class Issuer:
    """Makes temporary keys, and knows its own again."""

    def __init__(self, *, master: str, clock: Clock, ids: Ids) -> None:
        self._master = master.encode()
        self._clock = clock
        self._ids = ids
        self._principals: dict[str, str] = {}

    def temporary(self, account: str, arn: str, duration_s: int) -> Temporary:
        """A key of an account, usable for so many seconds as the principal that the ARN names."""
        digits = base64.b32encode(int(account).to_bytes(5, "big")).decode()
        key_id = _MARK + digits + self._ids.token(6).upper()
        expires_ms = self._clock.now_ms() + duration_s * 1000
        token = self._token(key_id, arn, expires_ms)
        self._remember(key_id, arn)
        return Temporary(
            access_key_id=key_id, secret_access_key=self._secret(token), session_token=token, expires_ms=expires_ms
        )

    def token_for(self, access_key_id: str, arn: str, duration_s: int) -> str:
        """A session token that says who uses a key which several share."""
        return self._token(access_key_id, arn, self._clock.now_ms() + duration_s * 1000)

    def _token(self, access_key_id: str, arn: str, expires_ms: int) -> str:
        body = msgspec.msgpack.encode(_Token(access_key_id=access_key_id, expires_ms=expires_ms, arn=arn))
        return base64.urlsafe_b64encode(self._seal(b"token", body) + body).decode()

    def named_in(self, access_key_id: str, token: str) -> str | None:
        """The ARN of whom a session token of ours for this key was made for; None for any other token."""
        content = self._content(access_key_id, token)
        return None if content is None else content.arn

    def _content(self, access_key_id: str, token: str) -> _Token | None:
        try:
            raw = base64.urlsafe_b64decode(token)
            content = msgspec.msgpack.decode(raw[32:], type=_Token)
        except (ValueError, msgspec.DecodeError):
            return None
        if not hmac.compare_digest(raw[:32], self._seal(b"token", raw[32:])) or content.access_key_id != access_key_id:
            return None
        return content

    def secret_of(self, access_key_id: str, token: str) -> SecretKey | None:
        """The secret behind a session token of ours for this key; None for any other."""
        content = self._content(access_key_id, token)
        if content is None:
            return None
        self._remember(access_key_id, content.arn)
        return SecretKey(self._secret(token), token, content.expires_ms)

    def principal_of(self, access_key_id: str) -> str | None:
        """The ARN of whom a temporary key was made for: one that was made, or whose token was seen, lately."""
        return self._principals.get(access_key_id)

    def _remember(self, access_key_id: str, arn: str) -> None:
        if access_key_id not in self._principals and len(self._principals) >= _REMEMBERED:
            del self._principals[next(iter(self._principals))]
        self._principals[access_key_id] = arn

    def seal(self, text: str) -> str:
        """A hash of a text that nobody else can make, the same after a restart where the operator's key is."""
        return self._seal(b"text", text.encode()).hex()

    def _secret(self, token: str) -> str:
        return base64.b64encode(self._seal(b"secret", token.encode())).decode()[:40]

    def _seal(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.digest(self._master, purpose + b"\0" + content, "sha256")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A kept key."""

    access_key_id: str
    secret_access_key: str
    account: str


class Keys:
    """The keys that `dayfly up` knows. The first start on a state directory makes the operator's."""

    def __init__(
        self,
        *,
        directory: Path,
        account: str,
        clock: Clock,
        ids: Ids,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
    ) -> None:
        """`access_key_id` and `secret_access_key` count at the first start alone; later the file does."""
        self.file = directory / "credentials"
        self._account = account
        self._ids = ids
        self._given = (access_key_id, secret_access_key)
        self._keys: dict[str, Key] = {}
        self.load()
        self.issuer = Issuer(master=self.operator.secret_access_key, clock=clock, ids=ids)

    def load(self) -> None:
        """Read the file, made first where there is none. Raises CredentialsUnreadable."""
        if not self.file.exists():
            self._write(self._new_operator())
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(self.file.read_text())
            found = [
                Key(
                    access_key_id=section["aws_access_key_id"],
                    secret_access_key=section["aws_secret_access_key"],
                    account=section.get("dayfly_account", self._account),
                )
                for name, section in parser.items()
                if name != parser.default_section
            ]
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
            raise CredentialsUnreadable(f"{self.file} cannot be read as a credentials file: {error}") from error
        if not found:
            raise CredentialsUnreadable(f"{self.file} holds no key")
        self.operator = found[0]
        self._keys = {key.access_key_id: key for key in found}

    def find(self, access_key_id: str, token: str) -> SecretKey | None:
        """For the signature's check: the secret of a key that is known, or that was made here and is temporary."""
        key = self._keys.get(access_key_id)
        if key is not None:
            return SecretKey(key.secret_access_key)
        return self.issuer.secret_of(access_key_id, token) if token else None

    def account_of(self, access_key_id: str) -> str:
        """The account of a key that was verified."""
        key = self._keys.get(access_key_id)
        return key.account if key is not None else account_in(access_key_id) or self._account

    def is_operator(self, access_key_id: str) -> bool:
        """Whether this is a key of the file, which may make the control calls; temporary keys may not."""
        return access_key_id in self._keys

    def _new_operator(self) -> Key:
        key_id, secret = self._given
        if not key_id or not secret:
            random = "".join(self._ids.uuid() for _ in range(3))
            key_id = "AKIA" + self._ids.token(16).upper()
            secret = base64.b64encode(hashlib.sha256(random.encode()).digest()).decode()[:40]
        return Key(access_key_id=key_id, secret_access_key=secret, account=self._account)

    def _write(self, key: Key) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_name("credentials.new")
        # Nobody else may read it, from its first byte on; and a crash must not leave half a file in its place.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(
                f"[default]\naws_access_key_id = {key.access_key_id}\n"
                f"aws_secret_access_key = {key.secret_access_key}\ndayfly_account = {key.account}\n"
            )
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.file)
