"""Nested stacks: templates named by a path are part of the application.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dayfly.app.application import Application
from dayfly.app.intrinsics import Intrinsics, Surroundings
from dayfly.app.load import load
from dayfly.app.resources import Physical
from dayfly.app.yaml import ApplicationError
from dayfly.identity import Scope

PARENT = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}}
Conditions: {Never: !Equals [a, b]}
Resources:
  Queues:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: queues/template.yaml, Parameters: {Stage: !Sub "${Stage}-1", Names: "a,b"}}
  Workers:
    Type: AWS::Serverless::Application
    DependsOn: Queues
    Properties: {Location: ./workers, Parameters: {Queue: !GetAtt Queues.Outputs.Arn, Size: "256"}}
  Nobody:
    Type: AWS::CloudFormation::Stack
    Condition: Never
    Properties: {TemplateURL: queues/template.yaml, Parameters: {Stage: x, Names: "c"}}
Outputs:
  Url: {Value: !GetAtt Queues.Outputs.Url}
  Text: {Value: !Sub "<${Queues.Outputs.Name}>"}
  Absent: {Value: !If [Never, !GetAtt Nobody.Outputs.Url, none]}
"""
QUEUES = """\
Parameters: {Stage: {Type: String}, Names: {Type: CommaDelimitedList}}
Mappings: {Times: {dev-1: {Seconds: 7}, x: {Seconds: 8}}, dev-1: {us-east-1: {Seconds: 3}}}
Conditions: {Dev: !Equals [!Ref Stage, dev-1], Other: !Not [{Condition: Dev}]}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Condition: Dev
    Properties:
      QueueName: !Sub "${AWS::StackName}-${Stage}"
      VisibilityTimeout: !FindInMap [Times, !Ref Stage, Seconds]
      DelaySeconds: !FindInMap [!Ref Stage, !Ref "AWS::Region", Seconds]
      Tags: [{Key: second, Value: !Select [1, !Ref Names]}]
  Spare: {Type: AWS::SQS::Queue, Condition: Other, DependsOn: Jobs}
Outputs:
  Arn: {Value: !GetAtt Jobs.Arn}
  Name: {Value: !Sub "${Jobs.QueueName}", Export: {Name: jobs}}
  Url: {Value: !Ref Jobs}
"""
WORKERS = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Queue: {Type: String, Default: none}, Size: {Type: Number}}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Handler: app.run
      Runtime: python3.12
      MemorySize: !Ref Size
      Environment: {Variables: {QUEUE: !Ref Queue}}
      Events: {Jobs: {Type: SQS, Properties: {Queue: !Ref Queue}}}
"""


def application(directory: Path, **files: str) -> Application:
    for name, text in {"queues": QUEUES, "workers": WORKERS, **files}.items():
        path = directory / name
        path.mkdir(exist_ok=True)
        (path / "template.yaml").write_text(text)
    (directory / "workers" / "src").mkdir(exist_ok=True)
    (directory / "template.yaml").write_text(files.get("parent", PARENT))
    return load(directory, environment={}, name="shop")


def values(found: Application, **existing: str) -> Intrinsics:
    around = Surroundings(
        scope=Scope("000000000000", "us-east-1"), stack="shop", stack_id="id", parameters=found.parameters
    )
    made = Intrinsics(found.template, around)
    for key, name in existing.items():
        made.resources[key] = Physical(id=f"http://{name}", attributes={"Arn": f"arn:{name}", "QueueName": name})
    return made


def test_its_resources_are_the_application_s_under_the_nested_stack_s_name(tmp_path: Path) -> None:
    found = application(tmp_path)
    resources = found.template["Resources"]
    assert {"QueuesJobs", "WorkersWork", "WorkersWorkJobs", "NobodyJobs"} <= set(resources)
    assert not {"Queues", "Workers"} & set(resources)
    assert (found.code["WorkersWork"].path, found.code["WorkersWork"].logical_id) == (
        tmp_path / "workers" / "src",
        "WorkersWork",
    )
    assert found.functions["WorkersWork"].logical_id == "WorkersWork"
    assert tmp_path / "queues" / "template.yaml" in found.files
    assert found.origins["QueuesJobs"].file == tmp_path / "queues" / "template.yaml"


def test_parameters_mappings_and_conditions_are_its_own(tmp_path: Path) -> None:
    found = application(tmp_path)
    jobs = found.template["Resources"]["QueuesJobs"]
    properties = values(found).resolve(jobs["Properties"])
    assert (properties["VisibilityTimeout"], properties["DelaySeconds"]) == (7, 3)
    assert properties["Tags"] == [{"Key": "second", "Value": "b"}]
    assert properties["QueueName"].startswith("shop-Queues-")
    assert properties["QueueName"].endswith("-dev-1")
    assert values(found).condition(jobs["Condition"])
    assert not values(found).condition(found.template["Resources"]["QueuesSpare"]["Condition"])


def test_nothing_of_a_stack_whose_condition_fails_is_wanted(tmp_path: Path) -> None:
    found = application(tmp_path)
    for key in ("NobodyJobs", "NobodySpare"):
        assert not values(found).condition(found.template["Resources"][key]["Condition"])


def test_outputs_are_what_they_stand_for(tmp_path: Path) -> None:
    found = application(tmp_path)
    known = values(found, QueuesJobs="jobs")
    outputs = {
        key: known.resolve(one["Value"]) for key, one in found.template["Outputs"].items() if "Condition" not in one
    }
    assert (outputs["Url"], outputs["Text"], outputs["Absent"]) == ("http://jobs", "<jobs>", "none")
    assert found.template["Outputs"]["NobodyName"]["Condition"] == "Never"
    assert found.template["Outputs"]["QueuesName"]["Export"] == {"Name": "jobs"}
    work = known.resolve(found.template["Resources"]["WorkersWork"]["Properties"]["Environment"])
    assert work == {"Variables": {"QUEUE": "arn:jobs"}}


def test_depending_on_a_nested_stack_is_depending_on_all_of_it(tmp_path: Path) -> None:
    found = application(tmp_path)
    assert set(found.template["Resources"]["WorkersWork"]["DependsOn"]) == {"QueuesJobs", "QueuesSpare"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"parent": PARENT.replace("Outputs.Url", "Outputs.Uri")}, "the nested stack Queues has no output Uri"),
        ({"workers": PARENT.replace("./workers", "../workers")}, "is nested in itself"),
    ],
)
def test_what_cannot_be_is_said_with_file_and_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ApplicationError, match=said) as error:
        application(tmp_path, **files)
    assert error.value.line


@pytest.mark.parametrize("location", ["nowhere.yaml", "{ApplicationId: arn, SemanticVersion: 1.0.0}"])
def test_a_template_that_is_not_here_is_unsupported(tmp_path: Path, location: str) -> None:
    text = PARENT.replace("./workers", location)
    items: list[Any] = [item for item in application(tmp_path, parent=text).items if item.level == "unsupported"]
    assert any("Workers" in item.what and item.line for item in items)
