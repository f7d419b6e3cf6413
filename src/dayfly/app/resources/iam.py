"""IAM resources: kept and answered through the IAM API; policies are not enforced yet.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_IAM.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.lambda_ import generated, quietly, whole


class Role:
    known = frozenset({
        "RoleName", "AssumeRolePolicyDocument", "Path", "Description", "Policies", "ManagedPolicyArns",
        "MaxSessionDuration", "Tags",
    })  # fmt: skip
    ignored = frozenset({"PermissionsBoundary"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("RoleName") or generated(site, logical_id, 64)
        made = await site.do(
            "iam",
            "CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=_json(properties["AssumeRolePolicyDocument"]),
            Path=properties.get("Path"),
            Description=properties.get("Description"),
            MaxSessionDuration=whole(properties.get("MaxSessionDuration")),
            Tags=properties.get("Tags"),
        )
        await self._fill(site, name, properties)
        role = made["Role"]
        return Physical(id=name, attributes={"Arn": role["Arn"], "RoleId": role.get("RoleId", "")})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("RoleName", "Path")):
            raise Replace
        await site.do(
            "iam",
            "UpdateAssumeRolePolicy",
            RoleName=physical.id,
            PolicyDocument=_json(after["AssumeRolePolicyDocument"]),
        )
        await self._empty(site, physical.id, before)
        await self._fill(site, physical.id, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await self._empty(site, physical.id, properties)
        await quietly(site, "iam", "DeleteRole", RoleName=physical.id)

    async def _fill(self, site: Site, name: str, properties: Properties) -> None:
        for policy in properties.get("Policies") or []:
            document = _json(policy["PolicyDocument"])
            await site.do(
                "iam", "PutRolePolicy", RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document
            )
        for arn in properties.get("ManagedPolicyArns") or []:
            await site.do("iam", "AttachRolePolicy", RoleName=name, PolicyArn=arn)

    async def _empty(self, site: Site, name: str, properties: Properties) -> None:
        for policy in properties.get("Policies") or []:
            await quietly(site, "iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy["PolicyName"])
        for arn in properties.get("ManagedPolicyArns") or []:
            await quietly(site, "iam", "DetachRolePolicy", RoleName=name, PolicyArn=arn)


class Policy:
    """An inline policy of roles."""

    known = frozenset({"PolicyName", "PolicyDocument", "Roles", "RoleName"})
    ignored = frozenset({"Users", "Groups"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await self._put(site, properties)
        return Physical(id=generated(site, logical_id, 128), attributes={"Id": properties["PolicyName"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        await self.delete(site, physical, before)
        await self._put(site, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        for name in _roles(properties):
            await quietly(site, "iam", "DeleteRolePolicy", PolicyName=properties["PolicyName"], RoleName=name)

    async def _put(self, site: Site, properties: Properties) -> None:
        document = _json(properties["PolicyDocument"])
        for name in _roles(properties):
            await site.do(
                "iam",
                "PutRolePolicy",
                PolicyName=properties["PolicyName"],
                PolicyDocument=document,
                RoleName=name,
            )


class ManagedPolicy:
    known = frozenset({"ManagedPolicyName", "PolicyDocument", "Description", "Path", "Roles"})
    ignored = frozenset({"Users", "Groups"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        made = await site.do(
            "iam",
            "CreatePolicy",
            PolicyName=properties.get("ManagedPolicyName") or generated(site, logical_id, 128),
            PolicyDocument=_json(properties["PolicyDocument"]),
            Description=properties.get("Description"),
            Path=properties.get("Path"),
        )
        arn = made["Policy"]["Arn"]
        for name in _roles(properties):
            await site.do("iam", "AttachRolePolicy", PolicyArn=arn, RoleName=name)
        return Physical(id=arn, attributes={"PolicyArn": arn, "PolicyId": made["Policy"].get("PolicyId", "")})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        for name in _roles(properties):
            await quietly(site, "iam", "DetachRolePolicy", PolicyArn=physical.id, RoleName=name)
        await quietly(site, "iam", "DeletePolicy", PolicyArn=physical.id)


def _roles(properties: Properties) -> list[str]:
    single = properties.get("RoleName")
    return [str(name) for name in properties.get("Roles") or ([single] if single else [])]


def _json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


TYPES: dict[str, ResourceType] = {
    "AWS::IAM::Role": Role(),
    "AWS::IAM::Policy": Policy(),
    "AWS::IAM::RolePolicy": Policy(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
}
