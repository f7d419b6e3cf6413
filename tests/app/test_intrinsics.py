"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfly.app.intrinsics import Intrinsics, Surroundings, in_order, references
from dayfly.app.resources import Physical
from dayfly.app.yaml import ApplicationError, parse
from dayfly.identity.names import Scope

TEMPLATE = """
Parameters: {Stage: {Type: String}, Names: {Type: CommaDelimitedList}}
Mappings: {Sizes: {dev: {memory: 128}}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
  Both: !And [!Condition IsDev, !Condition IsProd]
  Either: !Or [!Condition IsDev, !Condition IsProd]
  Loop: !Not [!Condition Loop]
"""


def intrinsics() -> Intrinsics:
    around = Surroundings(
        scope=Scope("123456789012", "eu-west-1"),
        stack="shop",
        stack_id="arn:stack",
        parameters={"Stage": "dev", "Names": "a, b"},
        imports={"shared-topic": "arn:topic"},
    )
    made = Intrinsics(parse(TEMPLATE, Path("t.yaml")), around)
    made.resources["Q"] = Physical(id="http://q", attributes={"Arn": "arn:q", "Endpoint.Address": "host"})
    return made


def value(text: str) -> Any:
    return intrinsics().resolve(parse(f"x: {text}", Path("t.yaml")))["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!Ref Q", "http://q"),
        ("!Ref Stage", "dev"),
        ("!Ref Names", ["a", "b"]),
        ("!GetAtt Q.Arn", "arn:q"),
        ("!GetAtt Q.Endpoint.Address", "host"),
        ("!Sub '${Stage}-${Q}-${Q.Arn}-${AWS::Region}-${!Literal}'", "dev-http://q-arn:q-eu-west-1-${Literal}"),
        ("!Sub ['${a}', {a: !Ref Stage}]", "dev"),
        ("!Join ['-', [a, !Ref Stage, !Ref 'AWS::AccountId']]", "a-dev-123456789012"),
        ("!Select [1, !Split [':', 'a:b:c']]", "b"),
        ("!Select ['0', !Ref Names]", "a"),
        ("!If [IsDev, 1, 2]", 1),
        ("[!If [IsProd, 1, !Ref 'AWS::NoValue'], 3]", [3]),
        ("{a: !If [IsProd, 1, !Ref 'AWS::NoValue'], b: 2}", {"b": 2}),
        ("!FindInMap [Sizes, !Ref Stage, memory]", 128),
        ("!Base64 abc", "YWJj"),
        ("!ImportValue shared-topic", "arn:topic"),
        ("!Select [0, !GetAZs '']", "eu-west-1a"),
        ("!Select [1, !Cidr [10.0.0.0/16, 2, 8]]", "10.0.1.0/24"),
        ("'{{resolve:ssm:/db/user:1}}'", "{{resolve:ssm:/db/user:1}}"),
        (
            "{Effect: Allow, Condition: {StringEquals: {a: b}}}",
            {"Effect": "Allow", "Condition": {"StringEquals": {"a": "b"}}},
        ),
    ],
)
def test_an_intrinsic_has_its_value(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_conditions_refer_to_each_other_but_not_to_themselves() -> None:
    made = intrinsics()
    held = {name: made.condition(name) for name in ("IsDev", "IsProd", "Both", "Either")}
    assert held == {"IsDev": True, "IsProd": False, "Both": False, "Either": True}
    with pytest.raises(ApplicationError, match="depends on itself"):
        made.condition("Loop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!Ref Nobody", "neither a resource nor a parameter"),
        ("!GetAtt Q.Color", "Q has no attribute Color"),
        ("!ImportValue none", "no stack exports none"),
        ("!FindInMap [Sizes, prod, memory]", "finds nothing"),
        ("!Teleport x", "Fn::Teleport is not supported"),
    ],
)
def test_what_has_no_value_is_refused_at_its_line(text: str, message: str) -> None:
    with pytest.raises(ApplicationError, match=message) as refused:
        value(text)
    assert refused.value.line == 1


def test_resources_come_after_what_they_need() -> None:
    resources = parse(
        "A: {Type: T, Properties: {x: !Sub '${B.Arn}-${own}'}}\nB: {Type: T, DependsOn: C}\nC: {Type: T}\n",
        Path("t.yaml"),
    )
    assert in_order(resources, {}) == ["C", "B", "A"]
    assert set(references(parse("[!Sub ['${a}${b}', {a: !Ref c}], !GetAtt d.e]", Path("t")))) == {"b", "c", "d"}


def test_resources_that_need_less_come_before_those_that_need_more() -> None:
    """As CloudFormation makes them: a deployment holds a gateway response that nothing but the API refers to."""
    resources = parse(
        "Deployment: {Type: D, DependsOn: Method}\nMethod: {Type: M, Properties: {x: !Ref Api}}\nApi: {Type: A}\n"
        "Response: {Type: R, Properties: {x: !Ref Api}}\n",
        Path("t.yaml"),
    )
    assert in_order(resources, {}) == ["Api", "Method", "Response", "Deployment"]


def test_a_cycle_of_resources_is_refused_at_its_line() -> None:
    resources = parse("A: {Type: T, Properties: {x: !Ref B}}\nB: {Type: T, Properties: {x: !Ref A}}\n", Path("t.yaml"))
    with pytest.raises(ApplicationError, match="A → B → A") as refused:
        in_order(resources, {})
    assert refused.value.line == 1
