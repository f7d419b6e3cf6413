"""The code that functions and layers were made of: what `Code.Location` and `Content.Location` of Lambda's API lead to.

| call | answer |
| --- | --- |
| `GET /_dayfly/code/<account>/<region>/<function>/<version>` | the function's zip |
| `GET /_dayfly/layer/<account>/<region>/<layer>/<version>` | the layer's zip |

As with AWS's presigned URLs no signature is asked for: where signatures count, the URL carries its permission and says
until when it holds. https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from dayfly.clock import Clock
from dayfly.console.pages import json_answer
from dayfly.errors import Error
from dayfly.front.messages import Request, Response
from dayfly.functions import Functions
from dayfly.functions.names import FunctionName
from dayfly.identity import Scope

PREFIXES = ("/_dayfly/code/", "/_dayfly/layer/")
_HOLDS_MS = 600_000
"""AWS's URLs are valid for ten minutes."""


class Downloads:
    """Answers the calls above. `seal` is a keyed hash of text; None where any key works, and so does any URL."""

    def __init__(self, *, functions: Functions, clock: Clock, seal: Callable[[str], str] | None) -> None:
        self._functions = functions
        self._clock = clock
        self._seal = seal

    def permission(self, path: str) -> str:
        """What is to be appended to a URL with this path so that it can be fetched; '' where nothing is needed."""
        if self._seal is None:
            return ""
        until = str(self._clock.now_ms() + _HOLDS_MS)
        return f"?until={until}&token={self._seal(path + until)}"

    async def answer(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused:
            return json_answer({"message": refused}, 403)
        kind, *names = request.path.removeprefix("/_dayfly/").split("/")
        if request.method not in ("GET", "HEAD") or len(names) != 4:
            return json_answer({"message": f"there is no call {request.method} {request.path}"}, 404)
        try:
            content = await self._zip(kind, *names)
        except Error as error:
            return json_answer({"message": error.message}, 404)
        return Response(200, [("Content-Type", "application/zip")], content)

    def _refused(self, request: Request) -> str:
        """Why not, in a sentence."""
        if self._seal is None:
            return ""
        given = dict(request.query)
        until = given.get("until", "")
        right = self._seal(request.raw_path + until)
        if not hmac.compare_digest(given.get("token", "").encode(), right.encode()):
            return "this address needs the token that GetFunction or GetLayerVersion gave with it"
        return "this address has expired; ask for a new one" if self._clock.now_ms() > int(until) else ""

    async def _zip(self, kind: str, account: str, region: str, name: str, version: str) -> bytes:
        scope = Scope(account, region)
        if kind == "code":
            return await self._functions.code_zip(FunctionName(scope, name, version))
        return await self._functions.layer_zip(scope, name, int(version) if version.isdecimal() else 0)
