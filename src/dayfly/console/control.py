"""The platform's own calls below `/_dayfly/`: what AWS has no API for.

The answers are fixed, documented interface (docs/CONTROL.md). Under `dayfly up` they must be signed by an
operator's key, health aside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from dayfly import __version__
from dayfly.console.downloads import PREFIXES, Downloads
from dayfly.console.log_stream import LogStream
from dayfly.errors import NOT_JSON, Error, Unsupported
from dayfly.front.messages import Request, Response
from dayfly.identity import Caller, Scope
from dayfly.logs import Pattern

_JSON = [("Content-Type", "application/json")]


class NotFound(Error):
    """There is nothing of this name."""


class Invalid(Error):
    """The call's words are off."""


class Pages(Protocol):
    async def answer(self, request: Request) -> Response | None: ...


class Names(Protocol):
    """Functions by what people call them."""

    def function(self, scope: Scope, said: str) -> str:
        """The physical name for a name, a key, a logical id or an ARN. Raises NotFound."""
        ...

    def schedule(self, scope: Scope, said: str) -> str:
        """The name of a schedule for its logical id; anything else as it is."""
        ...

    def functions(self, scope: Scope) -> list[dict[str, str]]: ...


class Control:
    """Answers the control calls."""

    def __init__(
        self,
        *,
        names: Names,
        invocations: Callable[[Scope, str | None, int | None], list[dict[str, Any]]],
        usage: Callable[[Scope, int | None, int | None], dict[str, Any]],
        tick: Callable[[Scope, str | None, str | None], Awaitable[list[str]]],
        reset: Callable[[str | None], Awaitable[None]],
        check: Callable[[Request], Caller],
        services: Callable[[], Mapping[str, str]],
        downloads: Downloads,
        log_stream: LogStream,
        pages: Pages,
        deploy: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
        remove: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._names = names
        self._invocations = invocations
        self._usage = usage
        self._tick = tick
        self._reset = reset
        self._check = check
        self._services = services
        self._downloads = downloads
        self._log_stream = log_stream
        self._pages = pages
        self._deploy = deploy
        self._remove = remove
        self._calls: dict[tuple[str, str], Callable[[Request, Scope], Awaitable[Response]]] = {
            ("POST", "reset"): self._answer_reset,
            ("GET", "invocations"): self._answer_invocations,
            ("POST", "tick"): self._answer_tick,
            ("GET", "usage"): self._answer_usage,
            ("GET", "functions"): self._answer_functions,
            ("GET", "caller"): self._answer_caller,
            ("GET", "logs"): self._answer_logs,
            ("POST", "deploy"): self._answer_deploy,
            ("POST", "remove"): self._answer_remove,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call; what is refused is `{"message": sentence}` with a status that fits."""
        name = request.path.removeprefix("/_dayfly").strip("/")
        if name == "health":
            said = {"status": "ok", "version": __version__, "services": dict(self._services())}
            return _said(said)
        if request.path.startswith(PREFIXES):
            return await self._downloads.answer(request)
        try:
            scope = self._check(request).scope
            call = self._calls.get((request.method, name))
            if call is not None:
                return await call(request, scope)
            page = await self._pages.answer(request)
            if page is not None:
                return page
            raise NotFound(f"there is no call {request.method} /_dayfly/{name}")
        except NotFound as error:
            return _said({"message": error.message}, 404)
        except Invalid as error:
            return _said({"message": error.message}, 400)
        except Error as error:
            return _said({"message": error.message}, getattr(error, "status", None) or 403)

    async def _answer_reset(self, request: Request, scope: Scope) -> Response:
        everything = _given(request, "all") in ("1", "true")
        await self._reset(None if everything else scope.account)
        return Response(204)

    async def _answer_invocations(self, request: Request, scope: Scope) -> Response:
        said = _given(request, "function")
        function = self._names.function(scope, said) if said else None
        return _said({"invocations": self._invocations(scope, function, _time(request, "since"))})

    async def _answer_usage(self, request: Request, scope: Scope) -> Response:
        return _said(self._usage(scope, _time(request, "since"), _time(request, "until")))

    async def _answer_functions(self, request: Request, scope: Scope) -> Response:
        said = _given(request, "function")
        if not said:
            return _said({"functions": self._names.functions(scope)})
        try:
            return _said({"functions": [{"name": self._names.function(scope, said)}]})
        except NotFound:
            return _said({"functions": []})

    async def _answer_caller(self, request: Request, scope: Scope) -> Response:
        return _said({"account": scope.account, "region": scope.region})

    async def _answer_logs(self, request: Request, scope: Scope) -> Response:
        group = f"/aws/lambda/{self._names.function(scope, _given(request, 'function'))}"
        try:
            pattern = Pattern(_given(request, "filter"))
        except Error as error:
            raise Invalid(error.message) from None
        return self._log_stream.answer(scope, group, _time(request, "since"), pattern)

    async def _answer_deploy(self, request: Request, scope: Scope) -> Response:
        wanted = _document(request)
        if not isinstance(wanted.get("path"), str):
            raise Invalid('the body must be {"path": …} and may have "stage", "region" and "params"')
        try:
            return _said({"stack": await self._deploy(wanted)})
        except Unsupported as error:
            return _said({"message": error.message}, 501)
        except Error as error:  # of an application, it says where
            file, line = getattr(error, "file", None), getattr(error, "line", None)
            return _said({"message": error.message, "file": file and str(file), "line": line}, 400)

    async def _answer_remove(self, request: Request, scope: Scope) -> Response:
        stack = _document(request).get("stack")
        if not isinstance(stack, str):
            raise Invalid('the body must be {"stack": name}')
        if not await self._remove(stack):
            raise NotFound(f"there is no stack {stack}")
        return Response(204)

    async def _answer_tick(self, request: Request, scope: Scope) -> Response:
        try:
            wanted = msgspec.json.decode(request.body or b"{}", type=dict[str, str])
        except NOT_JSON:
            wanted = {}
        if set(wanted) not in ({"function"}, {"schedule"}):
            raise Invalid('the body must be {"function": …} or {"schedule": …}')
        function = self._names.function(scope, wanted["function"]) if "function" in wanted else None
        schedule = self._names.schedule(scope, wanted["schedule"]) if "schedule" in wanted else None
        fired = await self._tick(scope, function, schedule)
        if not fired:
            raise NotFound(
                f"no schedule fires the function {wanted['function']}"
                if "function" in wanted
                else f"there is no schedule {wanted['schedule']}"
            )
        return _said({"fired": fired})


def _document(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except NOT_JSON:
        raise Invalid("the body must be a JSON object") from None


def _given(request: Request, name: str) -> str:
    return next((value for key, value in request.query if key == name), "")


def _time(request: Request, name: str) -> int | None:
    text = _given(request, name)
    if not text:
        return None
    try:
        return int(float(text))
    except ValueError:
        raise Invalid(f"{name} must be milliseconds since the epoch, not {text!r}") from None


def _said(value: Any, status: int = 200) -> Response:
    return Response(status, list(_JSON), msgspec.json.encode(value))
