"""Fn::ForEach: parts of a template, written out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfly.app.application import Application
from dayfly.app.load import load
from dayfly.app.yaml import ApplicationError

TEMPLATE = """\
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters: {Names: {Type: CommaDelimitedList, Default: "orders,bills"}}
Mappings: {Kinds: {all: {Values: [a.b, c]}}}
Conditions:
  Fn::ForEach::Conditions: [Name, !Ref Names, {"Is${Name}": !Equals [!Ref Name, orders]}]
Resources:
  Fn::ForEach::Queues:
    - Name
    - !Ref Names
    - "Queue${Name}":
        Type: AWS::SQS::Queue
        Condition: "Is${Name}"
        Properties:
          QueueName: !Sub "${AWS::StackName}-${Name}"
          Fn::ForEach::Members: [Member, [DelaySeconds, VisibilityTimeout], {"${Member}": 5}]
          Tags: [{Key: name, Value: !Ref Name}]
  Fn::ForEach::Outer:
    - Kind
    - !FindInMap [Kinds, all, Values]
    - Fn::ForEach::Inner:
        - Size
        - ["1", "2"]
        - "Work&{Kind}${Size}":
            Type: AWS::Serverless::Function
            Properties: {InlineCode: "x = '${Kind}'", Handler: index.h, Runtime: python3.12}
Outputs:
  Fn::ForEach::Urls: [Name, !Ref Names, {"Url${Name}": {Value: !GetAtt "Queue${Name}.Arn"}}]
"""


def application(directory: Path, text: str = TEMPLATE) -> Application:
    (directory / "template.yaml").write_text(text)
    return load(directory, environment={}, name="shop")


def test_each_value_has_its_own_part(tmp_path: Path) -> None:
    found = application(tmp_path)
    resources = found.template["Resources"]
    assert {"Queueorders", "Queuebills", "Workab1", "Workab2", "Workc1", "Workc2"} <= set(resources)
    assert resources["Queueorders"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-orders"},
        "DelaySeconds": 5,
        "VisibilityTimeout": 5,
        "Tags": [{"Key": "name", "Value": "orders"}],
    }
    assert found.template["Conditions"]["Isbills"] == {"Fn::Equals": ["bills", "orders"]}
    assert found.template["Outputs"]["Urlbills"] == {"Value": {"Fn::GetAtt": ["Queuebills", "Arn"]}}
    assert found.code["Workab1"].files == {"index.py": "x = 'a.b'"}
    assert found.origins["Queueorders"].line == 10


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ("[Name, !Ref Names]", "must have a name, a list of values and a part to repeat"),
        ("[Name, x, {a: b}]", "must go through a list"),
        ("[Name, !Ref Nobody, {a: b}]", "Ref names Nobody"),
    ],
)
def test_a_loop_that_cannot_be_written_out_is_said(tmp_path: Path, loop: str, said: str) -> None:
    text = "Transform: AWS::LanguageExtensions\nParameters: {Names: {Type: String, Default: x}}\nResources:\n"
    with pytest.raises(ApplicationError, match=said) as error:
        application(tmp_path, f"{text}  Fn::ForEach::Loop: {loop}\n")
    assert error.value.line == 4


def test_without_its_transform_a_loop_is_not_supported(tmp_path: Path) -> None:
    text = "Resources:\n  Fn::ForEach::Loop: [Name, [a], {}]\n  Q: {Type: AWS::SQS::Queue}\n"
    (item,) = application(tmp_path, text).items
    assert "needs Transform: AWS::LanguageExtensions" in item.what
