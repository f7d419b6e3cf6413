"""Roles and policies as a durable store. Policies are kept and shown; enforcing them comes later.

IAM is global: everything belongs to an account, in no region. Records lie under `iam/<account>/role/<name>` and
`iam/<account>/policy/<path and name>`. Limits and words:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

from dayfly.clock import Clock
from dayfly.errors import NOT_JSON, Error
from dayfly.ids import Ids
from dayfly.store import Change, Changes, Journal

MANAGED = "arn:aws:iam::aws:policy/"
"""How AWS's own policies begin; they may be attached without being stored."""


class NoSuchEntity(Error):
    """The entity does not exist."""


class EntityAlreadyExists(Error):
    """An entity of this name exists."""


class DeleteConflict(Error):
    """The entity still has something attached."""


class MalformedPolicyDocument(Error):
    """The policy document is not a JSON object."""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role; `policies` are its inline policies by name, `attached` the ARNs of managed ones, in order."""

    name: str
    role_id: str
    arn: str
    path: str
    created_ms: int
    trust: str
    description: str | None = None
    max_session_s: int = 3600
    boundary: str | None = None
    tags: dict[str, str] = {}
    policies: dict[str, str] = {}
    attached: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy of this account, with one version."""

    name: str
    policy_id: str
    arn: str
    path: str
    created_ms: int
    document: str
    description: str | None = None
    tags: dict[str, str] = {}


class Roles:
    """All roles and policies. Every change returns what to commit."""

    def __init__(self, *, journal: Journal, clock: Clock, ids: Ids) -> None:
        self._journal = journal
        self._clock = clock
        self._ids = ids
        # By account, then by name in lower case (roles) or ARN (policies).
        self._roles: dict[str, dict[str, Role]] = {}
        self._policies: dict[str, dict[str, Policy]] = {}

    def load(self) -> None:
        """Read everything from the journal; what was in memory is dropped."""
        self._roles, self._policies = {}, {}
        for key, value in self._journal.load("iam/"):
            _, account, kind, _ = key.split("/", 3)
            if kind == "role":
                role = msgspec.msgpack.decode(value, type=Role)
                self._roles.setdefault(account, {})[role.name.lower()] = role
            elif kind == "policy":
                policy = msgspec.msgpack.decode(value, type=Policy)
                self._policies.setdefault(account, {})[policy.arn] = policy

    def roles(self, account: str, path_prefix: str = "/") -> list[Role]:
        found = [role for role in self._roles.get(account, {}).values() if role.path.startswith(path_prefix)]
        return sorted(found, key=lambda role: role.name)

    def role(self, account: str, name: str) -> Role:
        """Raises NoSuchEntity."""
        role = self._roles.get(account, {}).get(name.lower())
        if role is None:
            raise NoSuchEntity(f"The role with name {name} cannot be found.")
        return role

    def id_of(self, account: str, name: str) -> str:
        """The role's id; of one that is not stored, always the same one of AWS's form."""
        role = self._roles.get(account, {}).get(name.lower())
        if role is not None:
            return role.role_id
        digest = hashlib.sha256(f"{account}/{name}".encode()).digest()
        return "AROA" + base64.b32encode(digest).decode()[:17]

    def create_role(
        self,
        account: str,
        name: str,
        trust: str,
        *,
        path: str = "/",
        description: str | None = None,
        max_session_s: int = 3600,
        boundary: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> tuple[Role, Changes]:
        """Raises EntityAlreadyExists, MalformedPolicyDocument."""
        if name.lower() in self._roles.get(account, {}):
            raise EntityAlreadyExists(f"Role with name {name} already exists.")
        role = Role(
            name=name,
            role_id="AROA" + self._ids.token(17).upper(),
            arn=f"arn:aws:iam::{account}:role{path}{name}",
            path=path,
            created_ms=self._clock.now_ms(),
            trust=_checked(trust),
            description=description,
            max_session_s=max_session_s,
            boundary=boundary,
            tags=dict(tags or {}),
        )
        return role, [self._put_role(account, role)]

    def delete_role(self, account: str, name: str) -> Changes:
        """Raises NoSuchEntity, DeleteConflict."""
        role = self.role(account, name)
        if role.attached:
            raise DeleteConflict("Cannot delete entity, must detach all policies first.")
        if role.policies:
            raise DeleteConflict("Cannot delete entity, must delete policies first.")
        del self._roles[account][name.lower()]
        return [(_role_key(account, role.name), None)]

    def update_role(
        self, account: str, name: str, *, description: str | None = None, max_session_s: int | None = None
    ) -> tuple[Role, Changes]:
        role = self.role(account, name)
        if description is not None:
            role = msgspec.structs.replace(role, description=description)
        if max_session_s is not None:
            role = msgspec.structs.replace(role, max_session_s=max_session_s)
        return role, [self._put_role(account, role)]

    def set_trust(self, account: str, name: str, document: str) -> Changes:
        role = msgspec.structs.replace(self.role(account, name), trust=_checked(document))
        return [self._put_role(account, role)]

    def put_policy(self, account: str, name: str, policy: str, document: str) -> Changes:
        """Set one of a role's inline policies."""
        role = self.role(account, name)
        policies = {**role.policies, policy: _checked(document)}
        return [self._put_role(account, msgspec.structs.replace(role, policies=policies))]

    def inline_policy(self, account: str, name: str, policy: str) -> str:
        document = self.role(account, name).policies.get(policy)
        if document is None:
            raise NoSuchEntity(f"The role policy with name {policy} cannot be found.")
        return document

    def remove_policy(self, account: str, name: str, policy: str) -> Changes:
        self.inline_policy(account, name, policy)
        role = self.role(account, name)
        policies = {key: value for key, value in role.policies.items() if key != policy}
        return [self._put_role(account, msgspec.structs.replace(role, policies=policies))]

    def attach(self, account: str, name: str, arn: str) -> Changes:
        """Attaching what is attached changes nothing. Raises NoSuchEntity for a role or a policy that is not there."""
        role = self.role(account, name)
        if not arn.startswith(MANAGED) and arn not in self._policies.get(account, {}):
            raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
        if arn in role.attached:
            return ()
        return [self._put_role(account, msgspec.structs.replace(role, attached=(*role.attached, arn)))]

    def detach(self, account: str, name: str, arn: str) -> Changes:
        role = self.role(account, name)
        if arn not in role.attached:
            raise NoSuchEntity(f"Policy {arn} was not found.")
        attached = tuple(other for other in role.attached if other != arn)
        return [self._put_role(account, msgspec.structs.replace(role, attached=attached))]

    def tag_role(self, account: str, name: str, tags: dict[str, str], removed: tuple[str, ...] = ()) -> Changes:
        role = self.role(account, name)
        kept = {key: value for key, value in {**role.tags, **tags}.items() if key not in removed}
        return [self._put_role(account, msgspec.structs.replace(role, tags=kept))]

    def policies(self, account: str, path_prefix: str = "/") -> list[Policy]:
        found = [policy for policy in self._policies.get(account, {}).values() if policy.path.startswith(path_prefix)]
        return sorted(found, key=lambda policy: policy.name)

    def policy(self, account: str, arn: str) -> Policy:
        """Raises NoSuchEntity."""
        policy = self._policies.get(account, {}).get(arn)
        if policy is None:
            raise NoSuchEntity(f"Policy {arn} was not found.")
        return policy

    def create_policy(
        self,
        account: str,
        name: str,
        document: str,
        *,
        path: str = "/",
        description: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> tuple[Policy, Changes]:
        """Raises EntityAlreadyExists, MalformedPolicyDocument."""
        if any(policy.name.lower() == name.lower() for policy in self._policies.get(account, {}).values()):
            raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
        policy = Policy(
            name=name,
            policy_id="ANPA" + self._ids.token(17).upper(),
            arn=f"arn:aws:iam::{account}:policy{path}{name}",
            path=path,
            created_ms=self._clock.now_ms(),
            document=_checked(document),
            description=description,
            tags=dict(tags or {}),
        )
        self._policies.setdefault(account, {})[policy.arn] = policy
        return policy, [(_policy_key(account, policy), msgspec.msgpack.encode(policy))]

    def delete_policy(self, account: str, arn: str) -> Changes:
        """Raises NoSuchEntity, DeleteConflict."""
        policy = self.policy(account, arn)
        if self.attached_to(account, arn):
            raise DeleteConflict("Cannot delete a policy attached to entities.")
        del self._policies[account][arn]
        return [(_policy_key(account, policy), None)]

    def attached_to(self, account: str, arn: str) -> list[Role]:
        return [role for role in self.roles(account) if arn in role.attached]

    def _put_role(self, account: str, role: Role) -> Change:
        self._roles.setdefault(account, {})[role.name.lower()] = role
        return _role_key(account, role.name), msgspec.msgpack.encode(role)


def _role_key(account: str, name: str) -> str:
    return f"iam/{account}/role/{name}"


def _policy_key(account: str, policy: Policy) -> str:
    return f"iam/{account}/policy{policy.path}{policy.name}"


def _checked(document: str) -> str:
    try:
        parsed = msgspec.json.decode(document)
    except NOT_JSON as error:
        raise MalformedPolicyDocument(f"Syntax errors in policy: {error}") from error
    if not isinstance(parsed, dict) or "Statement" not in parsed:
        raise MalformedPolicyDocument("Syntax errors in policy: a policy is an object with a Statement.")
    return document
