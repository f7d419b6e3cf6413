"""`Functions`: the face of this package, a thin asynchronous shell around the transitions.

Whatever changes state commits in the same step and answers when it is durable; whatever only shows state is preceded
by `settled()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from dayfly.clock import Clock
from dayfly.errors import Unsupported
from dayfly.functions.catalogue import Catalogue, Held
from dayfly.functions.code import CodeStore, mounted
from dayfly.functions.environment import Credentials, Specs, account_credentials, log_group_of
from dayfly.functions.errors import Conflict, FunctionNotFound, InvalidParameter, NotFound, ValidationFailed
from dayfly.functions.events import CONCURRENCY, KIND, Events
from dayfly.functions.invoke import Invocations, LogWriter, Recorder
from dayfly.functions.model import Alias, Code, Configuration, EventInvokeConfig, LayerVersion, Policy, UrlConfig
from dayfly.functions.names import FunctionName, function_arn, read_function
from dayfly.functions.publish import Publisher
from dayfly.identity import Scope, parse_arn
from dayfly.ids import Ids
from dayfly.runtime import Invoker, Line, Spec
from dayfly.store import Changes, Journal
from dayfly.targets import Send, WorkQueue

LOCAL_BUCKET = "dayfly-local"
"""`Code={"S3Bucket": "dayfly-local", "S3Key": "/abs/dir"}` mounts a directory where that is allowed."""

FetchObject = Callable[[str, str, str | None], Awaitable[bytes]]
"""(bucket, key, version) → the object's bytes."""
T = TypeVar("T")


class CodeSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where code or a layer's content comes from; one of the three."""

    zip: bytes | None = None
    bucket: str = ""
    key: str = ""
    object_version: str | None = None
    image: str = ""


class Functions:
    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        invoker: Invoker,
        work: WorkQueue,
        logs: LogWriter,
        meter: Recorder,
        code_directory: Path,
        endpoint: str,
        send: Send,
        fetch_object: FetchObject | None = None,
        credentials: Credentials = account_credentials,
        platform_environment: Mapping[str, str] | None = None,
        local_code: bool = False,
    ) -> None:
        """`endpoint` is where functions reach the platform; `send` is `Targets.send`, for destinations.

        A handler for asynchronous events is registered with `work`.
        """
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._logs = logs
        self._endpoint = endpoint
        self._code = CodeStore(code_directory)
        self._local_code = local_code
        self.fetch_object = fetch_object
        self.catalogue = Catalogue(journal)
        self._publisher = Publisher(catalogue=self.catalogue, clock=clock, ids=ids)
        self._specs = Specs(
            catalogue=self.catalogue,
            code=self._code,
            endpoint=endpoint,
            platform_environment=platform_environment or {},
            credentials=credentials,
        )
        self._invocations = Invocations(
            catalogue=self.catalogue, specs=self._specs, clock=clock, ids=ids, invoker=invoker, logs=logs, meter=meter
        )
        self._events = Events(
            catalogue=self.catalogue, invocations=self._invocations, clock=clock, ids=ids, work=work, send=send
        )
        self._scopes: dict[str, Scope] = {}
        self.invoke = self._invocations.invoke
        """See `Invocations.invoke`; bound here so that the warm path has no further call."""
        self.enqueue = self._events.enqueue
        """See `Events.enqueue`."""
        work.handle(KIND, self._events.run, concurrency=CONCURRENCY)

    def load(self) -> None:
        self.catalogue.load()

    async def commit(self, changes: Changes) -> None:
        """Make what `enqueue` answered durable, for callers with nothing else to commit."""
        await self._journal.commit(changes)

    async def settled(self) -> None:
        """Wait until what memory shows is durable."""
        await self._journal.commit(())

    # Functions

    async def create(
        self,
        scope: Scope,
        name: str,
        configuration: Configuration,
        source: CodeSource,
        *,
        tags: Mapping[str, str] | None = None,
        publish: bool = False,
    ) -> Configuration:
        """Create a function; `configuration.code` is replaced by what `source` names."""
        if self.catalogue.find(scope, name):
            raise Conflict(f"Function already exist: {name}")
        ready = msgspec.structs.replace(configuration, code=await self._taken(source))
        return await self._committed(self._publisher.create(scope, name, ready, tags or {}, publish=publish))

    async def update_code(
        self,
        name: FunctionName,
        source: CodeSource,
        *,
        architecture: str | None = None,
        revision_id: str | None = None,
        publish: bool = False,
    ) -> Configuration:
        self.catalogue.get(name)
        fields: dict[str, Any] = {"code": await self._taken(source)}
        if architecture:
            fields["architecture"] = architecture
        return await self._changed(name, self._publisher.update(name, fields, revision_id, publish=publish))

    async def update_configuration(
        self, name: FunctionName, fields: Mapping[str, Any], *, revision_id: str | None = None
    ) -> Configuration:
        """`fields` are those of `Configuration`."""
        return await self._changed(name, self._publisher.update(name, fields, revision_id))

    async def publish_version(
        self,
        name: FunctionName,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> Configuration:
        return await self._committed(self._publisher.publish(name, description, code_sha256, revision_id))

    async def delete(self, name: FunctionName) -> None:
        await self._changed(name, (None, self._publisher.delete(name)))

    async def put_alias(self, name: FunctionName, alias: Alias) -> Alias:
        return await self._committed(self._publisher.create_alias(name, alias))

    async def update_alias(
        self, name: FunctionName, alias: str, fields: Mapping[str, Any], revision_id: str | None = None
    ) -> Alias:
        return await self._committed(self._publisher.update_alias(name, alias, fields, revision_id))

    async def delete_alias(self, name: FunctionName, alias: str) -> None:
        await self._committed((None, self._publisher.delete_alias(name, alias)))

    async def set_reserved(self, name: FunctionName, reserved: int | None) -> None:
        await self._committed((None, self._publisher.set_reserved(name, reserved)))

    async def set_provisioned(self, name: FunctionName, amount: int | None) -> None:
        await self._committed((None, self._publisher.put_provisioned(name, amount)))

    async def set_tags(self, name: FunctionName, tags: Mapping[str, str]) -> None:
        await self._committed((None, self._publisher.set_tags(name, tags)))

    async def put_invoke_config(self, name: FunctionName, config: EventInvokeConfig | None) -> None:
        await self._committed((None, self._publisher.put_invoke_config(name, config)))

    async def add_permission(
        self, name: FunctionName, sid: str, statement: dict[str, Any], revision_id: str | None = None
    ) -> None:
        await self._committed((None, self._publisher.add_permission(name, sid, statement, revision_id)))

    async def remove_permission(self, name: FunctionName, sid: str, revision_id: str | None = None) -> None:
        await self._committed((None, self._publisher.remove_permission(name, sid, revision_id)))

    # URLs

    async def create_url(self, name: FunctionName, *, auth: str, mode: str, cors: dict[str, Any]) -> UrlConfig:
        held = self.catalogue.get(name)
        if (name.qualifier or "") in held.function.urls:
            raise Conflict(
                f"Failed to create function url config for [functionArn = {name.arn}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        now_ms = self._clock.now_ms()
        url = UrlConfig(
            id=self._ids.token(32),
            qualifier=name.qualifier or "",
            auth=auth,
            mode="RESPONSE_STREAM" if mode == "RESPONSE_STREAM" else "BUFFERED",
            cors=cors,
            created_ms=now_ms,
            modified_ms=now_ms,
        )
        await self._committed((None, self._publisher.put_url(name, url)))
        return url

    async def update_url(self, name: FunctionName, fields: Mapping[str, Any]) -> UrlConfig:
        url = msgspec.structs.replace(self.url_of(name), modified_ms=self._clock.now_ms(), **fields)
        await self._committed((None, self._publisher.put_url(name, url)))
        return url

    async def delete_url(self, name: FunctionName) -> None:
        self.url_of(name)
        await self._committed((None, self._publisher.put_url(name, None)))

    def url_of(self, name: FunctionName) -> UrlConfig:
        """Raises NotFound."""
        found = self.catalogue.get(name).function.urls.get(name.qualifier or "")
        if found is None:
            raise NotFound("The resource you requested does not exist.")
        return found

    def url_text(self, scope: Scope, url: UrlConfig) -> str:
        """The URL as clients use it, on the platform's own port."""
        parts = urlsplit(self._endpoint)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{url.id}.lambda-url.{scope.region}.localhost{port}/"

    def find_url(self, url_id: str) -> tuple[FunctionName, UrlConfig] | None:
        """The function behind a URL's id, for the gateway that serves it."""
        for held in self.catalogue.every():
            for qualifier, url in held.function.urls.items():
                if url.id == url_id:
                    return FunctionName(held.scope, held.name, qualifier or None), url
        return None

    def url(self, url_id: str) -> tuple[Scope, str, str, dict[str, Any], str]:
        """Scope, function ARN (qualified where the URL is), auth type, CORS and invoke mode. Raises NotFound."""
        found = self.find_url(url_id)
        if found is None:
            raise NotFound("The resource you requested does not exist.")
        name, url = found
        return name.scope, name.arn, url.auth, url.cors, url.mode

    # Layers

    async def publish_layer(self, scope: Scope, layer: LayerVersion, source: CodeSource) -> LayerVersion:
        """`layer.version` and `layer.code` are filled in here."""
        ready = msgspec.structs.replace(layer, code=await self._taken(source))
        return await self._committed(self._publisher.publish_layer(scope, ready))

    async def delete_layer_version(self, scope: Scope, name: str, version: int) -> None:
        await self._committed((None, self._publisher.delete_layer_version(scope, name, version)))

    async def set_layer_statement(
        self, scope: Scope, name: str, version: int, sid: str, statement: dict[str, Any] | None
    ) -> Policy:
        return await self._committed(self._publisher.set_layer_statement(scope, name, version, sid, statement))

    # Code

    async def code_zip(self, name: FunctionName) -> bytes:
        """The zip of the version this name points at. Raises FunctionNotFound."""
        return await asyncio.to_thread(self._code.zip_of, self.catalogue.configuration(name).code)

    async def layer_zip(self, scope: Scope, name: str, version: int) -> bytes:
        return await asyncio.to_thread(self._code.zip_of, self.catalogue.layer_version(scope, name, version).code)

    def refresh(self) -> list[str]:
        """Let go of warm environments whose function is gone or different now; the names of their functions."""
        return self._invocations.refresh()

    def touch(self, what: str | Path) -> list[str]:
        """Code changed under this directory (or of the function of this name): the next event starts afresh.

        Answers the names of the functions whose warm environments were let go.
        """
        if isinstance(what, Path) or "/" in what:
            directories = [Path(what)]
        else:
            held = [held for held in self.catalogue.every() if held.name == what]
            directories = [Path(h.latest.code.directory) for h in held if h.latest.code.directory]
        for directory in directories:
            self._specs.touch(directory)
        return self._invocations.refresh()

    def on_log(self, spec: Spec, stream: str, request_id: str, lines: Sequence[Line], /) -> None:
        """Given to the pool: keep lines as they appear."""
        scope = self._scopes.get(spec.arn)
        if scope is None:
            scope = self._scopes[spec.arn] = parse_arn(spec.arn).scope
        self._logs.write(scope, spec.log_group, stream, lines)

    # Looking

    def held(self, name: FunctionName) -> Held:
        """Raises FunctionNotFound."""
        return self.catalogue.get(name)

    def exists(self, scope: Scope, name_or_arn: str) -> bool:
        try:
            self.catalogue.configuration(read_function(scope, name_or_arn))
        except FunctionNotFound:
            return False
        return True

    def log_group(self, scope: Scope, name_or_arn: str) -> str | None:
        """Where a function's lines go; None where there is no such function."""
        try:
            name = read_function(scope, name_or_arn)
            return log_group_of(name.name, self.catalogue.configuration(name))
        except (FunctionNotFound, ValidationFailed):
            return None

    def delete_account(self, account: str | None) -> Changes:
        """Forget one account's functions and layers, or all; answers the changes to commit."""
        changes: list[tuple[str, bytes | None]] = []
        for held in list(self.catalogue.every()):
            if account in (None, held.scope.account):
                self._invocations.forget(function_arn(held.scope, held.name))
                changes.extend(self.catalogue.drop_function(held.scope, held.name))
        for scope, layer in list(self.catalogue.every_layer_version()):
            if account in (None, scope.account):
                changes.extend(self.catalogue.drop_layer_version(scope, layer.name, layer.version))
        return changes

    async def _taken(self, source: CodeSource) -> Code:
        if source.image:
            raise Unsupported("Functions from container images (ImageUri) are not supported.")
        if source.zip is not None:
            return await asyncio.to_thread(self._code.put, source.zip)
        if source.bucket == LOCAL_BUCKET and self._local_code:
            return mounted(source.key)
        if not source.bucket or not source.key:
            raise InvalidParameter("Please provide a source for function code.")
        if self.fetch_object is None:
            raise Unsupported(f"Code from S3 (s3://{source.bucket}/{source.key}) cannot be fetched here.")
        data = await self.fetch_object(source.bucket, source.key, source.object_version)
        return await asyncio.to_thread(self._code.put, data)

    async def _committed(self, done: tuple[T, Changes]) -> T:
        result, changes = done
        await self._journal.commit(changes)
        return result

    async def _changed(self, name: FunctionName, done: tuple[T, Changes]) -> T:
        result, changes = done
        durable = self._journal.commit(changes)
        self._invocations.refresh()
        await durable
        return result
