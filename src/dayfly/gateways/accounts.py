"""What API Gateway keeps of an account in a region: the role for its logs, told without effect.

Read from the journal when asked: nothing in a request depends on it.
"""

from __future__ import annotations

from dayfly.gateways.gateway import Gateways
from dayfly.identity import Scope
from dayfly.store import Changes


def log_role(gateways: Gateways, scope: Scope) -> str:
    """The ARN, or nothing."""
    return (gateways._journal.get(_key(scope)) or b"").decode()


def with_log_role(scope: Scope, arn: str) -> Changes:
    return [(_key(scope), arn.encode() or None)]


def _key(scope: Scope) -> str:
    return f"apigw/account/{scope.account}/{scope.region}"
