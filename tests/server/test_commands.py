"""Every command that asks a running platform, for people and for programs, and where there is none to ask."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from processes import EMPTY, command, eventually, free_port, running, write

from dayfly.cli import main
from dayfly.testing import Served, serve

APPLICATION = {
    "serverless.yml": """
service: shop
provider:
  name: aws
  runtime: python3.12
functions:
  hello:
    handler: code.hello
    events:
      - schedule: rate(1 day)
  failing:
    handler: code.failing
""",
    "code.py": """
def hello(event, context):
    print("asked", event.get("n"))
    return {"n": event.get("n")}

def failing(event, context):
    raise ValueError("no [bold]markup[/bold]")
""",
}


class Done(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def said(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(application=write(tmp_path_factory.mktemp("shop"), APPLICATION)) as served:
        yield served


@pytest.fixture
def dayfly(shop: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process, against the shop."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "DAYFLY_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", shop.endpoint)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dayfly", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return run


def test_invoke_prints_the_answer(dayfly: Command, tmp_path: Path) -> None:
    assert dayfly("invoke", "hello", '{"n": 1}') == Done(0, '{"n": 1}\n', "")
    event = tmp_path / "event.json"
    event.write_text('{"n": 2}')
    assert dayfly("invoke", "hello", f"@{event}").said == {"n": 2}
    done = dayfly("invoke", "hello", '{"n": 3}', "--log")
    assert "asked 3" in done.err
    said = dayfly("invoke", "hello", '{"n": 4}', "--json").said
    assert (said["status"], said["error"], json.loads(said["payload"])) == (200, None, {"n": 4})
    assert any("asked 4" in line for line in said["log"])
    assert dayfly("invoke", "hello", "--async").out == "queued\n"


def test_invoke_says_what_failed(dayfly: Command) -> None:
    done = dayfly("invoke", "failing")
    assert done.status == 1
    assert done.said["errorMessage"] == "no [bold]markup[/bold]"
    assert dayfly("invoke", "failing", "--json").said["error"] == "Unhandled"
    done = dayfly("invoke", "nope")
    assert done.status == 2
    assert done.err.startswith("error Function not found: arn:aws:lambda:")
    done = dayfly("invoke", "hello", "{")
    assert done.status == 2
    assert "Could not parse request body into json" in done.err
    assert "cannot be read" in dayfly("invoke", "hello", "@/nowhere.json").err


def test_logs_prints_what_was_printed(dayfly: Command) -> None:
    dayfly("invoke", "hello", '{"n": "logged"}')
    done = dayfly("logs", "hello", "--filter", "asked")
    assert "asked logged\n" in done.out
    last = json.loads(dayfly("logs", "hello", "--filter", "asked", "--json").out.splitlines()[-1])
    assert last["line"].strip() == "asked logged"
    assert {"at", "stream"} <= last.keys()
    assert dayfly("logs", "nope").status == 2
    assert "there is no function nope" in dayfly("logs", "nope", "--tail").err
    assert "such as 10m" in dayfly("logs", "hello", "--since", "soon").err


def test_logs_with_tail_ends_quietly_when_the_platform_stops(tmp_path: Path) -> None:
    write(tmp_path, APPLICATION)
    with running("dev", "--json", "--port", "0", cwd=tmp_path) as platform:
        where = {"AWS_ENDPOINT_URL": platform.ready()["endpoint"]}
        followed: list[Any] = []

        def follow() -> None:
            followed.append(command("logs", "hello", "--tail", "--filter", "asked", cwd=tmp_path, environment=where))

        follower = threading.Thread(target=follow)
        follower.start()
        assert command("invoke", "hello", '{"n": 7}', cwd=tmp_path, environment=where).returncode == 0

        def open_streams() -> bool:
            return "asked 7" in command("logs", "hello", cwd=tmp_path, environment=where).stdout

        eventually(open_streams, "the line is logged")
        assert platform.stop() == 0
        follower.join(20)
    (done,) = followed
    assert done.returncode in (0, 2), done
    assert "Traceback" not in done.stderr


def test_invocations_lists_what_ran(dayfly: Command) -> None:
    dayfly("invoke", "hello")
    dayfly("invoke", "failing")
    done = dayfly("invocations")
    assert "shop-dev-hello" in done.out
    assert "shop-dev-failing" in done.out
    said = dayfly("invocations", "failing", "--json").said["invocations"]
    assert {one["function"] for one in said} == {"shop-dev-failing"}
    assert all(one["error"] for one in said)
    assert dayfly("invocations", "nope").status == 2


def test_mail_lists_the_inbox(dayfly: Command, shop: Served) -> None:
    assert dayfly("mail", "--clear").status == 0
    assert dayfly("mail").out == "No mail yet.\n"
    ses = shop.client("ses")
    ses.verify_email_identity(EmailAddress="a@example.com")
    content = {"Subject": {"Data": "Hello [red]you[/red]"}, "Body": {"Text": {"Data": "text"}}}
    ses.send_email(Source="a@example.com", Destination={"ToAddresses": ["b@example.com"]}, Message=content)
    assert "Hello [red]you[/red]" in dayfly("mail").out
    (one,) = dayfly("mail", "--to", "b@example.com", "--json").said["messages"]
    assert one["subject"] == "Hello [red]you[/red]"
    assert dayfly("mail", "--to", "nobody@example.com", "--json").said == {"messages": []}


def test_tick_fires_a_function_or_a_schedule(dayfly: Command) -> None:
    (name,) = dayfly("tick", "hello", "--json").said["fired"]
    assert dayfly("tick", name).out == f"fired {name}\n"
    assert dayfly("tick", "HelloEventsRuleSchedule1").out == f"fired {name}\n"
    done = dayfly("tick", "failing")
    assert done.status == 2
    assert "failing" in done.err


def test_commands_ask_in_the_region_where_the_application_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        **APPLICATION,
        "serverless.yml": APPLICATION["serverless.yml"].replace("aws\n", "aws\n  region: eu-west-1\n"),
    }
    with serve(application=write(tmp_path, files)) as served:
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.endpoint)
        for words, status in (
            (["tick", "hello"], 0),
            (["invoke", "hello"], 0),
            (["tick", "hello", "--region", "sa-east-1"], 2),
        ):
            monkeypatch.setattr(sys, "argv", ["dayfly", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert int(ended.value.code or 0) == status, capsys.readouterr().err
        assert "there is no function and no schedule hello" in capsys.readouterr().err


def test_usage_shows_functions_and_requests(dayfly: Command, shop: Served) -> None:
    shop.client("sqs").create_queue(QueueName="counted")
    dayfly("invoke", "hello")
    done = dayfly("usage")
    assert "shop-dev-hello" in done.out
    assert "counted" in done.out
    said = dayfly("usage", "--since", "1h", "--json").said
    assert {"functions", "counters", "since", "until"} == said.keys()
    assert dayfly("usage", "--since", "yesterday").status == 2


def test_reset_forgets_and_the_application_is_there_again(dayfly: Command, shop: Served) -> None:
    shop.client("sqs").create_queue(QueueName="forgotten")
    assert dayfly("reset").out == "The account's state is forgotten.\n"
    assert not shop.client("sqs").list_queues().get("QueueUrls")
    assert dayfly("reset", "--json").said == {"reset": True, "all": False}
    assert dayfly("reset", "--all").status == 0
    assert dayfly("invoke", "hello", '{"n": 5}').said == {"n": 5}


def test_check_needs_no_platform(dayfly: Command, tmp_path: Path) -> None:
    write(tmp_path, {"serverless.yml": EMPTY + "plugins:\n  - serverless-unheard-of\n"})
    done = dayfly("check", str(tmp_path))
    assert done.status == 0
    assert "serverless-unheard-of" in done.out
    said = dayfly("check", str(tmp_path), "--json").said
    assert [item["what"] for item in said["items"] if "serverless-unheard-of" in item["what"]]
    assert all(item["line"] for item in said["items"])
    assert dayfly("check", str(tmp_path), "--strict").status == 1
    (tmp_path / "serverless.yml").write_text("service: [\n")
    done = dayfly("check", str(tmp_path))
    assert done.status == 2
    assert "serverless.yml" in done.err
    assert dayfly("check", str(tmp_path / "nowhere")).status == 2


def test_doctor_looks_at_the_machine(dayfly: Command) -> None:
    assert "Python" in dayfly("doctor").out
    found = {one["what"]: one for one in dayfly("doctor", "--json").said["findings"]}
    assert found["Python"]["ok"]


ASKING = (
    ("invoke", "hello"),
    ("logs", "hello"),
    ("logs", "hello", "--tail"),
    ("invocations",),
    ("mail",),
    ("tick", "hello"),
    ("usage",),
    ("reset",),
)


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_a_command_says_that_no_platform_runs(words: tuple[str, ...], dayfly: Command) -> None:
    port = free_port()
    done = dayfly(*words, "--endpoint", f"http://127.0.0.1:{port}")
    assert done.status == 2
    assert f"no platform answers at http://127.0.0.1:{port}" in done.err
    assert done.out == ""
    done = dayfly(*words, "--endpoint", "nonsense")
    assert done.status == 2
    assert "nonsense" in done.err


def test_what_nobody_thought_of_is_one_sentence(dayfly: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("dayfly.cli.client.Client.ask", broken)
    done = dayfly("usage")
    assert done.status == 1
    assert done.err == "error dayfly failed unexpectedly: KeyError: 'surprise' (DAYFLY_DEBUG=1 shows where)\n"


def test_a_wrong_command_line_is_explained(dayfly: Command) -> None:
    assert dayfly("dance").status == 2
    assert dayfly("dev", "--port", "many").status == 2
    assert dayfly("--version").out.startswith("dayfly ")
