"""Items that serverless-dynamodb puts into tables when it starts.

https://github.com/raisenational/serverless-dynamodb#seeding-serverless-dynamodb-seed
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from dayfly.testing import Served, serve

SERVERLESS = """
service: app
provider: {name: aws, region: us-east-1}
plugins: [serverless-dynamodb-local]
custom:
  dynamodb:
    start: {migrate: true, seed: true}
    seed:
      domain:
        sources:
          - table: ${self:service}-things
            sources: [./seeds/things.json]
            rawsources: [./seeds/raw.json]
resources:
  Resources:
    Things:
      Type: AWS::DynamoDB::Table
      Properties:
        TableName: ${self:service}-things
        AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
        KeySchema: [{AttributeName: id, KeyType: HASH}]
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    home = tmp_path / "application"
    (home / "seeds").mkdir(parents=True)
    (home / "serverless.yml").write_text(SERVERLESS)
    # More than go into one call, and one key twice.
    things = [{"id": str(number), "n": number, "list": [1.5, None, True]} for number in range(30)]
    (home / "seeds" / "things.json").write_text(json.dumps([*things, things[0]]))
    (home / "seeds" / "raw.json").write_text('[{"id": {"S": "raw"}, "set": {"SS": ["a"]}, "bytes": {"B": "aGk="}}]')
    return home


def items(served: Served) -> dict[str, dict[str, Any]]:
    found = served.client("dynamodb").scan(TableName="app-things")["Items"]
    return {item["id"]["S"]: item for item in found}


def test_new_tables_are_filled_and_those_that_are_kept_are_left_alone(application: Path, tmp_path: Path) -> None:
    with serve(application=application, state=tmp_path / "state") as served:
        found = items(served)
        assert len(found) == 31
        assert found["7"]["n"] == {"N": "7"}
        assert found["7"]["list"] == {"L": [{"N": "1.5"}, {"NULL": True}, {"BOOL": True}]}
        assert found["raw"] == {"id": {"S": "raw"}, "set": {"SS": ["a"]}, "bytes": {"B": b"hi"}}
        served.client("dynamodb").delete_item(TableName="app-things", Key={"id": {"S": "7"}})
    with serve(application=application, state=tmp_path / "state") as served:
        assert len(items(served)) == 30
        served.do(lambda: served.platform.reset(None))
        assert len(items(served)) == 31


def test_an_item_that_is_refused_is_said_with_its_line_and_tried_again_once_it_is_mended(application: Path) -> None:
    seeds = application / "seeds" / "things.json"
    seeds.write_text('[\n  {"id": "good"},\n  {"di": "bad"}\n]')
    with serve(application=application) as served:
        session = served.platform.doors.session
        ((message, file, line),) = [words for kind, words in session._voice.said if kind == "problem"]
        assert message.startswith("the item cannot be put into table app-things: ")
        assert (file, line) == (str(seeds), 3)
        assert set(items(served)) == {"good", "raw"}
        seeds.write_text('[\n  {"id": "good"},\n  {"id": "mended"}\n]')
        until = time.monotonic() + 20
        while "mended" not in items(served) and time.monotonic() < until:
            time.sleep(0.05)
        assert set(items(served)) == {"good", "raw", "mended"}


def test_a_table_that_is_not_here_is_said(application: Path) -> None:
    file = application / "serverless.yml"
    file.write_text(SERVERLESS.replace("- table: ${self:service}-things", "- table: others"))
    with serve(application=application) as served:
        said = [words for kind, words in served.platform.doors.session._voice.said if kind == "problem"]
        assert said[0] == ("there is no table others here to put items into", str(file), 12)
        assert items(served) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ('[\n{"id": "1"}\n{"id": "2"}\n]', r"things.json'?, 3\).*|is not JSON: Expecting ',' delimiter"),
        ('[{"id": "1"}] 2', "is not JSON: Extra data"),
        ("[1]", "what is to be put into table app-things is no item"),
    ],
)
def test_files_that_hold_no_items_are_no_application(application: Path, text: str | None, said: str) -> None:
    seeds = application / "seeds" / "things.json"
    seeds.unlink()
    if text is not None:
        seeds.write_text(text)
    with pytest.raises(RuntimeError, match=said), serve(application=application):
        pass
