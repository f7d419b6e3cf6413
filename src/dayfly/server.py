"""The whole platform: builds all parts, starts them, stops them. The only module that knows every part.

platform = await Platform.start(settings)
…
await platform.stop()
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dayfly.api.registry import Registry
from dayfly.buckets import Buckets
from dayfly.buses import Buses
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.console.control import Control
from dayfly.console.downloads import Downloads
from dayfly.console.log_stream import LogStream
from dayfly.console.mail_pages import MailPages
from dayfly.doors import Doors
from dayfly.front.limits import Limits
from dayfly.front.listener import Listener, bound
from dayfly.front.routing import Router
from dayfly.functions import Functions
from dayfly.functions.sources import Sources
from dayfly.functions.streams import Streams
from dayfly.gateways import Gateways
from dayfly.identity import Scope
from dayfly.identity.keys import Issuer, Keys
from dayfly.identity.roles import Roles
from dayfly.ids import RandomIds
from dayfly.logs import Logs
from dayfly.mail import Mail
from dayfly.meter import Meter
from dayfly.names import Names
from dayfly.queues import Queues
from dayfly.runtime import Family
from dayfly.runtime.authority import Authority
from dayfly.runtime.pool import Pool
from dayfly.schedules import Schedules
from dayfly.service_calls import ServiceCalls
from dayfly.services import apis
from dayfly.settings import Settings
from dayfly.stacks import Stacks
from dayfly.stacks.responses import Responses
from dayfly.store import Change, Journal, JournalFailed
from dayfly.store.memory import MemoryJournal
from dayfly.targets import Targets
from dayfly.topics import Topics
from dayfly.work import Work

_log = logging.getLogger("dayfly")


class Platform:
    """All parts of one running platform. Whoever started it stops it."""

    def __init__(self, settings: Settings) -> None:
        """Build every part in the order of their needs; nothing runs yet."""
        self.settings = settings
        self._owned = contextlib.ExitStack()
        self._socket = None if settings.port else self._bound(settings.host)
        self.port = settings.port or int(self._socket.getsockname()[1])  # type: ignore[union-attr]
        self.endpoint = f"http://{'127.0.0.1' if settings.host == '0.0.0.0' else settings.host}:{self.port}"
        self.scope = Scope(settings.account, settings.region)
        self.ports: dict[str, int] = {}
        self.on_reset: list[Callable[[], Any]] = []
        self._state = settings.state
        self._state.mkdir(parents=True, exist_ok=True)
        self.clock, self.ids = SystemClock(), RandomIds()
        self.journal = self._open_journal()
        kept: dict[str, Any] = {"journal": self.journal, "clock": self.clock, "ids": self.ids}

        self.keys = self._open_keys()
        self.issuer = self.keys.issuer if self.keys else Issuer(master=self.ids.uuid(), clock=self.clock, ids=self.ids)
        self.roles = Roles(**kept)
        self.work = Work(**kept)
        self.doors = Doors(self)
        self.targets = Targets(work=self.work, clock=self.clock, call=self.doors.call)
        self.logs = Logs(**kept, send=self.targets.send)
        self.meter = Meter(journal=self.journal, clock=self.clock)
        self.mail = Mail(**kept)
        self.stacks = Stacks(**kept)
        self.responses = Responses(ids=self.ids)
        self.queues = Queues(**kept, endpoint=self.endpoint)
        self.authority = Authority(directory=self._state / "authority", clock=self.clock)
        self.pool = self._make_pool()
        self.functions = Functions(
            **kept,
            invoker=self.pool,
            work=self.work,
            logs=self.logs,
            meter=self.meter,
            code_directory=self._state / "code",
            endpoint=self.endpoint,
            send=self.targets.send,
            fetch_object=self.doors.fetch_object,
            credentials=self.doors.credentials,
            platform_environment=self._platform_environment(),
            local_code=settings.mode == "dev",
        )
        self.topics = Topics(
            **kept,
            work=self.work,
            queues=self.queues,
            invoke=self.doors.invoke_later,
            post=self.doors.post,
            mail=self.doors.send_mail,
            endpoint=self.endpoint,
        )
        self.schedules = Schedules(**kept, send=self.targets.send)
        self.buses = Buses(**kept, send=self.targets.send)
        self.companions = Companions(
            journal=self.journal,
            clock=self.clock,
            directory=self._state / "companions",
            endpoints=settings.endpoints,
            environment=self.doors.for_companion,
            ids=self.ids,
            run=self.doors.run_trigger,
            post=self.doors.post_mail,
        )
        self.buckets = Buckets(**kept, send=self.targets.send, call=self.companions.call)
        self.streams = Streams(**kept, call=self.companions.call, functions=self.functions, send=self.targets.send)
        self.sources = Sources(**kept, queues=self.queues, functions=self.functions, streams=self.streams)
        self.registry = Registry(
            apis(self),
            clock=self.clock,
            ids=self.ids,
            default_account=settings.account,
            default_region=settings.region,
            keys=self.keys,
            on_request=self.doors.count,
            fallback_call=self.companions.call,
            cache_directory=settings.cache / "models",
        )
        self.gateways = Gateways(
            **kept,
            functions=self.functions,
            call=self.registry.call,
            ask=ServiceCalls(self.registry, self.companions).ask,
            verify=self.doors.verify,
            endpoint=self.endpoint,
            count=self.meter.counted,
        )
        self.names = Names(functions=self.functions, stacks=self.stacks)
        self.downloads = Downloads(
            functions=self.functions, clock=self.clock, seal=self.keys.issuer.seal if self.keys else None
        )
        self.log_stream = LogStream(self.logs)
        self.mail_pages = MailPages(self.mail)
        self.control = Control(
            names=self.names,
            invocations=self._invocations,
            usage=self._usage,
            tick=self._tick,
            reset=self.reset,
            check=self.doors.operator,
            services=self._services,
            downloads=self.downloads,
            log_stream=self.log_stream,
            pages=self.mail_pages,
            deploy=self.doors.deploy,
            remove=self.doors.remove,
        )
        self.router = Router(
            gateways=self.gateways,
            aws=self.registry.answer,
            control=self.control.answer,
            companion=self.doors.companion,
        )
        self.listener = Listener(Limits(body_bytes=settings.max_body_mb << 20))
        self._domains = (
            self.roles,
            self.work,
            self.logs,
            self.meter,
            self.mail,
            self.stacks,
            self.queues,
            self.functions,
            self.topics,
            self.sources,
            self.schedules,
            self.buses,
            self.companions,
            self.buckets,
            self.gateways,
        )

    @classmethod
    async def start(cls, settings: Settings) -> Platform:
        """Everything built, loaded, listening. Raises errors.Error in one sentence; then nothing is left running."""
        platform = cls(settings)
        try:
            await platform._start()
        except BaseException:
            await platform.stop()
            raise
        return platform

    async def _start(self) -> None:
        for domain in self._domains:
            domain.load()
        self.journal.on_lost(self._reload)
        self.doors.connect()
        await self.pool.start()
        await self._listen()
        self.work.start()
        self.queues.start()
        self.sources.start()
        self.schedules.start()
        self.buses.start()

    async def _listen(self) -> None:
        settings, start, router = self.settings, self.listener.start, self.router
        host = settings.host
        await start(host, self.port, router.answer, upgrade=router.upgrade, taken=self._socket)
        await self.listener.start_tls(
            self._tls_socket, router.answer, upgrade=router.upgrade, context=self.authority.server_context
        )
        if settings.mode != "dev":
            return
        router.starting = lambda: self.doors.starting
        self.ports["http"] = await start(
            host, settings.http_port, router.http_port(lambda: self.doors.front_api("http")), upgrade=router.upgrade
        )
        answer, upgrade = router.websocket_port(lambda: self.doors.front_api("websocket"))
        self.ports["websocket"] = await start(host, settings.websocket_port, answer, upgrade=upgrade)
        self.ports["lambda"] = await start(host, settings.lambda_port, router.lambda_port())

    async def stop(self) -> None:
        """Stop accepting, let what runs end within the deadline, end all processes, close the journal."""
        deadline_s = float(self.settings.drain_s)
        async with contextlib.AsyncExitStack() as ending:  # whatever fails, the rest is still ended
            ending.callback(self._owned.close)
            ending.push_async_callback(self.journal.close)
            ending.push_async_callback(self._flush)
            ending.push_async_callback(self.companions.close)
            ending.push_async_callback(self.pool.close, deadline_s)
            ending.push_async_callback(self.queues.close)
            ending.push_async_callback(self.work.stop, deadline_s)
            ending.push_async_callback(self.sources.stop, deadline_s)
            ending.callback(self.schedules.stop)
            ending.callback(self.buses.stop)
            ending.push_async_callback(self.gateways.stop, deadline_s)
            ending.push_async_callback(self.listener.stop, deadline_s)
            ending.callback(self.log_stream.close)
            ending.callback(self.mail_pages.close)
            ending.callback(self.queues.let_go)

    async def _flush(self) -> None:
        for keeper in (self.logs, self.meter):
            try:
                await keeper.flush()
            except JournalFailed as error:  # a full disk is no reason not to stop
                _log.warning("the last lines of logs and figures of usage are lost: %s", error)

    def _reload(self) -> None:
        """After a commit that failed: memory goes back to what the journal has."""
        for domain in self._domains:
            domain.load()

    async def reset(self, account: str | None) -> None:
        """Forget all state of an account (None: of all): delete its records, and load everything again."""
        changes: list[Change] = [*self.logs.forget(account), *self.meter.forget(account)]
        if account is None:
            changes += [(key, None) for key, _ in self.journal.load("")]
        else:
            changes += [(key, None) for key, _ in self.journal.load("") if account == _account_in(key)]
            # A piece of work does not say whose it is; its payload names the account in what it is for.
            changes += self.work.forget(lambda item: account.encode() in item.payload)
        await self.journal.commit(changes)
        await self.companions.reset(account)
        await self.journal.commit(())
        self._reload()
        self.functions.refresh()
        for told in self.on_reset:
            await told()

    def settle(self, region: str) -> None:
        """Where calls go that name no region: `dev` settles where its first application is."""
        self.scope = Scope(self.scope.account, region)
        self.registry.default = self.scope

    def record(self, stacks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the ready line says."""
        return {
            "endpoint": self.endpoint,
            "region": self.scope.region,
            "account": self.scope.account,
            "stacks": list(stacks),
        }

    # Parts

    def _open_journal(self) -> Journal:
        if self.settings.memory:
            return MemoryJournal()
        from dayfly.store.sqlite import SqliteJournal

        file = self._state / "journal.sqlite"
        file.touch(mode=0o600)  # it holds mails and secrets; SQLite's other files take its mode
        return SqliteJournal.open(file)

    def _open_keys(self) -> Keys | None:
        """Under `up` requests are signed by a key that is known; in `dev` any key works."""
        settings = self.settings
        if settings.mode == "dev":
            return None
        return Keys(
            directory=self._state,
            account=settings.account,
            clock=self.clock,
            ids=self.ids,
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
        )

    def _make_pool(self) -> Pool:
        settings = self.settings
        scratch = Path(
            self._owned.enter_context(tempfile.TemporaryDirectory(prefix="dayfly-", ignore_cleanup_errors=True))
        )
        return Pool(
            clock=self.clock,
            ids=self.ids,
            directory=scratch,
            cache=settings.cache,
            on_log=self.doors.log,
            isolation=settings.isolation,
            idle_ms=settings.idle_s * 1000,
            max_environments=settings.max_environments,
            seats=_seats(settings.pool_size),
            visible=(self.authority.certificate, self.authority.bundle),
            ca_bundle=self.authority.certificate,
            before=self.authority.prepare,
        )

    # What the control calls answer

    def _services(self) -> dict[str, str]:
        return dict.fromkeys(self.registry.service_names, "running") | {
            "companions": "running" if self.companions.running else "started on first use"
        }

    def _invocations(self, scope: Scope, function: str | None, since_ms: int | None) -> list[dict[str, Any]]:
        return [msgspec.structs.asdict(one) for one in self.meter.invocations(scope, function, since_ms)]

    def _usage(self, scope: Scope, since_ms: int | None, until_ms: int | None) -> dict[str, Any]:
        used = self.meter.usage(scope, since_ms, until_ms)
        return {
            "since": used.since_ms,
            "until": used.until_ms,
            "functions": [{"function": name, **msgspec.structs.asdict(sums)} for name, sums in used.functions.items()],
            "counters": [msgspec.structs.asdict(count) for count in used.counts],
        }

    async def _tick(self, scope: Scope, function: str | None, schedule: str | None) -> list[str]:
        name = function or schedule or ""
        fired: list[str] = []
        for keeper in (self.buses, self.schedules):
            names, changes = keeper.tick(scope, name)
            fired += names
            await self.journal.commit(changes)
        return fired

    def _bound(self, host: str, port: int = 0) -> socket.socket:
        """A port that is ours from now on, although nobody listens yet: its number goes into what is built first."""
        made = bound(host, port)
        self._owned.callback(made.close)
        return made

    def _platform_environment(self) -> dict[str, str]:
        """What functions need to find the platform whatever the SDK; see `runtime/shim`."""
        self._tls_socket = self._bound("127.0.0.1", self.settings.tls_port)
        self.ports["tls"] = int(self._tls_socket.getsockname()[1])
        bundle = str(self.authority.bundle)
        return {
            "DAYFLY_TLS_ADDRESS": f"127.0.0.1:{self.ports['tls']}",
            "NODE_EXTRA_CA_CERTS": str(self.authority.certificate),
            **dict.fromkeys(("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), bundle),
        }


def _seats(size: int) -> dict[Family, int]:
    """How many processes wait for functions of each family."""
    return {"python": size, "node": (size + 1) // 2, "provided": min(size, 1)}


def _account_in(key: str) -> str | None:
    """The account in a record's key: `<service>/<account>/…` or `<service>/<kind>/<account>/…`."""
    return next((part for part in key.split("/")[1:3] if len(part) == 12 and part.isdigit()), None)
