"""Plans and what comes of them, with resource types that only remember what they were told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dayfly.api import Refused
from dayfly.app.application import Application
from dayfly.app.apply import Deployer, with_code
from dayfly.app.resources import Physical, Properties, Replace, Site
from dayfly.app.run import StepFailed
from dayfly.app.yaml import ApplicationError, parse
from dayfly.clock import ManualClock
from dayfly.errors import Error
from dayfly.identity.names import Scope
from dayfly.ids import SeededIds
from dayfly.stacks import Stacks
from dayfly.store.memory import MemoryJournal

SCOPE = Scope("000000000000", "us-east-1")


class Thing:
    """`Fixed` cannot change in place; `Fail` cannot be had at all."""

    ignored: frozenset[str] = frozenset()
    known = frozenset({"Name", "Fixed", "Fail", "Needs", "Other"})

    def __init__(self) -> None:
        self.told: list[str] = []
        self.numbers = 0
        self.prefix = ""

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        if properties.get("Fail"):
            raise Error("it does not want to")
        if properties.get("Needs") not in (None, *(told[1:] for told in self.told)):
            raise Error("Topic does not exist")
        self.numbers += 1
        self.told.append(f"+{logical_id}")
        return Physical(id=f"{self.prefix}{logical_id}-{self.numbers}", attributes={"Arn": f"arn:{logical_id}"})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if after.get("Fail"):
            raise Error("it does not want to")
        if before.get("Fixed") != after.get("Fixed"):
            raise Replace
        self.told.append(f"~{logical_id}")
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        self.told.append(f"-{physical.id}")


async def _call(caller: Any, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    raise Refused("ParameterNotFound", "there is none", 400)


class World:
    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.thing = Thing()
        self.stacks = self.fresh()

    def fresh(self) -> Stacks:
        stacks = Stacks(journal=self.journal, clock=ManualClock(), ids=SeededIds())
        stacks.load()
        self.deployer = Deployer(stacks=stacks, call=_call, endpoint="http://x", types={"T": self.thing})
        self.stacks = stacks
        return stacks

    async def deploy(self, text: str, **options: Any) -> list[str]:
        """What the resource types were told."""
        self.thing.told.clear()
        self.done = await self.deployer.deploy(app(text), {}, **options)
        return list(self.thing.told)


def app(text: str) -> Application:
    template = parse(text, Path("/app/template.yaml"))
    return Application(
        name="shop", stage="dev", region="us-east-1", account="000000000000", format="cloudformation",
        path=Path("/app/template.yaml"), template=template,
    )  # fmt: skip


TWO = "Resources:\n  B: {Type: T, Properties: {Name: !Ref A}}\n  A: {Type: T, Properties: {Name: a}}\n"


async def test_a_stack_is_made_in_order_changed_where_it_differs_and_removed_backwards() -> None:
    world = World()
    assert await world.deploy(TWO + "Outputs: {Out: {Value: !GetAtt A.Arn, Export: {Name: x}}}") == ["+A", "+B"]
    assert world.done.stack.status == "CREATE_COMPLETE"
    assert world.done.stack.outputs["Out"].value == "arn:A"
    assert world.stacks.exports(SCOPE)["x"].value == "arn:A"
    assert await world.deploy(TWO) == []
    assert await world.deploy(TWO.replace("Name: a", "Name: b")) == ["~A"]
    assert world.done.stack.status == "UPDATE_COMPLETE"
    world.thing.told.clear()
    await world.deployer.remove(world.stacks.get(SCOPE, "shop"))
    assert world.thing.told == ["-B-2", "-A-1"]
    assert list(world.journal.load("stacks/")) == []


async def test_a_reference_that_leads_to_nothing_is_said_and_no_secret_is_recorded() -> None:
    world = World()
    assert await world.deploy("Resources:\n  A: {Type: T, Properties: {Name: '{{resolve:ssm:/x}}'}}\n") == ["+A"]
    assert [item.what for item in world.done.items] == [
        "A: there is nothing at {{resolve:ssm:/x}}, which is left as it stands"
    ]
    assert world.stacks.resources(world.done.stack)["A"].properties == {"Name": "{{resolve:ssm:/x}}"}
    with pytest.raises(StepFailed, match=r"there is nothing at \{\{resolve:ssm:/x\}\}"):
        await World().deploy("Resources:\n  A: {Type: T, Properties: {Name: '{{resolve:ssm:/x}}'}}\n", strict=True)


async def test_what_no_stack_exports_is_made_up_and_said() -> None:
    world = World()
    text = """
Resources:
  A: {Type: T, Properties: {Name: {Fn::ImportValue: Shop-VpcId}, Other: {Fn::ImportValue: certificateArn}}}
  B: {Type: T, Properties: {Fail: {Fn::ImportValue: Shop-VpcId}}}
"""
    assert await world.deploy(text) == ["+A"]
    resources = world.stacks.resources(world.done.stack)
    assert resources["A"].properties["Name"] == "local-shop-vpcid"
    assert resources["A"].properties["Other"] == "arn:aws:imported:us-east-1:000000000000:certificatearn"
    assert resources["B"].placeholder
    assert [(item.level, item.what.partition(";")[0], item.line) for item in world.done.items] == [
        ("unsupported", "B: it does not want to (it imports what no stack exports)", 4),
        ("warning", "no stack exports Shop-VpcId", 3),
        ("warning", "no stack exports certificateArn", 3),
    ]
    with pytest.raises(ApplicationError, match="no stack exports Shop-VpcId"):
        await World().deploy(text, strict=True)


async def test_a_replacement_comes_before_what_it_replaces_goes_and_others_follow_it() -> None:
    world = World()
    await world.deploy(TWO)
    assert await world.deploy(TWO.replace("Name: a", "Fixed: 1")) == ["+A", "~B", "-A-1"]
    assert set(world.stacks.resources(world.done.stack)) == {"A", "B"}


async def test_what_is_no_longer_wanted_goes() -> None:
    world = World()
    await world.deploy(TWO)
    assert await world.deploy("Resources:\n  A: {Type: T, Properties: {Name: a}}\n") == ["-B-2"]


async def test_a_plan_says_what_would_be_done_and_does_nothing() -> None:
    world = World()
    steps = [str(step) for step in world.deployer.plan(app(TWO), {})]
    assert steps == ["+ A (T)", "+ B (T)"]
    await world.deploy(TWO)
    more = TWO.replace("Name: a", "Name: b") + "  C: {Type: Unknown}\n"
    steps = [str(step) for step in world.deployer.plan(app(more), {})]
    assert steps[0] == "~ A (T): Name"
    assert "! C (Unknown): not supported: Unknown" in steps


async def test_what_names_another_without_referring_to_it_is_made_after_it() -> None:
    world = World()
    text = """
Resources:
  A: {Type: T, Properties: {Needs: C}}
  B: {Type: T, Properties: {Name: {Ref: A}}}
  C: {Type: T}
"""
    assert await world.deploy(text) == ["+C", "+A", "+B"]
    with pytest.raises(StepFailed, match=r"A .* does not exist"):
        await World().deploy(text.replace("Needs: C", "Needs: D"))


async def test_a_failure_takes_back_what_the_run_did_and_names_the_line() -> None:
    world = World()
    with pytest.raises(StepFailed, match=r"B .T. cannot be made: it does not want to") as failed:
        await world.deploy(TWO.replace("Name: !Ref A", "Name: !Ref A, Fail: 1"))
    assert failed.value.line == 2
    assert world.thing.told == ["+A", "-A-1"]
    assert world.stacks.get(SCOPE, "shop").status == "ROLLBACK_COMPLETE"
    assert await world.deploy(TWO) == ["+A", "+B"]
    with pytest.raises(StepFailed):
        await world.deploy(TWO.replace("Name: a", "Name: b").replace("Name: !Ref A", "Fail: 1, Name: !Ref A"))
    assert world.thing.told == ["~A", "~A"]
    assert world.stacks.get(SCOPE, "shop").status == "UPDATE_ROLLBACK_COMPLETE"
    assert await world.deploy(TWO) == []


async def test_a_run_that_was_cut_off_is_continued() -> None:
    world = World()

    def cut(step: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await world.deploy(TWO, on_step=cut)
    world.fresh()
    assert await world.deploy(TWO) == ["+B"]
    assert world.done.stack.status == "CREATE_COMPLETE"


async def test_what_is_not_supported_is_stood_in_for_unless_strict() -> None:
    world = World()
    text = "Resources:\n  X: {Type: AWS::Quantum::Device}\n  A: {Type: T, Properties: {Name: !GetAtt X.Arn}}\n"
    with pytest.raises(ApplicationError, match="not supported: AWS::Quantum::Device"):
        await world.deploy(text, strict=True)
    assert await world.deploy(text) == ["+A"]
    (item,) = world.done.items
    assert (item.level, item.line) == ("unsupported", 2)


async def test_what_takes_apart_the_name_of_a_placeholder_is_stood_in_for_too() -> None:
    world = World()
    text = "Resources:\n  X: {Type: No}\n  A: {Type: T, Properties: {Name: !Select [9, !Split ['/', !Ref X]]}}\n"
    assert await world.deploy(text) == []
    assert [item.what.split(":")[0] for item in world.done.items] == ["X", "A"]


async def test_what_held_the_platforms_old_url_is_told_the_new_one() -> None:
    world = World()
    world.thing.prefix = "http://old/"
    world.deployer = Deployer(stacks=world.stacks, call=_call, endpoint="http://old", types={"T": world.thing})
    await world.deploy(TWO)
    world.deployer = Deployer(stacks=world.stacks, call=_call, endpoint="http://new", types={"T": world.thing})
    assert await world.deploy(TWO) == ["~B"]
    assert world.stacks.resources(world.done.stack)["A"].physical_id == "http://new/A-1"
    assert world.stacks.resources(world.done.stack)["B"].properties == {"Name": "http://new/A-1"}


async def test_a_resource_whose_condition_does_not_hold_is_left_out() -> None:
    world = World()
    text = "Conditions: {No: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: No}\n  B: {Type: T}\n"
    assert await world.deploy(text) == ["+B"]


async def test_an_application_that_cannot_be_understood_leaves_no_stack() -> None:
    world = World()
    with pytest.raises(ApplicationError, match="A names Nobody, which is neither") as refused:
        await world.deploy("Resources:\n  A: {Type: T, Properties: {\n    Name: !Sub 'x${Nobody.Arn}'}}\n")
    assert refused.value.line == 3
    assert world.stacks.all(SCOPE) == []


def test_code_points_at_the_built_directory() -> None:
    application = app(
        "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: x}, Handler: a.b}}\n"
    )
    template = with_code(application, {"F": Path("/built")})
    assert template["Resources"]["F"]["Properties"]["Code"] == {"S3Bucket": "dayfly-local", "S3Key": "/built"}
    assert template["Resources"]["F"]["Properties"].lines["Handler"].line == 2
    assert application.template["Resources"]["F"]["Properties"]["Code"] == {"ZipFile": "x"}
