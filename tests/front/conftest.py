from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dayfly.front import Limits, Listener, Request, Response


class Client:
    """A raw connection, so that tests decide over every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> str:
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode("latin-1")

    async def answer(self) -> tuple[int, str, bytes]:
        """Status, head and body of one answer with a content-length."""
        head = await self.head()
        length = next(
            (int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0
        )
        return int(head.split()[1]), head, await asyncio.wait_for(self.reader.readexactly(length), 5)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)

    def close(self) -> None:
        self.writer.close()


class Site:
    """A listener with a changeable answer."""

    def __init__(self) -> None:
        self.listener = Listener()
        self.seen: list[Request] = []
        self.port = 0
        self.clients: list[Client] = []
        self.answer: Callable = self.plain
        self.upgrade: Callable | None = None

    async def plain(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(200, [("content-type", "text/plain")], request.target.encode())

    async def start(self, limits: Limits | None = None) -> None:
        self.listener = Listener(limits)

        async def answer(request: Request) -> Response:
            return await self.answer(request)

        async def upgrade(request: Request):
            return await self.upgrade(request)

        self.port = await self.listener.start("127.0.0.1", 0, answer, upgrade=upgrade if self.upgrade else None)

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.start()
    yield made
    for client in made.clients:
        client.close()
    await made.listener.stop(0.2)
