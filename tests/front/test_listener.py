"""What the listener promises to clients, byte by byte (RFC 9110, RFC 9112)."""

from __future__ import annotations

import asyncio

import pytest

from dayfly.front import Limits, Listener, PortTaken, Response


async def test_requests_on_one_connection_are_answered_in_order_however_long_each_takes(site):
    async def answer(request):
        await asyncio.sleep(0.02 if request.target == "/1" else 0)
        return Response(200, [], request.target.encode())

    site.answer = answer
    client = await site.client()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(1, 6)))
    assert [(await client.answer())[2] for _ in range(5)] == [b"/1", b"/2", b"/3", b"/4", b"/5"]


async def test_more_pipelined_requests_than_may_wait_are_all_answered(site):
    client = await site.client()
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(200)))
    assert [(await client.answer())[2] for _ in range(200)] == [b"/%d" % n for n in range(200)]


async def test_a_chunked_body_arrives_whole(site):
    client = await site.client()
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0)
    client.send(b"2\r\nde\r\n0\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert site.seen[0].body == b"abcde"


async def test_headers_keep_the_case_and_order_the_client_sent(site):
    client = await site.client()
    client.send(b"GET /x?a=1 HTTP/1.1\r\nHost: a\r\nX-MiXed: 1\r\nx-mixed: 2\r\n\r\n")
    await client.answer()
    assert site.seen[0].headers == [("Host", "a"), ("X-MiXed", "1"), ("x-mixed", "2")]
    assert site.seen[0].raw_query == "a=1"


async def test_who_expects_100_continue_is_told_to_go_on(site):
    client = await site.client()
    client.send(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.head()).startswith("HTTP/1.1 100 ")
    client.send(b"abc")
    assert (await client.answer())[0] == 200
    assert site.seen[0].body == b"abc"


async def test_head_has_the_length_and_no_body(site):
    client = await site.client()
    client.send(b"HEAD /four HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    assert "content-length: 5" in await client.head()
    assert (await client.answer())[2] == b"/next"


async def test_a_stream_is_sent_in_chunks_as_it_comes(site):
    more = asyncio.Event()

    async def chunks():
        yield b"first"
        await more.wait()
        yield b"second"

    async def answer(request):
        return Response(200, [], chunks())

    site.answer = answer
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert "transfer-encoding: chunked" in await client.head()
    assert await client.reader.readuntil(b"first\r\n") == b"5\r\nfirst\r\n"
    more.set()
    assert await client.reader.readuntil(b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_a_stream_waits_for_a_client_that_does_not_read(site):
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield bytes(65536)

    async def answer(request):
        return Response(200, [], chunks())

    site.answer = answer
    client = await site.client()
    client.writer.transport.pause_reading()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    before = -1
    while before != sent or not sent:
        before = sent
        await asyncio.sleep(0.05)
    assert sent < 900


async def test_a_stream_to_an_http_1_0_client_ends_with_the_connection(site):
    async def chunks():
        yield b"all"

    async def answer(request):
        return Response(200, [], chunks())

    site.answer = answer
    client = await site.client()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert "chunked" not in await client.head()
    assert await client.rest() == b"all"


async def test_what_is_not_http_is_refused_in_a_sentence_and_the_connection_closed(site):
    client = await site.client()
    client.send(b"\x16\x03\x01 hello\r\n\r\n")
    status, _, body = await client.answer()
    assert status == 400
    assert b"not HTTP" in body
    assert await client.rest() == b""


async def test_a_refusal_comes_after_the_answers_that_are_owed(site):
    client = await site.client()
    client.send(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
    assert (await client.answer())[2] == b"/ok"
    assert (await client.answer())[0] == 400


@pytest.mark.parametrize("shape", ["many", "endless"])
async def test_headers_beyond_the_limit_are_431(site, shape):
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\n")
    for n in range(80):
        client.send(b"X-%d: %b\r\n" % (n, bytes([97]) * 1000) if shape == "many" else b"x" * 1000)
    assert (await client.answer())[0] == 431


async def test_a_declared_or_a_real_body_beyond_the_limit_is_413(site):
    await site.start(Limits(body_bytes=1000))
    client = await site.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
    assert (await client.answer())[0] == 413
    client = await site.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001) + b"\r\n")
    assert (await client.answer())[0] == 413


async def test_a_client_that_dawdles_over_its_headers_or_body_gets_408(site):
    await site.start(Limits(head_s=0, body_s=0))
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\nHo")
    assert (await client.answer())[0] == 408
    client = await site.client()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
    assert (await client.answer())[0] == 408


async def test_a_header_of_an_answer_cannot_start_another_header(site):
    async def answer(request):
        return Response(200, [("x-a", "1\r\nx-evil: 2"), ("content-length", "99"), ("transfer-encoding", "x")], b"ok")

    site.answer = answer
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    _, head, body = await client.answer()
    assert "\r\nx-evil" not in head
    assert body == b"ok"


async def test_an_answer_that_fails_is_500_and_the_connection_lives(site):
    async def answer(request):
        if request.target == "/bad":
            raise RuntimeError("bug")
        return await site.plain(request)

    site.answer = answer
    client = await site.client()
    client.send(b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\nGET /good HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.answer())[0] == 500
    assert (await client.answer())[2] == b"/good"


async def test_a_client_that_leaves_cancels_its_answer(site):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def answer(request):
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.set()
            raise

    site.answer = answer
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await begun.wait()
    client.writer.transport.abort()
    await asyncio.wait_for(ended.wait(), 5)


async def test_stopping_finishes_what_is_being_answered_and_accepts_nothing_more(site):
    begun, go = asyncio.Event(), asyncio.Event()

    async def answer(request):
        begun.set()
        await go.wait()
        return Response(200, [], b"done")

    site.answer = answer
    client, idle = await site.client(), await site.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await begun.wait()
    stopping = asyncio.create_task(site.listener.stop(5))
    assert await idle.rest() == b""
    with pytest.raises(OSError):
        await site.client()
    go.set()
    status, head, body = await client.answer()
    assert (status, body) == (200, b"done")
    assert "connection: close" in head
    await stopping


async def test_stopping_aborts_what_is_not_done_at_the_deadline(site):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def answer(request):
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    site.answer = answer
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await begun.wait()
    await site.listener.stop(0.05)
    assert await asyncio.wait_for(cancelled.wait(), 5)
    assert not site.listener.connections


async def test_an_offer_of_another_protocol_gets_an_ordinary_answer(site):
    client = await site.client()
    client.send(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert (await client.answer())[2] == b"/a"
    client.send(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.answer())[2] == b"/b"


async def test_a_taken_port_is_said_with_its_number_and_process(site):
    with pytest.raises(PortTaken, match=rf"port {site.port} .* taken by process \d+"):
        await Listener().start("127.0.0.1", site.port, site.plain)


async def test_one_listener_has_several_ports(site):
    second = await site.listener.start("127.0.0.1", 0, site.plain)
    assert second != site.port
    site.port = second
    client = await site.client()
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert site.seen[0].port == second


async def test_a_connection_between_requests_leaves_no_task_behind_when_it_ends(site):
    before = asyncio.all_tasks()
    client = await site.client()
    client.send(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.answer()
    assert len(asyncio.all_tasks() - before) == 1, "one task answers all requests of a connection"
    client.close()
    for _ in range(100):
        if not asyncio.all_tasks() - before:
            break
        await asyncio.sleep(0.01)
    assert not asyncio.all_tasks() - before
    assert not site.listener.connections
