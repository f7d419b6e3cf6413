"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dayfly.app.application import Application
from dayfly.app.load import load
from dayfly.app.resources import Site
from dayfly.app.resources.stepfunctions import StateMachine
from dayfly.app.yaml import ApplicationError
from dayfly.identity import Caller, Scope

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


def test_a_template_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    application(tmp_path)
    (tmp_path / "template.yaml").rename(tmp_path / "serverless.yaml")
    assert load(tmp_path, environment={}).functions.keys() == {"Worker", "Inline"}


def test_a_bundle_begins_with_the_handler_where_the_template_names_no_entry_point(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "routes.ts").write_text("export const list = async () => 1\n")
    text = TEMPLATE.replace("Handler: app.run", "Handler: routes.list\n      Runtime: nodejs22.x")
    text = text.replace("  Jobs: {", "    Metadata: {BuildMethod: esbuild}\n  Jobs: {", 1)
    assert application(tmp_path, text).code["Worker"].entries == ("routes",)


def test_a_parameter_without_a_value_is_made_up_and_said(tmp_path: Path) -> None:
    (item,) = (item for item in application(tmp_path).items if "Sender" in item.what)
    assert (item.level, item.line) == ("warning", 4)


@pytest.mark.parametrize(
    "given",
    [
        '"Sender=\\"a b@c.example\\" Size=512"',
        '["Sender=a b@c.example", "Size=512"]',
        '"""\nParameterKey=Sender,ParameterValue=\'a b@c.example\' \n  ParameterKey=Size,ParameterValue=512"""',
    ],
)
def test_samconfig_gives_the_parameters_and_the_region_that_sam_deploy_would_take(tmp_path: Path, given: str) -> None:
    sections = f"[default.deploy.parameters]\nregion = 'eu-west-1'\nparameter_overrides = {given}\n"
    (tmp_path / "samconfig.toml").write_text(
        f'version = 0.1\n{sections}[prod.global.parameters]\nparameter_overrides = "Size=1024"\n'
    )
    found = application(tmp_path)
    assert found.parameters == {"Sender": "a b@c.example", "Size": "512"}
    assert tmp_path / "samconfig.toml" in found.files
    assert (found.region, application(tmp_path, region="us-west-2").region) == ("eu-west-1", "us-west-2")
    assert application(tmp_path, params={"Size": "1"}).parameters["Size"] == "1"
    assert application(tmp_path, stage="prod").parameters["Size"] == "1024"
    assert application(tmp_path, stage="other").parameters["Size"] == "512"


def test_a_samconfig_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("version = = 1\n")
    with pytest.raises(ApplicationError, match="not valid TOML"):
        application(tmp_path)


def test_a_made_up_value_has_the_form_that_its_name_asks_for(tmp_path: Path) -> None:
    names = ("AdminEmail", "PhoneNumber", "WebhookUrl", "Table_Name")
    parameters = "".join(f"  {name}: {{Type: String}}\n" for name in names)
    text = f"Parameters:\n{parameters}Resources: {{Q: {{Type: AWS::SQS::Queue}}}}\n"
    assert list(application(tmp_path, text).parameters.values()) == [
        "adminemail@example.com", "+12065550100", "https://webhookurl.example.com", "local-table_name",
    ]  # fmt: skip


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


PUBLIC = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Powertools: {Type: String, Default: "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV2:58"}
Globals: {Function: {Runtime: python3.12, Handler: app.run, CodeUri: src/}}
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      Layers:
        - !Sub "arn:aws:lambda:${AWS::Region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:5"
        - arn:aws:lambda:us-east-1:123456789012:layer:somebodys:1
  Two: {Type: AWS::Serverless::Function, Properties: {Layers: [!Ref Powertools]}}
"""


def test_public_layers_are_made_of_the_packages_they_stand_for(tmp_path: Path) -> None:
    found = application(tmp_path, PUBLIC, cache=tmp_path / "cache")
    made = found.template["Resources"]
    first, other = made["One"]["Properties"]["Layers"]
    assert other == "arn:aws:lambda:us-east-1:123456789012:layer:somebodys:1"
    source = found.code[first["Ref"]]
    assert made[first["Ref"]]["Type"] == "AWS::Lambda::LayerVersion"
    assert (source.method, source.into) == ("pip", "python")
    assert source.manifest is not None
    assert source.manifest.read_text() == "aws-lambda-powertools[all]>=3,<4\n"
    (older,) = made["Two"]["Properties"]["Layers"]
    assert found.code[older["Ref"]].manifest != source.manifest


def test_inline_modules_keep_their_syntax_and_get_what_cloudformation_supplies(tmp_path: Path) -> None:
    text = """\
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: nodejs20.x, Handler: index.handler}}
Resources:
  Module: {Type: AWS::Serverless::Function, Properties: {InlineCode: "export const handler = async () => 1;"}}
  Script: {Type: AWS::Serverless::Function, Properties: {InlineCode: "const r = require('cfn-response');"}}
"""
    code = application(tmp_path, text).code
    assert list(code["Module"].files) == ["index.mjs"]
    assert list(code["Script"].files) == ["index.js", "node_modules/cfn-response/index.js"]


def test_the_made_up_values_of_networks_have_the_form_of_ids(tmp_path: Path) -> None:
    text = """\
Parameters:
  LambdaSecurityGroupId: {Type: String}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
  BusName: {Type: String}
  Size: {Type: Number, Default: 1}
Resources: {Jobs: {Type: AWS::SQS::Queue}}
"""
    found = application(tmp_path, text)
    assert found.parameters["LambdaSecurityGroupId"].startswith("sg-")
    assert found.parameters["Subnets"].startswith("subnet-")
    assert found.made_up == {"LambdaSecurityGroupId", "Subnets", "BusName"}


def test_a_file_that_is_spelt_otherwise_is_found_as_on_other_systems(tmp_path: Path) -> None:
    (tmp_path / "machine.asl.json").write_text("{}")
    found = application(tmp_path, MACHINE.replace("FILE", "Machine.asl.json"))
    assert found.template["Resources"]["Machine"]["Properties"]["DefinitionString"] == "{}"
    assert [item.what for item in found.items if item.level == "warning"] == [
        "the file Machine.asl.json is spelt machine.asl.json, which matters on Linux"
    ]


def test_sections_may_be_empty(tmp_path: Path) -> None:
    found = application(tmp_path, f"Parameters:\nConditions:\nOutputs:\n{MACHINE.replace('FILE', 's3://a/b')}")
    assert "Machine" in found.template["Resources"]


MACHINE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: FILE, DefinitionSubstitutions: {Seconds: 5, Last: true}}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.asl.json", '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": ${Seconds}, "End": ${Last}}}}'),
        ("m.asl.yaml", "StartAt: W\nStates:\n  W: {Type: Wait, Seconds: '${Seconds}', End: true}\n"),
    ],
)
async def test_a_state_machine_s_file_is_text_until_its_substitutions_are_made(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    found = application(tmp_path, MACHINE.replace("FILE", name))
    properties = found.template["Resources"]["Machine"]["Properties"]
    assert properties["DefinitionString"] == text
    assert tmp_path / name in found.files
    asked: dict[str, Any] = {}

    async def call(caller: Caller, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        asked.update(params)
        return {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"}

    site = Site(caller=Caller(scope=Scope("0" * 12, "us-east-1")), stack="s", stack_id="i", call=call, endpoint="x")
    await StateMachine().create(site, "Machine", {**properties, "RoleArn": "r"})
    made = json.loads(asked["definition"])["States"]["W"]
    assert (str(made["Seconds"]), made["End"]) == ("5", True)
