"""Dynamic references: properties that stand for what Parameter Store and Secrets Manager keep.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.app.dynamic import filled
from dayfly.app.resources import Site
from dayfly.identity import Caller, Scope

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"


async def call(caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    match service, params.get("Name") or params.get("SecretId"):
        case "ssm", "/level" | "/level:1":
            return {"Parameter": {"Value": "debug"}}
        case "secretsmanager", "db" | "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf":
            old = params.get("VersionStage") == "AWSPREVIOUS"
            return {"SecretString": '{"user": "old"}' if old else '{"user": "ada", "port": 5432}'}
    raise Refused("ResourceNotFoundException", "there is none", 400)


SITE = Site(
    caller=Caller(scope=Scope("000000000000", "us-east-1")), stack="s", stack_id="id", call=call, endpoint="http://x"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{resolve:ssm:/level}}", "debug"),
        ("{{resolve:ssm-secure:/level:1}}", "debug"),
        ("{{resolve:secretsmanager:db}}", '{"user": "ada", "port": 5432}'),
        ("pg://{{resolve:secretsmanager:db:SecretString:user}}:{{resolve:secretsmanager:db:SecretString:port}}/",
         "pg://ada:5432/"),
        (f"{{{{resolve:secretsmanager:{ARN}:SecretString:user::}}}}", "ada"),
        ("{{resolve:secretsmanager:db:SecretString:user:AWSPREVIOUS}}", "old"),
    ],
)  # fmt: skip
async def test_a_reference_is_what_its_service_keeps(text: str, expected: str) -> None:
    assert await filled(SITE, {"a": [text, 1]}) == ({"a": [expected, 1]}, [])


@pytest.mark.parametrize("text", ["{{resolve:ssm:/nobody}}", "{{resolve:secretsmanager:db:SecretString:nothing}}"])
async def test_one_that_leads_to_nothing_stays_and_is_named(text: str) -> None:
    assert await filled(SITE, {"a": f"x{text}"}) == ({"a": f"x{text}"}, [text])
