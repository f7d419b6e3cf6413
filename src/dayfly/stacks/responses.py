"""The answers of custom resources' functions, which they put to a URL that their request names.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dayfly.errors import NOT_JSON
from dayfly.ids import Ids

_HOST = "cloudformation-custom-resource-response-"


class Responses:
    """Who waits for an answer, by the token in the URL. In memory: a run that ends asks anew."""

    def __init__(self, *, ids: Ids) -> None:
        self._ids = ids
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    def expect(self, region: str) -> tuple[str, asyncio.Future[dict[str, Any]]]:
        """The URL to hand out, in AWS's form, and what will be put to it."""
        token = self._ids.token(40)
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        waiting.add_done_callback(lambda _: self._waiting.pop(token, None))
        self._waiting[token] = waiting
        host = f"{_HOST}{region.replace('-', '')}.s3.{region}.amazonaws.com"
        return f"https://{host}/{token}?X-Amz-Expires=7200", waiting

    def take(self, host: str, path: str, body: bytes) -> bool | None:
        """An answer has come: whether somebody waits for it; None where the request is no such answer."""
        if not host.startswith(_HOST):
            return None
        waiting = self._waiting.get(path.strip("/"))
        if waiting is None or waiting.done():
            return False
        try:
            document = msgspec.json.decode(body)
        except NOT_JSON:
            document = {"Status": "FAILED", "Reason": "the function's answer is not JSON"}
        waiting.set_result(document if isinstance(document, dict) else {})
        return True
