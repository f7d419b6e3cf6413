"""WebSockets with a real client (RFC 6455)."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dayfly.front import Response


class Echo:
    subprotocol = None

    def __init__(self) -> None:
        self.socket = None
        self.ended = asyncio.get_running_loop().create_future()

    def opened(self, socket):
        self.socket = socket

    def received(self, message):
        self.socket.send(message)

    def closed(self, code, reason):
        self.ended.set_result((code, reason))


@pytest.fixture
async def echo(site):
    handler = Echo()

    async def upgrade(request):
        site.seen.append(request)
        await asyncio.sleep(0)
        return handler

    site.upgrade = upgrade
    await site.start()
    return handler


def url(site) -> str:
    return f"ws://127.0.0.1:{site.port}/dev?a=1"


async def test_text_and_binary_messages_go_both_ways(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send("grüße")
        assert await socket.recv() == "grüße"
        await socket.send(b"\x00\x01")
        assert await socket.recv() == b"\x00\x01"
        await (await socket.ping())
    assert site.seen[0].target == "/dev?a=1"


async def test_a_fragmented_message_is_put_together(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send(["a" * 30_000, "b" * 30_000, "c"])
        assert len(await socket.recv()) == 60_001


async def test_a_frame_beyond_32_kb_closes_with_1009(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send("x" * 40_000)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1009


async def test_a_message_beyond_128_kb_closes_with_1009(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send(["x" * 30_000] * 5)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1009


async def test_the_client_s_close_code_is_told(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.close(4001, "bye")
    assert await asyncio.wait_for(echo.ended, 5) == (4001, "bye")


async def test_a_lost_connection_is_1006(site, echo):
    socket = await websockets.connect(url(site))
    socket.transport.abort()
    assert (await asyncio.wait_for(echo.ended, 5))[0] == 1006


async def test_our_close_code_reaches_the_client(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send("x")
        await socket.recv()
        echo.socket.close(4002, "enough")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4002, "enough")


async def test_a_subprotocol_is_told_to_the_client(site, echo):
    echo.subprotocol = "chat"
    async with websockets.connect(url(site), subprotocols=["chat", "other"]) as socket:
        assert socket.subprotocol == "chat"


async def test_compression_is_not_agreed_to(site, echo):
    async with websockets.connect(url(site), compression="deflate") as socket:
        assert socket.protocol.extensions == []


async def test_a_refusal_is_an_ordinary_answer(site):
    async def upgrade(request):
        return Response(403, [("x-why", "no")], b"no")

    site.upgrade = upgrade
    await site.start()
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(url(site))
    assert refused.value.response.status_code == 403


async def test_stopping_says_going_away(site, echo):
    async with websockets.connect(url(site)) as socket:
        await socket.send("x")
        await socket.recv()
        stopping = asyncio.create_task(site.listener.stop(5))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        await stopping
    assert closed.value.rcvd.code == 1001


async def test_a_websocket_may_follow_ordinary_requests_on_its_connection(site, echo):
    client = await site.client()
    for _ in range(2):
        client.send(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.answer())[0] == 200
        await asyncio.sleep(0.01)  # its task waits for the next request now
    client.send(
        b"GET /dev HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await client.head()).startswith("HTTP/1.1 101 ")
    client.send(b"\x81\x82\x00\x00\x00\x00hi")
    assert await asyncio.wait_for(client.reader.readexactly(4), 5) == b"\x81\x02hi"
    client.close()
    assert (await asyncio.wait_for(echo.ended, 5))[0] == 1006
