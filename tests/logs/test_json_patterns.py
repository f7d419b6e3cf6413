"""Filter patterns for JSON; the examples are those of AWS's page.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import json

import pytest

from dayfly.logs import InvalidParameter, Pattern

EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "latency": 500,
    "account": "123456789012",
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6]],
}


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType = UpdateTrail}",
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.eventType = *Trail }",
        '{ $.eventType = "Update*" }',
        "{ $.eventType = *date* }",
        "{ $.latency = * }",
        "{ $.latency >= 500 }",
        "{ $.latency < 10e3 }",
        "{ $.latency > +499.5 }",
        "{ $.latency = 500.0 }",
        "{ $.account = 123456789012 }",
        '{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }',
        '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
    ],
)
def test_patterns_that_match(pattern: str) -> None:
    assert Pattern(pattern).matches(json.dumps(EVENT))


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.eventType = Update }",
        "{ $.eventType = Upd*Trail }",
        "{ $.eventType != UpdateTrail }",
        "{ $.users = 1 }",
        "{ $.users != 1 }",
        "{ $.nothing != 1 }",
        "{ $.nothing IS NULL }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.eventType > 1 }",
        "{ $.arrayKey[7] = value }",
        "{ $.latency < 500 }",
        '{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }',
        '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }',
    ],
)
def test_patterns_that_do_not_match(pattern: str) -> None:
    assert not Pattern(pattern).matches(json.dumps(EVENT))


@pytest.mark.parametrize("line", ["ERROR plain text", '["a"]', '{"a": ', "", "{'a': 1}"])
def test_what_is_no_json_matches_no_such_pattern(line: str) -> None:
    assert not Pattern("{ $.a NOT EXISTS }").matches(line)


@pytest.mark.parametrize(
    "pattern",
    ["{", "{}", "{ $.a = 1", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a > x }", "{ ($.a = 1 }", "{ $.a = 1 $.b = 2 }",
     "{ $.a IS }", "{ $.a IS NICE }", "{ $.a = 1 && }", '{ $.a = "x }', "{ $.a & $.b }", "{ = 1 }",
     "{" + "(" * 1000 + "}"],
)  # fmt: skip
def test_patterns_that_cannot_be_read_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameter, match="Invalid filter pattern"):
        Pattern(pattern)
