"""Deleting what may not be there any more."""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Site


def is_missing(refused: Refused) -> bool:
    """Whether a call was refused because what it is about is not there."""
    return any(word in refused.code for word in ("NotFound", "DoesNotExist", "NonExistent"))


async def gone(site: Site, service: str, operation: str, *codes: str, **params: Any) -> None:
    """Delete what may be gone already, which for a stack is as good: the error codes say so, or, where none are given,
    `is_missing`."""
    try:
        await site.do(service, operation, **params)
    except Refused as refused:
        if refused.code not in codes if codes else not is_missing(refused):
            raise
