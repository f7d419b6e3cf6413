"""Which items serverless-dynamodb would put into tables, and what its files hold.

https://github.com/raisenational/serverless-dynamodb#seeding-serverless-dynamodb-seed
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfly.app.application import Application
from dayfly.app.load import load
from dayfly.app.seeds import Seed, read
from dayfly.app.yaml import ApplicationError

HEAD = "service: shop\nprovider: {name: aws}\nplugins: [serverless-dynamodb]\ncustom:\n"
SEED = """\
    seed:
      domain: {sources: [{table: "${self:service}-a", sources: [./a.json, b.json]}]}
      test: {sources: [{table: c, rawsources: c.json}]}
"""


def application(tmp_path: Path, text: str) -> Application:
    (tmp_path / "serverless.yml").write_text(text)
    return load(tmp_path, environment={})


@pytest.mark.parametrize("section", ["dynamodb", "serverless-dynamodb"])
@pytest.mark.parametrize(
    ("wanted", "tables"),
    [("true", ["shop-a", "shop-a", "c"]), ("test", ["c"]), ("'domain, test'", ["shop-a"] * 2 + ["c"])],
)
def test_categories_that_are_switched_on_name_files_and_tables(
    tmp_path: Path, section: str, wanted: str, tables: list[str]
) -> None:
    made = application(tmp_path, f"{HEAD}  {section}:\n    start: {{seed: {wanted}}}\n{SEED}")
    assert [seed.table for seed in made.seeds] == tables
    last = made.seeds[-1]
    assert (last.file, last.marshalled, last.mark and last.mark.line) == (tmp_path / "c.json", True, 9)
    assert {seed.file for seed in made.seeds} <= set(made.files)
    assert made.items == ()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("", "custom.dynamodb.start.seed is not true"),
        ("    start: {migrate: true, seed: false}\n", "custom.dynamodb.start.seed is not true"),
        ("    start: {seed: true}\n    stages: [local]\n", "dev is not among custom.dynamodb.stages"),
    ],
)
def test_what_is_not_switched_on_is_said_in_one_line(tmp_path: Path, settings: str, why: str) -> None:
    made = application(tmp_path, f"{HEAD}  dynamodb:\n{settings}{SEED}")
    (item,) = made.items
    assert (made.seeds, item.level) == ((), "ignored")
    assert item.what == f"custom.dynamodb.seed: no items are put into tables, since {why}"


def test_without_the_plugin_there_are_no_seeds(tmp_path: Path) -> None:
    text = HEAD.replace("plugins: [serverless-dynamodb]\n", "")
    assert application(tmp_path, f"{text}  dynamodb:\n    start: {{seed: true}}\n{SEED}").seeds == ()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("    start: {seed: gone}\n" + SEED, "custom.dynamodb.seed has no category gone"),
        ("    start: {seed: true}\n    seed: {x: {sources: [{sources: a.json}]}}\n", "names no table"),
        ("    start: {seed: true}\n    seed: a.json\n", "must be a mapping of categories"),
    ],
)
def test_settings_that_cannot_be_read_are_one_sentence(tmp_path: Path, settings: str, why: str) -> None:
    with pytest.raises(ApplicationError, match=why):
        application(tmp_path, f"{HEAD}  dynamodb:\n{settings}")


def test_plain_items_are_marshalled_without_losing_digits(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html"""
    file = tmp_path / "a.json"
    file.write_text(
        '[ {"id": "a",\n "n": 12345678901234567890.123, "no": null,\n "yes": true, "m": {"l": [1, "x"]}},\n'
        '  {"id": "b", "bytes": {"type": "Buffer", "data": [104, 105]}} ]\n'
    )
    first, second = read(Seed(table="t", file=file)).items
    assert first == (
        1,
        {
            "id": {"S": "a"},
            "n": {"N": "12345678901234567890.123"},
            "no": {"NULL": True},
            "yes": {"BOOL": True},
            "m": {"M": {"l": {"L": [{"N": "1"}, {"S": "x"}]}}},
        },
    )
    assert second == (4, {"id": {"S": "b"}, "bytes": {"B": b"hi"}})


def test_items_in_dynamodbs_own_form_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(
        '{"id": {"S": "a"}, "n": {"N": 1}, "m": {"M": {"b": {"BS": ["aGk="]}, "l": {"L": [{"BOOL": true}]}}}}'
    )
    ((line, item),) = read(Seed(table="t", file=file, marshalled=True)).items
    assert line == 1
    assert item == {
        "id": {"S": "a"},
        "n": {"N": "1"},
        "m": {"M": {"b": {"BS": [b"hi"]}, "l": {"L": [{"BOOL": True}]}}},
    }


@pytest.mark.parametrize(
    ("text", "marshalled", "line", "why"),
    [
        ('[\n{"id": "a"},\n{"id": }]', False, 3, "is not JSON: Expecting value"),
        ('[\n{"id": "a"}\n{"id": "b"}]', False, 3, "is not JSON: Expecting ',' delimiter"),
        ('{"id": "a"}\n{"id": "b"}', False, 2, "is not JSON: Extra data"),
        ("", False, 1, "is not JSON"),
        ('[\n{"id": "a"},\n"b"]', False, 3, "what is to be put into table t is no item"),
        ('[\n{"id": "a"}]', True, 2, "an item for table t: .* is not in DynamoDB's own form"),
        ('[{"id": {"L": 5}}]', True, 1, "an item for table t"),
        ('[{"id": NaN}]', False, 1, "an item for table t: nan is no value"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    tmp_path: Path, text: str, marshalled: bool, line: int, why: str
) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(ApplicationError, match=why) as caught:
        read(Seed(table="t", file=file, marshalled=marshalled))
    assert (caught.value.file, caught.value.line) == (file, line)
