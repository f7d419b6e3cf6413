"""Scopes, callers and ARNs.

ARNs: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dayfly.errors import Error


class InvalidArn(Error):
    """The text is not an ARN."""


class Scope(NamedTuple):
    """An account in a region. Every resource lives in exactly one."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{partition_of(self.region)}:{service}:{self.region}:{self.account}:{resource}"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes one request, and where. `request_id` is the id the answer carries."""

    scope: Scope
    access_key_id: str = "test"
    request_id: str = ""
    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    session_token: str = ""
    """As the request has it, and checked where keys are."""

    @property
    def arn(self) -> str:
        return f"arn:{partition_of(self.scope.region)}:iam::{self.scope.account}:root"


class Arn(NamedTuple):
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


def partition_of(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def arn(service: str, scope: Scope, resource: str) -> str:
    return scope.arn(service, resource)


def assumed_role(account: str, role: str, session: str, partition: str = "aws") -> str:
    """The principal that a session of a role is: `arn:aws:sts::{account}:assumed-role/{role name}/{session}`."""
    return f"arn:{partition}:sts::{account}:assumed-role/{role}/{session}"


def parse_arn(text: str) -> Arn:
    """The six parts of an ARN. Raises InvalidArn."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise InvalidArn(f"{text!r} is not an ARN")
    return Arn(*parts[1:])
