"""`dayfly up` and `dayfly dev` past typer: the same options, and whatever is not plain is left to typer."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from dayfly.cli import plain
from dayfly.cli.tree import app


@pytest.mark.parametrize("mode", ["up", "dev"])
def test_both_ways_know_the_same_options(mode):
    command = typer.main.get_command(app).commands[mode]
    known = {option for one in command.params for option in one.opts if option.startswith("-")}
    assert known - {"--help"} == set(plain.OPTIONS[mode]) | plain.FLAGS[mode]


def test_a_plain_command_is_read():
    call = plain.read(["dev", "app", "--port", "0", "--json", "--param", "A=1", "--param=B=2", "-s", "prod"])
    assert call.mode == "dev"
    assert [str(path) for path in call.paths] == ["app"]
    assert call.words == {"port": 0, "json": True, "param": ["A=1", "B=2"], "stage": "prod"}


@pytest.mark.parametrize(
    "words",
    [[], ["logs"], ["up", "--help"], ["up", "--port", "x"], ["up", "--port"], ["up", "here"], ["dev", "--prot"]],
)
def test_what_is_not_plain_is_left_to_typer(words):
    assert plain.read(words) is None


def test_the_platform_is_imported_without_what_few_need():
    text = "import sys, dayfly.server; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "cryptography",
        "pydantic",
        "typer",
        "rich",
        "jinja2",
        "picows",
        "email.message",
        "http.client",
        "botocore",
    }
    assert heavy.isdisjoint(loaded)
