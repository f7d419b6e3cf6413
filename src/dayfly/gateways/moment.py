"""One request on its way through an API: what every later step needs to know about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dayfly.gateways.traffic import Incoming
from dayfly.identity import Scope

if TYPE_CHECKING:
    from dayfly.gateways.model import Api, Stage

_clf_second = -1
_clf_text = ""


def clf_time(now_ms: int) -> str:
    """`09/Apr/2015:12:34:56 +0000`, as `requestTime` has it."""
    global _clf_second, _clf_text
    second = now_ms // 1000
    if second != _clf_second:
        _clf_second, _clf_text = second, time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
    return _clf_text


class Moment:
    """A request at an API's stage. `path` is without the stage, still percent-encoded."""

    __slots__ = (
        "api",
        "authorizer",
        "now_ms",
        "parameters",
        "path",
        "request",
        "request_id",
        "route_key",
        "scope",
        "stage",
    )

    def __init__(
        self, api: Api, stage: Stage, scope: Scope, request: Incoming, path: str, request_id: str, now_ms: int
    ) -> None:
        self.api = api
        self.stage = stage
        self.scope = scope
        self.request = request
        self.path = path
        self.request_id = request_id
        self.now_ms = now_ms
        self.route_key = ""
        self.parameters: dict[str, str] = {}
        self.authorizer: dict[str, Any] | None = None

    @property
    def host(self) -> str:
        return self.request.header("host").partition(":")[0]

    @property
    def staged_path(self) -> str:
        """The path with the stage in front where AWS's URL has it."""
        return self.path if self.stage.name == "$default" else f"/{self.stage.name}{self.path}"
