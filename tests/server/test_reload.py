"""Edits while `dayfly dev` runs: of handlers, of the configuration, and broken ones of both."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import PATIENCE_S, Running, running, write

from dayfly.development import _directories

CONFIGURATION = """
service: edits
provider:
  name: aws
functions:
  python:
    handler: python/index.handler
    runtime: python3.12
  steady:
    handler: steady/index.handler
    runtime: python3.12
"""
NODE = """
  node:
    handler: node/index.handler
    runtime: nodejs20.x
"""
ADDED = """
  added:
    handler: steady/index.handler
    runtime: python3.12
    events:
      - httpApi: GET /added
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Python:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: edits-dev-python, CodeUri: python, Handler: index.handler, Runtime: python3.12}
  Steady:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: edits-dev-steady, CodeUri: steady, Handler: index.handler, Runtime: python3.12}
"""
COUNTING = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return {"version": "VERSION", "calls": calls}
"""
NODE_COUNTING = """
let calls = 0;
exports.handler = async () => ({ version: "VERSION", calls: ++calls });
"""


class Edited:
    """A running application, its files, and calls of its functions."""

    def __init__(self, directory: Path, dayfly: Running) -> None:
        self.directory = directory
        self.dayfly = dayfly
        self.ready = dayfly.ready()

    def edit(self, name: str, text: str, event: str = "reload") -> dict[str, Any]:
        """Write a file, and wait for what is said about it."""
        (self.directory / name).write_text(text)
        return self.dayfly.wait_for(event)

    def invoke(self, function: str) -> dict[str, Any]:
        url = f"{self.ready['endpoint']}/2015-03-31/functions/edits-dev-{function}/invocations"
        with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    configuration = CONFIGURATION
    files = {name: COUNTING.replace("VERSION", "1") for name in ("python/index.py", "steady/index.py")}
    if shutil.which("node"):
        configuration += NODE
        files["node/index.js"] = NODE_COUNTING.replace("VERSION", "1")
    write(tmp_path, files | {"serverless.yml": configuration})
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly:
        yield Edited(tmp_path, dayfly)
        assert dayfly.stop() == 0
        assert "Traceback" not in dayfly.stderr


@pytest.fixture
def template(tmp_path: Path) -> Iterator[Edited]:
    """The same functions, each with a code directory of its own."""
    files = {name: COUNTING.replace("VERSION", "1") for name in ("python/index.py", "steady/index.py")}
    write(tmp_path, files | {"template.yaml": TEMPLATE})
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly:
        yield Edited(tmp_path, dayfly)


def test_an_edited_handler_answers_the_next_call_and_others_stay_warm(template: Edited) -> None:
    edited = template
    assert edited.invoke("python") == {"version": "1", "calls": 1}
    assert edited.invoke("steady") == {"version": "1", "calls": 1}

    said = edited.edit("python/index.py", COUNTING.replace("VERSION", "2"))
    assert said["functions"] == ["edits-dev-python"]
    assert edited.invoke("python") == {"version": "2", "calls": 1}

    edited.edit("python/index.py", "def handler(event, context:\n")
    broken = edited.invoke("python")
    assert broken["errorType"] == "Runtime.UserCodeSyntaxError"
    assert edited.invoke("steady") == {"version": "1", "calls": 2}

    edited.edit("python/index.py", COUNTING.replace("VERSION", "3"))
    assert edited.invoke("python") == {"version": "3", "calls": 1}
    assert edited.invoke("steady") == {"version": "1", "calls": 3}


@pytest.mark.node
@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_an_edited_node_handler_answers_the_next_call(edited: Edited) -> None:
    assert edited.invoke("node") == {"version": "1", "calls": 1}
    assert edited.invoke("node") == {"version": "1", "calls": 2}
    edited.edit("node/index.js", NODE_COUNTING.replace("VERSION", "2"))
    assert edited.invoke("node") == {"version": "2", "calls": 1}
    edited.edit("node/index.js", "exports.handler = async () => {\n")
    assert edited.invoke("node")["errorType"] == "Runtime.UserCodeSyntaxError"
    edited.edit("node/index.js", NODE_COUNTING.replace("VERSION", "3"))
    assert edited.invoke("node") == {"version": "3", "calls": 1}


def test_an_edited_configuration_is_applied_as_a_plan_and_a_broken_one_is_said(edited: Edited) -> None:
    assert edited.invoke("steady") == {"version": "1", "calls": 1}
    said = edited.edit("serverless.yml", (edited.directory / "serverless.yml").read_text() + ADDED)
    assert any("AddedLambdaFunction" in step for step in said["steps"]), said
    assert not any("SteadyLambdaFunction" in step for step in said["steps"]), said
    assert edited.invoke("added") == {"version": "1", "calls": 1}
    assert edited.invoke("steady") == {"version": "1", "calls": 2}
    (api,) = said["stacks"][0]["apis"]
    with urllib.request.urlopen(f"{api['url']}/added", timeout=PATIENCE_S) as answer:
        assert json.loads(answer.read())["version"] == "1"

    good = (edited.directory / "serverless.yml").read_text()
    said = edited.edit("serverless.yml", good + "\nresources:\n  - [", event="error")
    assert Path(said["file"]).name == "serverless.yml"
    assert said["line"]
    assert edited.invoke("added")["version"] == "1"
    assert edited.invoke("steady") == {"version": "1", "calls": 3}

    said = edited.edit("serverless.yml", good.replace(ADDED, ""))
    assert any("AddedLambdaFunction" in step for step in said["steps"]), said
    with pytest.raises(urllib.error.HTTPError) as gone:
        edited.invoke("added")
    assert gone.value.code == 404
    assert edited.invoke("steady") == {"version": "1", "calls": 4}


def test_what_dayfly_writes_itself_is_not_taken_for_an_edit(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": CONFIGURATION})
    write(tmp_path, {name: COUNTING.replace("VERSION", "1") for name in ("python/index.py", "steady/index.py")})
    words = ("dev", "--json", "--port", "0", "--state", str(tmp_path / "kept"))
    with running(*words, cwd=tmp_path) as dayfly:
        application = Edited(tmp_path, dayfly)
        assert application.invoke("python")["calls"] == 1
        dayfly.wait_for("invocation")
        said = application.edit("python/index.py", COUNTING.replace("VERSION", "2"))
        assert said["what"].startswith("index.py "), said
        assert [line["event"] for line in dayfly.lines].count("reload") == 1


def test_only_directories_with_peoples_files_are_watched(tmp_path: Path) -> None:
    for name in ("src/deep", ".dayfly/code", "node_modules/left-pad", "kept/journal"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src" / "again").symlink_to(tmp_path / "src")
    found = _directories([tmp_path], tmp_path / "kept")
    assert found == {tmp_path, tmp_path / "src", tmp_path / "src" / "deep"}
