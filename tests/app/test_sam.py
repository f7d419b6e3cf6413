"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfly.app.application import Application
from dayfly.app.load import load
from dayfly.app.yaml import ApplicationError

TEMPLATE = """\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Sender: {Type: String}
  Size: {Type: Number, Default: 256}
Globals: {Function: {Runtime: python3.12, Timeout: 9}}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.run
      MemorySize: !Ref Size
      Events: {Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}}
  Jobs: {Type: AWS::SQS::Queue}
  Inline:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: 'def handler(e, c): return 1', Handler: index.handler}
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}, Metadata: {BuildMethod: python3.12}}
Outputs: {Url: {Value: !Ref Jobs}}
"""


def application(tmp_path: Path, text: str = TEMPLATE, **options: Any) -> Application:
    for name in ("src", "layer"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "layer" / "requirements.txt").write_text("")
    (tmp_path / "template.yaml").write_text(text)
    return load(tmp_path, environment={}, **options)


def test_sam_is_expanded_and_keeps_track_of_code_and_lines(tmp_path: Path) -> None:
    found = application(tmp_path, params={"Sender": "a@b.example"})
    made = found.template["Resources"]
    assert made["Worker"]["Type"] == "AWS::Lambda::Function"
    assert made["Worker"]["Properties"]["Timeout"] == 9
    assert made["WorkerJobs"]["Type"] == "AWS::Lambda::EventSourceMapping"
    assert found.code["Worker"].path == tmp_path / "src"
    assert found.code["Inline"].files == {"index.py": "def handler(e, c): return 1"}
    layer = next(source for source in found.code.values() if source.kind == "layer")
    assert (layer.method, layer.into) == ("pip", "python")
    assert layer.logical_id in made
    assert found.parameters == {"Sender": "a@b.example", "Size": "256"}
    assert (found.origins["WorkerJobs"].line, found.origins["Jobs"].line) == (8, 15)
    assert set(found.functions) == {"Worker", "Inline"}


def test_a_parameter_without_a_value_is_made_up_and_said(tmp_path: Path) -> None:
    (item,) = (item for item in application(tmp_path).items if "Sender" in item.what)
    assert (item.level, item.line) == ("warning", 4)


def test_an_included_openapi_file_takes_the_place_of_its_transform(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("openapi: 3.0.1\npaths: {/x: {get: {responses: {}}}}\n")
    text = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n"
        "    Properties:\n"
        "      DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: ./api.yaml}}}\n"
    )
    found = application(tmp_path, text)
    assert "/x" in found.template["Resources"]["Api"]["Properties"]["Body"]["paths"]
    assert tmp_path / "api.yaml" in found.files
    with pytest.raises(ApplicationError, match=r"none\.yaml does not exist"):
        application(tmp_path, text.replace("api.yaml", "none.yaml"))


def test_a_mistake_names_its_resource_and_line(tmp_path: Path) -> None:
    text = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Bad:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: src, Runtime: python3.12, Handler: a.b, Events: {E: {Type: Nonsense}}}\n"
    )
    with pytest.raises(ApplicationError, match="Bad") as refused:
        application(tmp_path, text)
    assert refused.value.line == 3


def test_a_plain_template_keeps_its_lines(tmp_path: Path) -> None:
    text = (
        "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: nodejs20.x\n"
        "      Handler: index.h\n      Code:\n        ZipFile: exports.h = async () => 1\n"
    )
    found = application(tmp_path, text)
    assert found.format == "cloudformation"
    assert found.code["F"].files == {"index.js": "exports.h = async () => 1"}
    assert found.template["Resources"]["F"]["Properties"].lines["Runtime"].line == 5
