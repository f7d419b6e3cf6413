"""Which part of the platform a request reaches, through a real listener."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from dayfly.front import Listener, Request, Response
from dayfly.front.routing import Destination, Router, destination_of
from dayfly.gateways.model import Api, Integration, Route, Stage, Surface
from dayfly.gateways.traffic import Reply


@pytest.mark.parametrize(
    ("host", "target", "destination"),
    [
        ("abc.execute-api.localhost:4566", "/dev/x?q", Destination("abc", None, "/dev/x")),
        ("abc.execute-api.us-east-1.amazonaws.com", "/", Destination("abc", None, "/")),
        ("localhost", "/_aws/execute-api/abc/dev/x/y", Destination("abc", "dev", "/x/y")),
        ("localhost", "/_aws/execute-api/abc/%24default", Destination("abc", "$default", "/")),
        ("localhost", "/restapis/abc/dev/_user_request_/x", Destination("abc", "dev", "/x")),
        ("localhost", "/restapis/abc/resources", None),
        ("sqs.us-east-1.amazonaws.com", "/", None),
    ],
)
def test_the_api_is_named_by_host_or_path(host, target, destination):
    assert destination_of(Request("GET", target, [("Host", host)])) == destination


class FakeGateways:
    def __init__(self) -> None:
        self.seen: list = []
        stage = {"$default": Stage(name="$default", created_s=0, auto_deploy=True)}
        route = Route(route_id="r", route_key="GET /a", target="integrations/i")
        surface = Surface(
            routes={"r": route}, integrations={"i": Integration(integration_id="i", integration_type="X")}
        )
        common = {"account": "1", "region": "r", "name": "n", "created_s": 0, "stages": stage}
        self.apis = {
            "h": Api(id="h", kind="http", surface=surface, **common),
            "w": Api(id="w", kind="websocket", **{**common, "stages": {"dev": Stage(name="dev", created_s=0)}}),
        }

    async def answer(self, request, api_id, stage, path, *, own_port=False):
        self.seen.append(("answer", api_id, stage, path))
        if path == "/missing":
            return Reply(404, [], b'{"message":"Not Found"}')
        return Reply(200, [], b"gateway")

    async def url(self, request, url_id):
        self.seen.append(("url", url_id, request.target))
        return Reply(200, [], b"url")

    async def upgrade(self, request, api_id, stage):
        self.seen.append(("upgrade", api_id, stage))
        return Reply(403, [], b"no")

    def plan_of(self, api, stage):
        class Plan:
            keys = [route.route_key for route in api.surface.routes.values()]

        return Plan()


@pytest.fixture
def gateways():
    return FakeGateways()


@pytest.fixture
def router(gateways):
    async def aws(request):
        known = request.raw_path.startswith(("/2015-03-31", "/known")) or "@connections" in request.raw_path
        return Response(200, [], b"aws " + request.target.encode()) if known else None

    async def control(request):
        return Response(200, [], b"control")

    async def companion(request):
        return Response(200, [], b"companion")

    return Router(gateways=gateways, aws=aws, control=control, companion=companion)


@pytest.mark.parametrize(
    ("host", "target", "body"),
    [
        ("localhost", "/_dayfly/health", b"control"),
        ("abc.execute-api.localhost", "/x", b"gateway"),
        ("u1.lambda-url.us-east-1.localhost:4566", "/x", b"url"),
        ("localhost", "/_aws/lambda-url/u1/x", b"url"),
        ("abc.execute-api.localhost", "/dev/@connections/c%3D", b"aws /dev/@connections/c%3D"),
        ("abc.execute-api.us-east-1.amazonaws.com", "/dev//@connections/c", b"aws /dev//@connections/c"),
        ("localhost", "/dev/%40connections/c", None),
        ("localhost", "/known", b"aws /known"),
        ("localhost", "/bucket/key", b"companion"),
    ],
)
async def test_the_table_is_read_from_top_to_bottom(router, host, target, body):
    answer = await router.answer(Request("GET", target, [("Host", host)]))
    assert answer.body == (body or b"companion")


async def test_the_http_port_serves_one_api_and_lists_its_routes_to_people(router, gateways):
    answer = router.http_port(lambda: "h")
    assert (await answer(Request("GET", "/a", []))).body == b"gateway"
    assert gateways.seen == [("answer", "h", None, "/a")]
    missing = await answer(Request("GET", "/missing", [("Accept", "text/html")]))
    assert missing.status == 404
    assert b"GET     /a" in missing.body
    assert (await answer(Request("GET", "/missing", []))).body == b'{"message":"Not Found"}'
    assert (await router.http_port(lambda: None)(Request("GET", "/", []))).status == 404
    router.starting = lambda: True
    assert (await router.http_port(lambda: None)(Request("GET", "/", []))).status == 503


async def test_the_lambda_port_takes_invocations_alone(router):
    answer = router.lambda_port()
    invoke = "/2015-03-31/functions/f/invocations"
    assert (await answer(Request("POST", invoke, []))).body == b"aws " + invoke.encode()
    assert (await answer(Request("GET", "/known", []))).status == 404


async def test_the_websocket_port_opens_the_application_s_api(router, gateways):
    answer, upgrade = router.websocket_port(lambda: "w")
    listener = Listener()
    port = await listener.start("127.0.0.1", 0, answer, upgrade=upgrade)
    for path in ("/", "/dev"):
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(f"ws://127.0.0.1:{port}{path}")
        assert refused.value.response.status_code == 403
    assert gateways.seen == [("upgrade", "w", "dev")] * 2
    await asyncio.sleep(0)
    await listener.stop(1)
