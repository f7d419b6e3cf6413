"""Starting and stopping as a process: the ready line, what is said when it cannot start, signals."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from processes import EMPTY, alive, command, eventually, free_port, running, write

APPLICATION = {
    "serverless.yml": """
service: orders
provider:
  name: aws
  runtime: python3.12
functions:
  slow:
    handler: code.slow
    events:
      - httpApi: GET /slow
  broken:
    handler: broken.handler
    events:
      - httpApi: GET /broken
  missing:
    handler: nowhere.handler
resources:
  Resources:
    Jobs:
      Type: AWS::SQS::Queue
      Properties:
        QueueName: jobs
  Outputs:
    JobsUrl:
      Value: !Ref Jobs
""",
    "code.py": """
import time

def slow(event, context):
    print("began", flush=True)
    time.sleep(0.7)
    return {"statusCode": 200, "body": "done"}
""",
    "broken.py": "def handler(event, context:\n",
}


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_dev_says_ready_answers_broken_code_and_drains_what_runs(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION)
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly:
        ready = dayfly.ready()
        assert {"endpoint", "region", "account", "stacks"} <= ready.keys()
        (stack,) = ready["stacks"]
        assert stack["name"] == "orders-dev"
        assert stack["outputs"]["JobsUrl"] == f"{ready['endpoint']}/000000000000/jobs"
        assert stack["resources"]["Jobs"] == {"type": "AWS::SQS::Queue", "id": stack["outputs"]["JobsUrl"]}
        assert stack["functions"]["slow"] == {"name": "orders-dev-slow", "logical_id": "SlowLambdaFunction"}
        (api,) = stack["apis"]
        assert (api["kind"], api["name"], api["stage"]) == ("http", "dev-orders", "$default")

        said = invoke(ready["endpoint"], "orders-dev-broken")
        assert said["errorType"] == "Runtime.UserCodeSyntaxError"
        assert "broken.py" in said["errorMessage"]
        said = invoke(ready["endpoint"], "orders-dev-missing")
        assert said["errorType"] == "Runtime.ImportModuleError"
        assert said["errorMessage"] == "Unable to import module 'nowhere': No module named 'nowhere'"
        assert get(f"{api['url']}/broken")[0] == 500

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(get, f"{api['url']}/slow")
            logs = f"{ready['endpoint']}/_dayfly/logs?function=slow&since=0"
            with urllib.request.urlopen(logs, timeout=20) as lines:
                next(line for line in lines if b"began" in line)
            below = dayfly.descendants()
            assert dayfly.stop() == 0
            assert answer.result() == (200, b"done")
        assert dayfly.lines[-1] == {"event": "stopped"}
        eventually(lambda: not alive(below), "no child process is left")
        assert "Traceback" not in dayfly.stderr


def invoke(endpoint: str, function: str) -> dict[str, Any]:
    url = f"{endpoint}/2015-03-31/functions/{function}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=20) as answer:
        return json.loads(answer.read())


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION | {"code.py": APPLICATION["code.py"].replace("0.7", "600").replace("began", "stuck")})
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly, ThreadPoolExecutor(1) as pool:
        ready = dayfly.ready()
        answer = pool.submit(get, f"{ready['stacks'][0]['apis'][0]['url']}/slow")
        logs = f"{ready['endpoint']}/_dayfly/logs?function=slow&since=0"
        with urllib.request.urlopen(logs, timeout=20) as lines:
            next(line for line in lines if b"stuck" in line)
        below = dayfly.descendants()
        dayfly.interrupt()
        eventually(lambda: "stopping" in dayfly.stderr, "it says that it stops")
        dayfly.interrupt()
        assert dayfly.wait() == 130
        eventually(lambda: not alive(below), "no child process is left")
        with pytest.raises(OSError):
            answer.result()


def test_sigterm_stops_it_as_well(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as dayfly:
        dayfly.ready()
        dayfly.process.send_signal(signal.SIGTERM)
        assert dayfly.wait() == 0
        assert dayfly.lines[-1] == {"event": "stopped"}


BROKEN: dict[str, tuple[dict[str, str], str, int | None, str]] = {
    "malformed YAML": (
        {"serverless.yml": "service: a\nprovider:\n  name: aws\n functions: [\n"},
        "serverless.yml",
        4,
        "",
    ),
    "not a mapping": ({"serverless.yml": "- a\n- b\n"}, "serverless.yml", None, ""),
    "unknown variable": (
        {"serverless.yml": EMPTY + "functions:\n  f:\n    handler: ${self:custom.nothing}\n"},
        "serverless.yml",
        6,
        "self:custom.nothing",
    ),
    "unknown source of variables": (
        {"serverless.yml": EMPTY + "functions:\n  f:\n    handler: ${vault:x}\n"},
        "serverless.yml",
        6,
        "vault",
    ),
    "cycle in variables": (
        {
            "serverless.yml": EMPTY
            + "custom:\n  a: ${self:custom.b}\n  b: ${self:custom.a}\nfunctions:\n  f:\n    handler: ${self:custom.a}\n"
        },
        "serverless.yml",
        None,
        "custom.",
    ),
    "missing file": (
        {"serverless.yml": EMPTY + "functions:\n  f:\n    handler: ${file(nowhere.yml):x}\n"},
        "serverless.yml",
        6,
        "nowhere.yml",
    ),
    "malformed template": (
        {"template.yaml": "Transform: AWS::Serverless-2016-10-31\nResources:\n  A: {{\n"},
        "template.yaml",
        None,
        "",
    ),
    "reference to nothing": (
        {"template.yaml": "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Ref No\n"},
        "template.yaml",
        None,
        "No",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_application_that_cannot_be_understood_is_said_with_file_and_line(kind: str, tmp_path: Path) -> None:
    files, name, line, words = BROKEN[kind]
    write(tmp_path, files)
    with running("dev", "--json", "--port", "0", "--memory", cwd=tmp_path) as dayfly:
        assert dayfly.wait() == 2
    (said,) = [one for one in dayfly.lines if one["event"] == "error"]
    assert said["file"], said
    assert Path(said["file"]).name == name
    assert said["line"] is not None
    assert line in (None, said["line"]), said
    assert words in said["message"]
    assert said["message"] in " ".join(dayfly.stderr.split()) or said["message"].split()[0] in dayfly.stderr
    assert f"{name}:{said['line']}" in dayfly.stderr
    assert "Traceback" not in dayfly.stderr


def test_a_directory_without_an_application_is_said(tmp_path: Path) -> None:
    with running("dev", "--json", "--port", "0", "--memory", cwd=tmp_path) as dayfly:
        assert dayfly.wait() == 2
    (said,) = dayfly.lines
    assert "serverless.yml" in said["message"]
    assert str(tmp_path) in said["message"]


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("dev", "--json", "--port", str(port), cwd=tmp_path) as dayfly:
            assert dayfly.wait() == 2
    (said,) = dayfly.lines
    assert f"port {port} on 127.0.0.1 is taken by process" in said["message"]
    assert "Traceback" not in dayfly.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "0.0.0.0"], "use dayfly up, or say --insecure"),
        (["--host", "203.0.113.9", "--insecure"], "203.0.113.9"),
        (["--state", "serverless.yml"], "serverless.yml"),
        (["--account", "12"], "account must be 12 digits"),
        (["--isolation", "magic"], "isolation must be one of"),
    ],
)
def test_a_setting_that_cannot_be_is_said_in_a_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    done = command("dev", "--json", "--port", str(free_port()), *words, cwd=tmp_path)
    assert done.returncode == 2, done
    assert sentence in json.loads(done.stdout)["message"]
    assert "Traceback" not in done.stderr


def test_a_state_directory_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as first:
        first.ready()
        done = command("dev", "--json", "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(first.process.pid) in json.loads(done.stdout)["message"]


def test_what_nobody_thought_of_is_one_sentence_and_its_details_are_in_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    state = write(tmp_path / "state", {"journal.sqlite.lock/in-the-way": ""})
    done = command("dev", "--json", "--port", "0", "--state", str(state), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert json.loads(done.stdout)["message"]
    assert "Traceback" not in done.stderr


def test_the_users_own_aws_profile_does_not_matter(tmp_path: Path) -> None:
    template = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Items:
    Type: AWS::Serverless::SimpleTable
"""
    application = write(tmp_path / "application", {"template.yaml": template})
    mine = {"AWS_PROFILE": "nowhere", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    words = ("dev", str(application), "--json", "--port", "0", "--state", str(tmp_path / "state"))
    with running(*words, cwd=application, environment=mine) as started:
        ready = started.ready()
        assert ready["stacks"][0]["resources"]["Items"]["type"] == "AWS::DynamoDB::Table"
        told = command("usage", "--json", "--endpoint", ready["endpoint"], cwd=application, environment=mine)
        assert told.returncode == 0, told.stderr


def test_a_companion_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY})
    with running("dev", "--json", "--port", "0", "--memory", cwd=tmp_path) as dayfly:
        endpoint = dayfly.ready()["endpoint"]
        headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
        scope = "Credential=test/20260101/us-east-1/dynamodb/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
        with urllib.request.urlopen(urllib.request.Request(endpoint, b"{}", headers), timeout=30) as answer:
            assert json.loads(answer.read()) == {"TableNames": []}
        below = dayfly.descendants()
        assert below
        dayfly.process.kill()  # it alone, without a word to what it started
        eventually(lambda: not alive(below), "no child process is left")
