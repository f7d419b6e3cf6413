"""AWS::SSM::*: parameters, at the companion.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SSM.html
"""

from __future__ import annotations

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.absent import gone
from dayfly.app.resources.naming import generated_name
from dayfly.app.resources.properties import changed, picked


class Parameter:
    """AWS::SSM::Parameter."""

    _plain = ("Type", "Value", "Description", "AllowedPattern", "Tier", "Policies", "DataType")
    known = frozenset({*_plain, "Name", "Tags"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated_name(site, logical_id, {})
        return await self._put(site, name, properties, overwrite=False)

    async def _put(self, site: Site, name: str, properties: Properties, *, overwrite: bool) -> Physical:
        params = picked(properties, *self._plain)
        params["Value"] = str(params["Value"])
        if properties.get("Tags") and not overwrite:
            params["Tags"] = [{"Key": key, "Value": value} for key, value in properties["Tags"].items()]
        await site.do("ssm", "PutParameter", Name=name, Overwrite=overwrite, **params)
        return Physical(id=name, attributes={"Type": params.get("Type", "String"), "Value": params["Value"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Name"):
            raise Replace
        return await self._put(site, physical.id, after, overwrite=True)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "ssm", "DeleteParameter", "ParameterNotFound", Name=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::SSM::Parameter": Parameter(),
}
