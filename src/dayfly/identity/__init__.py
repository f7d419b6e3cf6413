"""Who calls, in which account and region, and the names things have there.

Nouns: `Scope` (an account in a region: every resource lives in one), `Caller` (who makes one request), ARNs. Start with
`names.py`; `keys.py` holds the access keys that `dayfly up` issues and checks.
"""

from dayfly.identity.names import Caller, Scope, arn, assumed_role, parse_arn

__all__ = ["Caller", "Scope", "arn", "assumed_role", "parse_arn"]
