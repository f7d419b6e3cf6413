"""Which part of the platform a request is for: one ordered table, read from top to bottom.

1. `/_dayfly/…`                                                             control calls
2. host `{api}.execute-api.…` and `{id}.lambda-url.…`                       gateways
   `/_aws/execute-api/{api}/{stage}/…`, `/restapis/{api}/{stage}/_user_request_/…`,
   `/_aws/lambda-url/{id}/…`                                                gateways
   in any of these, `…/@connections/{id}`                                   the @connections API
   `/{stage}/@connections/{id}` on any host                                 the @connections API
3. AWS API calls (`Registry.answer`; None: not a service of ours)           api/
4. everything else                                                          companions

The ports that users of serverless-offline know (3000 HTTP, 3001 WebSocket, 3002 Lambda) are small routers of their own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import msgspec

from dayfly.front.messages import Answer, Request, Response
from dayfly.front.upgrade import WebSocketHandler, handshake_fault

_HOST = re.compile(r"^(?P<id>[a-z0-9]+)\.(?P<kind>execute-api|lambda-url)\.", re.IGNORECASE)
_PATH = re.compile(r"^/_aws/execute-api/(?P<api>[^/]+)/(?P<stage>[^/]+)(?P<path>/.*)?$")
_USER_REQUEST = re.compile(r"^/restapis/(?P<api>[^/]+)/(?P<stage>[^/]+)/_user_request_(?P<path>/.*)?$")
_URL_PATH = re.compile(r"^/_aws/lambda-url/(?P<id>[^/]+)(?P<path>/.*)?$")
_CONNECTION = re.compile(r"^(?:/[^/]+)?/+(?:@|%40)connections/(?P<id>[^/]+)/?$")
_FORMS = ("/_aws/", "/restapis/")
_INVOKE = re.compile(r"^/2015-03-31/functions/[^/]+/invocations/?$|^/2014-11-13/functions/[^/]+/invoke-async/?$")


class ApiServer(Protocol):
    """What is needed of `gateways.Gateways`."""

    apis: dict[str, Any]

    async def answer(
        self, request: Any, api_id: str, stage: str | None, path: str, *, own_port: bool = False
    ) -> Any: ...
    async def url(self, request: Any, url_id: str) -> Any: ...
    async def upgrade(self, request: Any, api_id: str, stage: str) -> Any: ...
    def plan_of(self, api: Any, stage: Any) -> Any: ...


class Destination(NamedTuple):
    """Where a request to an API goes; `stage` None: the path's first part may be one."""

    api: str
    stage: str | None
    path: str


AwsAnswer = Callable[[Request], Awaitable[Response | None]]


class Router:
    def __init__(
        self, *, gateways: ApiServer, aws: AwsAnswer, control: Answer | None = None, companion: Answer | None = None
    ) -> None:
        self._gateways = gateways
        self._aws = aws
        self._control = control
        self._companion = companion
        self.starting: Callable[[], bool] = lambda: False
        """In `dev`: whether the applications are still being made."""

    async def answer(self, request: Request) -> Response:
        """One request on the platform's own port."""
        path = request.raw_path
        if path.startswith("/_dayfly") and self._control is not None:
            return await self._control(request)
        if path.startswith(_FORMS) or _named_by(request.header("host"))[0]:
            url = _url_of(request)
            if url is not None:
                return _response(await self._gateways.url(*url))
            destination = destination_of(request)
            # `wire` finds the operation behind the stage: the request stays as it was signed.
            if destination is not None and not _CONNECTION.match(destination.path):
                return _response(await self._gateways.answer(request, *destination))
        answer = await self._aws(request)
        if answer is not None:
            return answer
        if self._companion is not None:
            return await self._companion(request)
        return _sentence(404, f"Nothing here serves {request.method} {path}.")

    async def upgrade(self, request: Request) -> Response | WebSocketHandler:
        """One client that wants a WebSocket, on the platform's own port."""
        fault = handshake_fault(request)
        if fault is not None:
            return _sentence(400, fault)
        destination = destination_of(request)
        if destination is None:
            return _sentence(
                404, "There is no WebSocket here: use the API's own host or /_aws/execute-api/{api}/{stage}."
            )
        stage = destination.stage or destination.path.strip("/").partition("/")[0]
        return await self._open(request, destination.api, stage)

    async def _open(self, request: Request, api_id: str, stage: str) -> Response | WebSocketHandler:
        verdict: Any = await self._gateways.upgrade(request, api_id, stage)
        return verdict if hasattr(verdict, "received") else _response(verdict)

    # -- the ports of `dayfly dev` -------------------------------------------------------------------------------------

    def http_port(self, api_id: Callable[[], str | None]) -> Answer:
        """Port 3000: one HTTP or REST API at `/` (`/{stage}` where AWS's URL has it)."""

        async def answer(request: Request) -> Response:
            chosen = api_id()
            if chosen is None or chosen not in self._gateways.apis:
                return self._starting_or("The application has no HTTP API.")
            if destination_of(request) is not None or request.raw_path.startswith("/_dayfly"):
                return await self.answer(request)
            response = _response(await self._gateways.answer(request, chosen, None, request.raw_path, own_port=True))
            return self._explained(request, chosen, response)

        return answer

    def websocket_port(self, api_id: Callable[[], str | None]) -> tuple[Answer, Callable[[Request], Awaitable[Any]]]:
        """Port 3001: one WebSocket API at any path, and its @connections API."""

        async def answer(request: Request) -> Response:
            if _CONNECTION.match(request.raw_path) or request.raw_path.startswith("/_dayfly"):
                return await self.answer(request)
            return _sentence(426, "This port takes WebSockets: connect with a WebSocket client.")

        async def upgrade(request: Request) -> Response | WebSocketHandler:
            fault = handshake_fault(request)
            if fault is not None:
                return _sentence(400, fault)
            destination = destination_of(request)
            if destination is not None:
                return await self.upgrade(request)
            chosen = api_id()
            api = self._gateways.apis.get(chosen or "")
            if api is None or not api.stages:
                return self._starting_or("The application has no WebSocket API.")
            named = request.raw_path.strip("/").partition("/")[0]
            return await self._open(request, api.id, named if named in api.stages else next(iter(api.stages)))

        return answer, upgrade

    def _starting_or(self, text: str) -> Response:
        """What is said of an API that is not there: it may not be there yet."""
        if self.starting():
            return _sentence(503, "The application is being started; this answers when dayfly says ready.")
        return _sentence(404, text)

    def lambda_port(self) -> Answer:
        """Port 3002: the Lambda Invoke API alone."""

        async def answer(request: Request) -> Response:
            if _INVOKE.match(request.raw_path):
                response = await self._aws(request)
                if response is not None:
                    return response
            return _sentence(404, "This port takes POST /2015-03-31/functions/{name}/invocations.")

        return answer

    def _explained(self, request: Request, api_id: str, response: Response) -> Response:
        """Where no route matches, list those there are (for people; AWS's own words stay in `message`)."""
        missed = response.status in (403, 404) and response.body in (
            b'{"message":"Not Found"}',
            b'{"message":"Missing Authentication Token"}',
            b'{"message":"Forbidden"}',
        )
        if not missed or "text/html" not in request.header("accept"):
            return response
        api = self._gateways.apis[api_id]
        lines = [f"No route matches {request.method} {request.raw_path}. This API has:"]
        for stage in api.stages.values():
            prefix = "" if stage.name == "$default" else f"/{stage.name}"
            lines += [f"  {_with_prefix(key, prefix)}" for key in sorted(self._gateways.plan_of(api, stage).keys)]
        return Response(response.status, _plain(response.headers), "\n".join([*lines, ""]).encode())


def destination_of(request: Request) -> Destination | None:
    """The API that a request's host or path names."""
    path = request.raw_path
    # Asked of every request there is, so the cheap look goes first.
    form = _PATH if path.startswith("/_aws/") else _USER_REQUEST if path.startswith("/restapis/") else None
    match = form.match(path) if form is not None else None
    if match is not None:
        return Destination(match["api"], unquote(match["stage"]), match["path"] or "/")
    kind, named = _named_by(request.header("host"))
    return Destination(named, None, path) if kind == "execute-api" else None


@lru_cache(maxsize=1024)
def _named_by(host: str) -> tuple[str, str]:
    """The kind of thing (`execute-api`, `lambda-url`) and the id that a host's name has; empty where it has none."""
    match = _HOST.match(host)
    return (match["kind"].lower(), match["id"]) if match is not None else ("", "")


def _url_of(request: Request) -> tuple[Request, str] | None:
    """The function URL that a request's host or path names, and the request as the function is to see it."""
    kind, named = _named_by(request.header("host"))
    if kind == "lambda-url":
        return request, named
    match = _URL_PATH.match(request.raw_path) if request.raw_path.startswith("/_aws/") else None
    if match is None:
        return None
    return _moved(request, match["path"] or "/"), match["id"]


def _moved(request: Request, path: str) -> Request:
    """The same request at another path."""
    target = f"{path}?{request.raw_query}" if request.raw_query else path
    moved = Request(
        request.method,
        target,
        request.headers,
        request.body,
        peer=request.peer,
        port=request.port,
        scheme=request.scheme,
    )
    moved.version = request.version
    return moved


def _response(reply: Any) -> Response:
    return Response(reply.status, reply.headers, reply.body)


def _sentence(status: int, text: str) -> Response:
    return Response(status, [("content-type", "application/json")], msgspec.json.encode({"message": text}))


def _plain(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [pair for pair in headers if pair[0].lower() != "content-type"]
    return [*kept, ("content-type", "text/plain; charset=utf-8")]


def _with_prefix(key: str, prefix: str) -> str:
    method, _, path = key.partition(" ")
    return f"{method:7} {prefix}{path}" if path else key
