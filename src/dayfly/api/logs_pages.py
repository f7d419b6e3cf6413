"""Pages of what the CloudWatch Logs API lists: a limit, and an opaque token for what follows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from dayfly.api import Params
from dayfly.logs import InvalidParameter

T = TypeVar("T")


def page_of(items: Sequence[T], params: Params, name: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The items behind the one that the token names, and the token for what follows."""
    limit = limit_of(params, 50)
    start = 0
    if params.get("nextToken"):
        last = _clear(params["nextToken"])
        start = next((index + 1 for index, item in enumerate(items) if name(item) == last), len(items))
    page = items[start : start + limit]
    return page, opaque(name(page[-1])) if page and start + limit < len(items) else None


def limit_of(params: Params, most: int) -> int:
    limit = params.get("limit")
    if limit is None:
        return most
    if not 1 <= limit <= most:
        bound = f"less than or equal to {most}" if limit > most else "greater than or equal to 1"
        raise InvalidParameter(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )
    return int(limit)


def skip_of(params: Params) -> int:
    token = params.get("nextToken")
    if not token:
        return 0
    clear = _clear(token)
    if not clear.isdecimal():
        raise InvalidParameter("The specified nextToken is invalid.")
    return int(clear)


def opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _clear(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise InvalidParameter("The specified nextToken is invalid.") from None


def with_token(answer: Params, token: str | None) -> Params:
    return answer if token is None else {**answer, "nextToken": token}
