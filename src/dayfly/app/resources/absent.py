"""Deleting what may not be there any more."""

from __future__ import annotations

from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Site


async def gone(site: Site, service: str, operation: str, *codes: str, **params: Any) -> None:
    """Delete what may be gone already (the error codes that say so), which for a stack is as good."""
    try:
        await site.do(service, operation, **params)
    except Refused as refused:
        if refused.code not in codes:
            raise
