"""What the parts of a running platform ask of each other, where one cannot be built before the other.

Each method is a door given to one part's constructor; it looks up its target when it is used.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayfly.api import Params, Refused
from dayfly.companions import refused
from dayfly.counting import MESSAGES, messages_of, named_in, resource_of
from dayfly.errors import Error, Unavailable, Unsupported
from dayfly.front.messages import Request, Response
from dayfly.gateways.outgoing import BackendFailed, fetch
from dayfly.hands import to_functions, to_logs, to_queues, to_topics
from dayfly.identity import Caller, Scope, parse_arn
from dayfly.mail import Letter
from dayfly.runtime import Line, Spec
from dayfly.store import Changes
from dayfly.wire import locate

if TYPE_CHECKING:
    from dayfly.development import Session
    from dayfly.server import Platform

_PUBLISHED = re.compile(r"/\.well-known/(jwks\.json|openid-configuration)$")
"""A user pool's keys, for whoever checks its tokens.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""
_POST_TIMEOUT_S = 15
"""https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""
_SESSION_S = 365 * 24 * 3600
"""A function's own key lasts longer than any environment; it is as good as the platform that made it."""


class Doors:
    """One platform's doors."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.front: dict[str, str] = {}
        """In `dev`: the API behind the HTTP port (`http`) and behind the WebSocket port (`websocket`), by id."""
        self.session: Session | None = None
        """In `dev`: takes further applications."""
        self.starting = False
        """In `dev`: the applications are still being made."""
        self.on_line: Callable[[str, str], None] | None = None
        """In `dev`: told of every line that a function logs."""

    def connect(self) -> None:
        """Tell the targets who takes what."""
        platform = self._platform
        for service, hand in (
            ("lambda", to_functions(platform.functions)),
            ("sqs", to_queues(platform.queues)),
            ("sns", to_topics(platform.topics)),
            ("events", platform.buses.take),
            ("logs", to_logs(platform.logs, platform.clock, platform.ids)),
        ):
            platform.targets.add(service, hand)
        platform.companions.watch = self.changed

    async def changed(self, request: Request, response: Response, service: str, scope: Scope) -> Changes:
        """A companion changed something: events of buckets, records of streams."""
        if service == "s3":
            return await self._platform.buckets.observe(request, response, scope)
        self._platform.streams.wake(service, scope)
        return ()

    async def deploy(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """One more application from this machine's disk, in `dev`; its stack's record."""
        from dayfly.development import Wanted

        stage, region, params = wanted.get("stage"), wanted.get("region"), wanted.get("params") or {}
        return await self._session().deploy(Wanted(Path(wanted["path"]), stage, region, params))

    async def remove(self, stack: str) -> bool:
        """Take a stack away, in `dev`."""
        return await self._session().remove(stack)

    def _session(self) -> Session:
        if self.session is None:
            raise Unsupported("deploying is not supported under dayfly up yet; dayfly dev takes applications")
        return self.session

    def front_api(self, kind: str) -> str | None:
        return self.front.get(kind)

    def log(self, spec: Spec, stream: str, request_id: str, lines: Sequence[Line], /) -> None:
        """Lines that a function logged."""
        self._platform.functions.on_log(spec, stream, request_id, lines)
        if self.on_line is not None:
            for _, line in lines:
                self.on_line(spec.name, line)

    async def call(self, caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One AWS operation in this process."""
        return await self._platform.registry.call(caller, service, operation, params)

    async def fetch_object(self, bucket: str, key: str, version: str | None) -> bytes:
        """An object of S3: function code that was uploaded there."""
        params = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        answer = await self.call(Caller(scope=self._platform.scope), "s3", "GetObject", params)
        body = answer["Body"]
        return bytes(body if isinstance(body, bytes) else await asyncio.to_thread(body.read))

    def credentials(self, scope: Scope, role: str) -> tuple[str, str, str]:
        """The key that a function's code signs with. Where any key works, its id says the account, as everybody's does,
        and the session token says whose it is: what tells accounts apart by the id alone is at home with it."""
        keys = self._platform.keys
        if keys is None:
            return scope.account, "dayfly", self._platform.issuer.token_for(scope.account, role, _SESSION_S)
        key = keys.issuer.temporary(scope.account, role, _SESSION_S)
        return key.access_key_id, key.secret_access_key, key.session_token

    def for_companion(self) -> dict[str, str]:
        """How the tasks of state machines, which a companion runs, reach the platform."""
        key = self.credentials(self._platform.scope, "states")
        return {"DAYFLY_ENDPOINT": self._platform.endpoint, "DAYFLY_KEY": " ".join(key)}

    async def invoke_later(self, arn: str, payload: bytes, source: str) -> Changes:
        """An event for a function, from a topic."""
        _, changes = self._platform.functions.enqueue(parse_arn(arn).scope, arn, payload, source=source)
        return changes

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """A message for an HTTP subscriber; the status it answers."""
        try:
            async with asyncio.timeout(_POST_TIMEOUT_S):
                reply = await fetch("POST", url, list(headers.items()), body)
        except (BackendFailed, TimeoutError) as error:
            raise Unavailable(f"{url} did not answer: {error or 'too slow'}") from error
        return reply.status

    async def send_mail(self, to: str, subject: str, text: str) -> None:
        """A notification by mail, into the inbox."""
        content = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}
        params = {"Source": "no-reply@sns.amazonaws.com", "Destination": {"ToAddresses": [to]}, "Message": content}
        await self.call(Caller(scope=self._platform.scope), "ses", "SendEmail", params)

    async def run_trigger(self, scope: Scope, arn: str, event: bytes) -> tuple[bytes, bool]:
        """A function that a user pool names, now: what it answered, and whether that is an error document."""
        outcome = await self._platform.functions.invoke(scope, arn, event, source="cognito")
        return outcome.payload, outcome.error is not None

    async def post_mail(self, scope: Scope, sender: str, to: str, subject: str, html: str) -> None:
        """A mail of a user pool, into the inbox."""
        await self._platform.mail.send(scope, Letter(sender=sender, to=(to,), subject=subject, html=html))

    def count(self, caller: Caller, service: str, operation: str, params: Params, result: Params) -> None:
        """Meter one API request, under the resource it is about; one that failed under none."""
        counted = self._platform.meter.counted
        name = resource_of(service, params) if params else ""
        counted(caller.scope, service, name, operation)
        if name and operation in MESSAGES:
            metric, messages = messages_of(operation, result)
            if messages:
                counted(caller.scope, service, name, metric, messages)

    def verify(self, request: Any) -> Caller:
        """Who signed a request to a gateway; raises for one that nobody signed, or not rightly."""
        if locate.credential(request) is None:
            raise Refused("MissingAuthenticationToken", "Missing Authentication Token", 403)
        return self._platform.registry.identify(request)

    def operator(self, request: Request) -> Caller:
        """Who makes a control call. Under `up` only a key of the credentials file may."""
        caller = self._platform.registry.identify(request)
        keys = self._platform.keys
        if keys is not None and not keys.is_operator(caller.access_key_id):
            raise Refused("AccessDenied", "only an operator's key may make this call", 403)
        return caller

    def _caller(self, request: Request, scope: locate.Credential | None, service: str) -> Caller:
        """Who asks a companion. Raises errors.Error for one who had to sign."""
        registry = self._platform.registry
        if registry.keys is None:
            return registry.identify(request, scope)
        # S3's model is large, and all that is asked of it here is known.
        model = None if service == "s3" else registry.service(service)
        if scope is None and model is not None:
            operation = model.operation(request.header("x-amz-target").rpartition(".")[2])
            published = request.method == "GET" and _PUBLISHED.search(request.raw_path) is not None
            if published or (operation is not None and operation.unsigned):
                return Caller(scope=self._platform.scope, access_key_id="", source_ip=request.peer)
        return registry.identify(request, scope, protocol="rest-xml" if model is None else model.protocol)

    async def companion(self, request: Request) -> Response:
        """A request that no service of ours is meant by."""
        taken = self._platform.responses.take(request.header("host"), request.raw_path, request.body)
        if taken is not None:
            return Response(200 if taken else 403, [("Content-Type", "text/plain")])
        scope = locate.credential(request)
        service = locate.service_of(request, scope) or "s3"
        try:
            caller = self._caller(request, scope, service)
        except Error as error:
            return refused(request, getattr(error, "status", None) or 403, getattr(error, "code", ""), error.message)
        response = await self._platform.companions.answer(request, service, caller.scope)
        operation = request.header("x-amz-target").rpartition(".")[2] or request.method
        name = named_in(service, request) if response.status < 400 else ""
        self._platform.meter.counted(caller.scope, service, name, operation)
        return response
