"""serverless-compose.yml. https://www.serverless.com/framework/docs/guides/compose"""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfly.app.compose import filled, parts_of
from dayfly.app.load import load
from dayfly.app.yaml import ApplicationError


def write(directory: Path, text: str) -> Path:
    (directory / "serverless-compose.yml").write_text(text)
    return directory


def test_services_come_after_those_whose_outputs_they_take(tmp_path: Path) -> None:
    text = """
services:
  web: {path: web, dependsOn: api}
  api: {path: services/api, config: serverless.api.yml, params: {table: "${data.table}-${sls:stage}", many: 3}}
  data: {path: data, params: {home: "${env:NO_SUCH_PLACE, 'Ulm'}"}}
"""
    parts = parts_of(write(tmp_path, text), stage="qa")
    assert parts is not None
    assert [part.name for part in parts] == ["data", "api", "web"]
    data, api, _ = parts
    assert api.path == tmp_path / "services" / "api" / "serverless.api.yml"
    assert filled(data, {}) == {"home": "Ulm"}
    assert filled(api, {"data": {"table": "t"}}) == {"table": "t-qa", "many": "3"}
    with pytest.raises(ApplicationError, match="the service data has no output table") as refused:
        filled(api, {"data": {}})
    assert refused.value.line == 4


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ("a: {path: a, dependsOn: b}", "needs b, which is not one of the services"),
        ("a: {path: a, dependsOn: b}\n  b: {path: b, dependsOn: [a]}", "wait"),
        ("a: {component: aws-cloudformation}", "the service a needs a path"),
        ("a: {path: a, strategy: x}", "strategy of the service a is not supported"),
    ],
)
def test_a_composition_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, services: str, message: str) -> None:
    with pytest.raises(ApplicationError, match=message) as refused:
        parts_of(write(tmp_path, f"services:\n  {services}\n"))
    assert refused.value.line == 2


def test_what_is_no_composition_is_left_to_others(tmp_path: Path) -> None:
    assert parts_of(tmp_path) is None
    with pytest.raises(ApplicationError, match="holds several services"):
        load(write(tmp_path, "services: {a: {path: a}}"))
