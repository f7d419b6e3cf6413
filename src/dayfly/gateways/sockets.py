"""WebSocket APIs: connections, their routes, and messages back to clients.

    (upgrade) -> $connect says no: refused, nothing is kept
              -> $connect says yes: open -> messages, routed by the selection expression -> closed -> $disconnect

Connections live in memory only: they end with the process, as the clients' sockets do.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dayfly.clock import Clock, Timer
from dayfly.errors import NOT_JSON, Error, Unsupported
from dayfly.gateways.events import _NO_IDENTITY, gathered
from dayfly.gateways.mapping import as_text, dig
from dayfly.gateways.model import Api, Stage
from dayfly.gateways.moment import Moment, clf_time
from dayfly.gateways.plan import Plan, Step
from dayfly.gateways.templates import Values
from dayfly.gateways.traffic import Incoming, Reply, message

if TYPE_CHECKING:
    from dayfly.gateways.gateway import Gateways

IDLE_MS = 10 * 60 * 1000
LONGEST_MS = 2 * 60 * 60 * 1000
MESSAGE_BYTES = 128 * 1024
_SWEEP_MS = 30_000
_AT_ONCE = 64  # messages of one connection being answered; beyond it the client's sending is held back
_encode = msgspec.json.Encoder().encode


class Gone(Error):
    """The connection with the provided id no longer exists."""


class PayloadTooLarge(Error):
    """Message too long"""


class Wire(Protocol):
    """The sending side of a client's socket (`front.Socket`)."""

    def send(self, message: str | bytes) -> None: ...
    def close(self, code: int = 1000, reason: str = "") -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Connected:
    """One client's connection to a stage; the listener calls `opened`, `received`, `closed`."""

    __slots__ = (
        "_busy", "_gateways", "active_ms", "api", "authorizer", "connected_ms", "host", "id", "peer",
        "request", "stage", "subprotocol", "user_agent", "wire",
    )  # fmt: skip

    def __init__(
        self, gateways: Gateways, api: Api, stage: Stage, request: Incoming, connection_id: str, now_ms: int
    ) -> None:
        self._gateways = gateways
        self._busy = 0
        self.api = api
        self.stage = stage
        self.request = request
        self.id = connection_id
        self.connected_ms = self.active_ms = now_ms
        # Handlers build `https://{domainName}/{stage}` from this to answer: it must be the name that leads to the
        # platform's own TLS port from inside an environment, whatever name the client used.
        self.host = f"{api.id}.execute-api.{api.region}.amazonaws.com"
        self.peer = request.peer
        self.user_agent = request.header("user-agent") or None
        self.authorizer: dict[str, Any] | None = None
        self.subprotocol: str | None = None
        self.wire: Wire | None = None

    def opened(self, socket: Wire) -> None:
        self.wire = socket
        self._gateways.sockets.opened(self)

    def received(self, message: str | bytes) -> None:
        self.active_ms = self._gateways.clock.now_ms()
        self._busy += 1
        if self._busy == _AT_ONCE and self.wire is not None:
            self.wire.pause_reading()
        self._gateways.spawn(self._answer(message))

    async def _answer(self, message: str | bytes) -> None:
        try:
            await self._gateways.sockets.route(self, message)
        finally:
            if self._busy == _AT_ONCE and self.wire is not None:
                self.wire.resume_reading()
            self._busy -= 1

    def closed(self, code: int, reason: str) -> None:
        self.wire = None
        self._gateways.sockets.closed(self, code, reason)


class Sockets:
    """All open connections."""

    def __init__(self, gateways: Gateways, clock: Clock) -> None:
        self._gateways = gateways
        self._clock = clock
        self._open: dict[str, Connected] = {}
        self._timer: Timer | None = None

    # -- a connection's life ------------------------------------------------------------

    async def upgrade(self, request: Incoming, api: Api, stage: Stage, plan: Plan) -> Reply | Connected:
        """Ask the authorizer and $connect; the refusal, or the connection to be."""
        now_ms = self._clock.now_ms()
        connected = Connected(self._gateways, api, stage, request, f"{self._gateways.ids.token(15)}=", now_ms)
        step = plan.sockets.get("$connect")
        if step is None:
            connected.subprotocol = None
            return connected
        moment = self._moment(connected, "$connect", now_ms)
        refusal = await self._gateways.authorizers.check(step, moment)
        if refusal is not None:
            return refusal
        connected.authorizer = moment.authorizer
        if step.target.kind in ("mock", "none"):
            return connected
        event = self._event(connected, "CONNECT", moment)
        self._put_client(event, connected)
        try:
            status, result = await self._invoke(step, moment, event)
        except TimeoutError:
            return message(504, "Endpoint request timed out")
        except Error:
            return message(500, "Internal server error")
        if not 200 <= status < 300:
            return message(status, "Forbidden" if status == 403 else "Unauthorized" if status == 401 else "Refused")
        headers = result.get("headers") if isinstance(result, dict) else None
        for name, value in (headers or {}).items():
            if name.lower() == "sec-websocket-protocol":
                connected.subprotocol = str(value)
        return connected

    def opened(self, connected: Connected) -> None:
        self._open[connected.id] = connected
        if self._timer is None:
            self._timer = self._clock.at(self._clock.now_ms() + _SWEEP_MS, self._sweep)

    def closed(self, connected: Connected, code: int, reason: str) -> None:
        self._open.pop(connected.id, None)
        plan = self._gateways.plan_of(connected.api, connected.stage)
        step = plan.sockets.get("$disconnect")
        if step is None or step.target.kind in ("mock", "none"):
            return
        moment = self._moment(connected, "$disconnect", self._clock.now_ms())
        event = self._event(connected, "DISCONNECT", moment)
        event["requestContext"]["disconnectStatusCode"] = code
        event["requestContext"]["disconnectReason"] = reason
        headers = {"Host": connected.host, "x-api-key": "", "X-Forwarded-For": connected.peer, "x-restapi": ""}
        event["headers"] = headers
        event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        self._gateways.spawn(self._tell(step, moment, event))

    def _sweep(self) -> None:
        """One timer for all connections: 10 minutes without a message, or 2 hours, end a connection."""
        now_ms = self._clock.now_ms()
        for connected in list(self._open.values()):
            if now_ms - connected.active_ms >= IDLE_MS or now_ms - connected.connected_ms >= LONGEST_MS:
                self._close(connected)
        self._timer = self._clock.at(now_ms + _SWEEP_MS, self._sweep) if self._open else None

    def _close(self, connected: Connected) -> None:
        if connected.wire is not None:
            connected.wire.close(1001, "Going away")

    def close_api(self, api_id: str) -> None:
        for connected in list(self._open.values()):
            if connected.api.id == api_id:
                self._close(connected)

    # -- messages ------------------------------------------------------------

    async def route(self, connected: Connected, received: str | bytes) -> None:
        """Send one message to its route, and the route's answer back where it has one."""
        gateways = self._gateways
        api = gateways.apis.get(connected.api.id, connected.api)
        plan = gateways.plan_of(api, api.stages.get(connected.stage.name, connected.stage))
        key = route_key(api.selection, received)
        step = plan.sockets.get(key) if key not in ("$connect", "$disconnect") else None
        if step is None:
            key, step = "$default", plan.sockets.get("$default")
        moment = self._moment(connected, key, self._clock.now_ms())
        if step is None:
            self._say(connected, "Forbidden", moment)
            return
        gateways.count(plan)
        event = self._event(connected, "MESSAGE", moment)
        if isinstance(received, str):
            event["body"] = received
        else:
            event["body"], event["isBase64Encoded"] = b64encode(received).decode(), True
        try:
            status, result = await self._invoke(step, moment, event)
        except TimeoutError:
            self._say(connected, "Endpoint request timed out", moment)
            return
        except Unsupported as error:
            self._say(connected, error.message, moment)
            return
        except Error:
            self._say(connected, "Internal server error", moment)
            return
        if step.answers and connected.wire is not None and status != 0:
            body = result.get("body") if isinstance(result, dict) else result
            if body is not None and body != "":
                connected.wire.send(body if isinstance(body, str) else _encode(body).decode())

    async def _tell(self, step: Step, moment: Moment, event: dict[str, Any]) -> None:
        try:
            await self._invoke(step, moment, event)
        except (Error, TimeoutError):
            return  # $disconnect is best effort on AWS; the function's own log has its error

    async def _invoke(self, step: Step, moment: Moment, event: dict[str, Any]) -> tuple[int, Any]:
        """Status and decoded result. Raises Error for a function that failed, TimeoutError."""
        target = step.target
        if target.kind == "mock":
            return 200, None
        if target.kind == "http":
            reply = await self._gateways.integrations._http(target, moment)
            return reply.status, reply.body.decode("utf-8", "replace") if isinstance(reply.body, bytes) else None
        if target.kind == "mapped":
            body = event.get("body") or ""
            values = Values(moment, body=str(body).encode(), context=event["requestContext"])
            reply = await self._gateways.integrations.mapped.run(target, moment, values)
            return reply.status, reply.body.decode("utf-8", "replace") if isinstance(reply.body, bytes) else None
        if target.kind != "function":
            raise Unsupported(f"route {step.key} needs {target.why or 'an integration'}, which is not supported yet")
        outcome = await self._gateways.integrations.invoke(target, moment, _encode(event))
        if outcome.error is not None:
            raise Error("the function failed")
        try:
            result = msgspec.json.decode(outcome.payload or b"null")
        except NOT_JSON as error:
            raise Error("the function's result is not JSON") from error
        status = result.get("statusCode", 200) if isinstance(result, dict) else 200
        return int(status), result

    def _say(self, connected: Connected, text: str, moment: Moment) -> None:
        if connected.wire is not None:
            words = {"message": text, "connectionId": connected.id, "requestId": moment.request_id}
            connected.wire.send(_encode(words).decode())

    def _moment(self, connected: Connected, key: str, now_ms: int) -> Moment:
        request_id = self._gateways.ids.uuid()
        moment = Moment(connected.api, connected.stage, connected.api.scope, connected.request, "/", request_id, now_ms)
        moment.route_key = key
        moment.authorizer = connected.authorizer
        return moment

    def _put_client(self, event: dict[str, Any], connected: Connected) -> None:
        request = connected.request
        headers = [*request.headers, ("X-Forwarded-For", request.peer)]
        event["headers"] = dict(headers)
        event["multiValueHeaders"] = gathered(headers)
        query = request.query
        if query:
            event["queryStringParameters"] = dict(query)
            event["multiValueQueryStringParameters"] = gathered(query)

    def _event(self, connected: Connected, kind: str, moment: Moment) -> dict[str, Any]:
        context: dict[str, Any] = {
            "routeKey": moment.route_key,
            "eventType": kind,
            "extendedRequestId": moment.request_id,
            "requestTime": clf_time(moment.now_ms),
            "messageDirection": "IN",
            "stage": connected.stage.name,
            "connectedAt": connected.connected_ms,
            "requestTimeEpoch": moment.now_ms,
            "identity": {**_NO_IDENTITY, "sourceIp": connected.peer, "userAgent": connected.user_agent},
            "requestId": moment.request_id,
            "domainName": connected.host,
            "connectionId": connected.id,
            "apiId": connected.api.id,
        }
        if kind == "MESSAGE":
            context["messageId"] = moment.request_id
        if connected.authorizer is not None:
            context["authorizer"] = connected.authorizer
        event: dict[str, Any] = {"requestContext": context, "isBase64Encoded": False}
        if connected.stage.variables:
            event["stageVariables"] = connected.stage.variables
        return event

    # -- the @connections API ------------------------------------------------------------
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

    def find(self, connection_id: str) -> Connected:
        """Raises Gone."""
        connected = self._open.get(connection_id)
        if connected is None or connected.wire is None:
            raise Gone
        return connected

    def post(self, connection_id: str, data: bytes) -> None:
        """Send data to a client. Raises Gone, PayloadTooLarge."""
        connected = self.find(connection_id)
        if len(data) > MESSAGE_BYTES:
            raise PayloadTooLarge
        assert connected.wire is not None
        connected.active_ms = self._clock.now_ms()
        try:
            connected.wire.send(data.decode())
        except UnicodeDecodeError:
            connected.wire.send(data)

    def delete(self, connection_id: str) -> None:
        """Raises Gone."""
        self._close_now(self.find(connection_id))

    def _close_now(self, connected: Connected) -> None:
        self._open.pop(connected.id, None)
        if connected.wire is not None:
            connected.wire.close(1000, "Connection Closed Normally")

    def __len__(self) -> int:
        return len(self._open)


def route_key(selection: str, received: str | bytes) -> str:
    """Evaluate a route selection expression such as `$request.body.action` or `${request.body.action}`."""
    if isinstance(received, bytes):
        return "$default"
    expression = selection.replace("${", "$").replace("}", "")
    if not expression.startswith("$request.body."):
        return "$default"
    try:
        document = msgspec.json.decode(received)
    except NOT_JSON:
        return "$default"
    return as_text(dig(document, expression.removeprefix("$request.body."))) or "$default"
