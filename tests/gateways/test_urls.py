"""Function URLs.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

import msgspec
import pytest

from dayfly.errors import Error
from dayfly.front.messages import Request


def url(world, *, auth: str = "NONE", cors=None, mode: str = "BUFFERED", run=None) -> None:
    world.function("f", run or (lambda event: {"hello": event["rawPath"]}))
    world.functions.urls["u1"] = (world.scope, "f", auth, cors or {}, mode)


async def ask(world, method: str = "GET", target: str = "/", headers=()):
    return await world.gateways.url(Request(method, target, list(headers)), "u1")


async def body_of(reply) -> list[bytes]:
    return [chunk async for chunk in reply.body]


async def test_a_url_gives_payload_2_0_and_infers_the_answer(world):
    url(world)
    reply = await ask(world, target="/a%20b?x=1")
    assert (reply.status, reply.body) == (200, b'{"hello":"/a%20b"}')
    assert world.event["requestContext"]["accountId"] == "anonymous"
    assert world.event["routeKey"] == "$default"


async def test_an_unknown_url_is_forbidden(world):
    assert (await ask(world)).status == 403


async def test_a_url_with_iam_wants_a_signature_that_holds(world):
    url(world, auth="AWS_IAM")
    assert (await ask(world)).status == 403

    def verify(request):
        raise Error("the signature does not match")

    signed = [("Authorization", "AWS4-HMAC-SHA256 …")]
    world.verify = verify
    assert (await ask(world, headers=signed)).status == 403
    world.verify = lambda request: world.caller
    assert (await ask(world, headers=signed)).status == 200
    assert world.event["requestContext"]["authorizer"]["iam"]["accountId"] == "000000000000"


async def test_a_function_that_fails_is_502(world):
    def fails(event):
        raise ValueError("bug")

    url(world, run=fails)
    reply = await ask(world)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


async def test_cors_of_a_url_answers_preflights(world):
    url(world, cors={"AllowOrigins": ["http://x"], "AllowMethods": ["*"]})
    asked = [("Origin", "http://x"), ("Access-Control-Request-Method", "PUT")]
    reply = await ask(world, "OPTIONS", headers=asked)
    assert (reply.status, dict(reply.headers)["access-control-allow-origin"]) == (200, "http://x")
    assert not world.functions.events


@pytest.mark.parametrize("cut", [1, 10, 1000])
async def test_a_stream_s_prelude_sets_status_and_headers_however_it_is_cut(world, cut):
    prelude = {"statusCode": 201, "headers": {"Content-Type": "text/html"}, "cookies": ["a=1"]}
    sent = msgspec.json.encode(prelude) + bytes(8) + b"<p>one</p>"

    def run(event, on_chunk):
        for start in range(0, len(sent), cut):
            on_chunk(sent[start : start + cut])
        on_chunk(b"two")

    url(world, mode="RESPONSE_STREAM", run=run)
    reply = await ask(world)
    assert reply.status == 201
    assert ("Content-Type", "text/html") in reply.headers
    assert ("set-cookie", "a=1") in reply.headers
    assert b"".join(await body_of(reply)) == b"<p>one</p>two"


async def test_a_stream_without_a_prelude_is_all_body(world):
    def run(event, on_chunk):
        on_chunk(b"plain")
        on_chunk(b" text")

    url(world, mode="RESPONSE_STREAM", run=run)
    reply = await ask(world)
    assert reply.status == 200
    assert b"".join(await body_of(reply)) == b"plain text"


async def test_a_function_that_does_not_stream_is_answered_whole(world):
    url(world, mode="RESPONSE_STREAM", run=lambda event, on_chunk: {"statusCode": 202, "body": "x"})
    reply = await ask(world)
    assert (reply.status, reply.body) == (202, b"x")
