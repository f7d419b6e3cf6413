"""AWS::StepFunctions::*: state machines, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_StepFunctions.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed
from dayfly.app.yaml import parse
from dayfly.errors import Unsupported


class StateMachine:
    """AWS::StepFunctions::StateMachine."""

    known = frozenset(
        {
            "StateMachineName",
            "StateMachineType",
            "Definition",
            "DefinitionString",
            "DefinitionSubstitutions",
            "RoleArn",
            "Tags",
        }
    )
    ignored = frozenset({"LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("StateMachineName") or generated_name(site, logical_id, properties, longest=80)
        made = await _defined(
            site,
            "CreateStateMachine",
            name=name,
            definition=self._definition(properties),
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType"),
            tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags") or ()],
        )
        arn = made["stateMachineArn"]
        return Physical(id=arn, attributes={"Arn": arn, "Name": name})

    def _definition(self, properties: Properties) -> str:
        text = properties.get("DefinitionString") or json.dumps(properties["Definition"])
        for name, value in (properties.get("DefinitionSubstitutions") or {}).items():
            text = text.replace("${" + name + "}", str(value).lower() if isinstance(value, bool) else str(value))
        return _as_json(text)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "StateMachineName", "StateMachineType"):
            raise Replace
        await _defined(
            site,
            "UpdateStateMachine",
            stateMachineArn=physical.id,
            definition=self._definition(after),
            roleArn=after["RoleArn"],
        )
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "stepfunctions", "DeleteStateMachine", "StateMachineDoesNotExist", stateMachineArn=physical.id)


async def _defined(site: Site, operation: str, **params: Any) -> dict[str, Any]:
    """Raises Unsupported for a definition that the companion does not understand: not all that AWS has runs there."""
    try:
        return await site.do("stepfunctions", operation, **params)
    except Refused as refused:
        if refused.code not in ("InvalidDefinition", ""):  # moto forgets to say which error that is
            raise
        said = " ".join(refused.message.partition(" in definition")[0].split())[:300]
        raise Unsupported(f"moto, which runs state machines here, cannot read the definition: {said}") from refused


def _as_json(text: str) -> str:
    """Amazon States Language may be written in YAML; the service wants JSON. Raises ApplicationError."""
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(parse(text, Path("definition.asl.yaml")), default=str)
    return text


TYPES: dict[str, ResourceType] = {
    "AWS::StepFunctions::StateMachine": StateMachine(),
}
