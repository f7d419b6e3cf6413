"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfly.gateways.routes import Routes


def table(*keys: str) -> Routes[str]:
    routes: Routes[str] = Routes()
    for key in keys:
        if key == "$default":
            routes.default = key
        else:
            routes.add(*key.split(" "), key)
    return routes


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("POST", "/test/5", "$default", {}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/dog/a%20b", "GET /pets/dog/{id}", {"id": "a b"}),
    ],
)
def test_the_most_specific_route_wins(method, path, key, parameters):
    keys = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "$default"]
    if key.startswith("ANY"):
        keys.append("ANY /{proxy+}")
    assert table(*keys).find(method, path) == (key, parameters)


def test_a_method_wins_over_any():
    assert table("ANY /a", "GET /a").find("GET", "/a") == ("GET /a", {})
    assert table("ANY /a", "GET /a").find("PUT", "/a") == ("ANY /a", {})


def test_nothing_matches_without_a_route():
    assert table("GET /a").find("POST", "/a") is None
    assert table("GET /a").find("GET", "/a/b") is None
    assert table("GET /{proxy+}").find("GET", "/") is None


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5))
def test_a_greedy_route_takes_every_path_below(parts):
    path = "/" + "/".join(parts)
    assert table("ANY /{proxy+}").find("GET", path) == ("ANY /{proxy+}", {"proxy": path[1:]})
