"""The lambda integration of the Serverless Framework: its event, and its way from errors to statuses."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from dayfly.testing import serve

APPLICATION = """
service: mapped
provider: {name: aws, runtime: python3.11}
functions:
  echo:
    handler: handler.echo
    events:
      - http: {method: post, path: "echo/{name}", integration: lambda, cors: true}
      - http: {method: get, path: echo, integration: lambda}
      - http:
          method: get
          path: page
          integration: lambda
          response: {headers: {Content-Type: "'text/html'"}, template: "<p>$input.path('$.method')</p>"}
  fail: {handler: handler.fail, events: [{http: {method: get, path: fail, integration: lambda}}]}
  later: {handler: handler.echo, events: [{http: {method: post, path: later, async: true}}]}
"""
HANDLER = """
def echo(event, context):
    return event
def fail(event, context):
    raise Exception('[404] nothing there')
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mapped")
    (directory / "serverless.yml").write_text(APPLICATION)
    (directory / "handler.py").write_text(HANDLER)
    with serve(application=directory) as platform:
        yield platform.record["stacks"][0]["apis"][0]["url"]


def ask(url: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, str, dict[str, str]]:
    request = Request(url, data=body, headers={"Content-Type": kind, "X-Said": 'it\'s "so"'})
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def test_the_event_has_the_parts_of_the_request(base):
    status, text, headers = ask(f"{base}/echo/a%20b?q=1", b'{"text": "tea"}')
    event = json.loads(text)
    assert status == 200
    assert (event["body"], event["method"], event["path"], event["query"]) == (
        {"text": "tea"}, "POST", {"name": "a b"}, {"q": "1"},
    )  # fmt: skip
    assert event["headers"]["X-Said"] == 'it\'s "so"'
    assert (event["stage"], event["requestPath"]) == ("dev", "/echo/{name}")
    assert event["identity"]["sourceIp"] == "127.0.0.1"
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_without_a_body_the_event_has_an_empty_one(base):
    assert json.loads(ask(f"{base}/echo")[1])["body"] == {}


def test_a_form_becomes_a_map(base):
    _, text, _ = ask(f"{base}/echo/n", b"a=1&b=it%27s+so&c=", "application/x-www-form-urlencoded")
    assert json.loads(text)["body"] == {"a": "1", "b": "it's so", "c": ""}


def test_an_answer_takes_the_form_of_its_template(base):
    status, text, headers = ask(f"{base}/page")
    assert (status, text, headers["Content-Type"]) == (200, "<p>GET</p>", "text/html")


def test_an_error_that_names_a_status_has_it(base):
    status, text, _ = ask(f"{base}/fail")
    assert status == 404
    assert json.loads(text)["errorMessage"] == "[404] nothing there"


def test_an_asynchronous_event_is_answered_at_once(base):
    assert ask(f"{base}/later", b"{}")[0] == 200
