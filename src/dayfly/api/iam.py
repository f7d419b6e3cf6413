"""IAM: roles and policies as a store. https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from dayfly.api import Fault, Params
from dayfly.errors import Error
from dayfly.identity import Caller
from dayfly.identity.roles import (
    MANAGED,
    DeleteConflict,
    EntityAlreadyExists,
    MalformedPolicyDocument,
    NoSuchEntity,
    Policy,
    Role,
    Roles,
)
from dayfly.store import Changes, Journal

_VERSION = "v1"
"""The only version that a policy has here."""


class Iam:
    service: ClassVar[str] = "iam"
    FAULTS: ClassVar[Mapping[type[Error], Fault]] = {
        NoSuchEntity: Fault("NoSuchEntityException"),
        EntityAlreadyExists: Fault("EntityAlreadyExistsException"),
        DeleteConflict: Fault("DeleteConflictException"),
        MalformedPolicyDocument: Fault("MalformedPolicyDocumentException"),
    }

    def __init__(self, *, roles: Roles, journal: Journal) -> None:
        self._roles = roles
        self._journal = journal

    async def _commit(self, changes: Changes) -> Params:
        await self._journal.commit(changes)
        return {}

    async def create_role(self, caller: Caller, params: Params) -> Params:
        role, changes = self._roles.create_role(
            caller.scope.account,
            params["RoleName"],
            params["AssumeRolePolicyDocument"],
            path=params.get("Path", "/"),
            description=params.get("Description"),
            max_session_s=params.get("MaxSessionDuration", 3600),
            boundary=params.get("PermissionsBoundary"),
            tags=_tags(params),
        )
        await self._journal.commit(changes)
        return {"Role": _role(role)}

    async def get_role(self, caller: Caller, params: Params) -> Params:
        role = self._roles.role(caller.scope.account, params["RoleName"])
        await self._journal.commit(())
        return {"Role": _role(role)}

    async def list_roles(self, caller: Caller, params: Params) -> Params:
        found = self._roles.roles(caller.scope.account, params.get("PathPrefix", "/"))
        await self._journal.commit(())
        page, rest = _page(found, params)
        return {"Roles": [_role(role) for role in page], **rest}

    async def delete_role(self, caller: Caller, params: Params) -> Params:
        return await self._commit(self._roles.delete_role(caller.scope.account, params["RoleName"]))

    async def update_role(self, caller: Caller, params: Params) -> Params:
        _, changes = self._roles.update_role(
            caller.scope.account,
            params["RoleName"],
            description=params.get("Description"),
            max_session_s=params.get("MaxSessionDuration"),
        )
        return await self._commit(changes)

    async def update_assume_role_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(
            self._roles.set_trust(caller.scope.account, params["RoleName"], params["PolicyDocument"])
        )

    async def tag_role(self, caller: Caller, params: Params) -> Params:
        return await self._commit(self._roles.tag_role(caller.scope.account, params["RoleName"], _tags(params)))

    async def untag_role(self, caller: Caller, params: Params) -> Params:
        return await self._commit(
            self._roles.tag_role(caller.scope.account, params["RoleName"], {}, tuple(params["TagKeys"]))
        )

    async def list_role_tags(self, caller: Caller, params: Params) -> Params:
        role = self._roles.role(caller.scope.account, params["RoleName"])
        await self._journal.commit(())
        return {"Tags": _tag_list(role.tags), "IsTruncated": False}

    async def put_role_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(
            self._roles.put_policy(
                caller.scope.account, params["RoleName"], params["PolicyName"], params["PolicyDocument"]
            )
        )

    async def get_role_policy(self, caller: Caller, params: Params) -> Params:
        name, policy = params["RoleName"], params["PolicyName"]
        document = self._roles.inline_policy(caller.scope.account, name, policy)
        await self._journal.commit(())
        return {"RoleName": name, "PolicyName": policy, "PolicyDocument": _encoded(document)}

    async def delete_role_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(
            self._roles.remove_policy(caller.scope.account, params["RoleName"], params["PolicyName"])
        )

    async def list_role_policies(self, caller: Caller, params: Params) -> Params:
        role = self._roles.role(caller.scope.account, params["RoleName"])
        await self._journal.commit(())
        page, rest = _page(sorted(role.policies), params)
        return {"PolicyNames": list(page), **rest}

    async def attach_role_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(self._roles.attach(caller.scope.account, params["RoleName"], params["PolicyArn"]))

    async def detach_role_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(self._roles.detach(caller.scope.account, params["RoleName"], params["PolicyArn"]))

    async def list_attached_role_policies(self, caller: Caller, params: Params) -> Params:
        role = self._roles.role(caller.scope.account, params["RoleName"])
        await self._journal.commit(())
        page, rest = _page(role.attached, params)
        return {
            "AttachedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in page],
            **rest,
        }

    async def list_instance_profiles_for_role(self, caller: Caller, params: Params) -> Params:
        self._roles.role(caller.scope.account, params["RoleName"])
        await self._journal.commit(())
        return {"InstanceProfiles": [], "IsTruncated": False}

    async def create_policy(self, caller: Caller, params: Params) -> Params:
        policy, changes = self._roles.create_policy(
            caller.scope.account,
            params["PolicyName"],
            params["PolicyDocument"],
            path=params.get("Path", "/"),
            description=params.get("Description"),
            tags=_tags(params),
        )
        await self._journal.commit(changes)
        return {"Policy": self._policy(caller, policy)}

    async def get_policy(self, caller: Caller, params: Params) -> Params:
        arn = params["PolicyArn"]
        if arn.startswith(MANAGED):
            return {"Policy": _managed(arn)}
        policy = self._roles.policy(caller.scope.account, arn)
        await self._journal.commit(())
        return {"Policy": self._policy(caller, policy)}

    async def delete_policy(self, caller: Caller, params: Params) -> Params:
        return await self._commit(self._roles.delete_policy(caller.scope.account, params["PolicyArn"]))

    async def list_policies(self, caller: Caller, params: Params) -> Params:
        """Policies of the account; AWS's own are not listed."""
        found = self._roles.policies(caller.scope.account, params.get("PathPrefix", "/"))
        if params.get("Scope") == "AWS":
            found = []
        if params.get("OnlyAttached"):
            found = [policy for policy in found if self._roles.attached_to(caller.scope.account, policy.arn)]
        await self._journal.commit(())
        page, rest = _page(found, params)
        return {"Policies": [self._policy(caller, policy) for policy in page], **rest}

    async def list_policy_versions(self, caller: Caller, params: Params) -> Params:
        policy = self._roles.policy(caller.scope.account, params["PolicyArn"])
        await self._journal.commit(())
        return {"Versions": [_version(policy, document=False)], "IsTruncated": False}

    async def get_policy_version(self, caller: Caller, params: Params) -> Params:
        policy = self._roles.policy(caller.scope.account, params["PolicyArn"])
        if params["VersionId"] != _VERSION:
            raise NoSuchEntity(f"Policy {policy.arn} version {params['VersionId']} does not exist.")
        await self._journal.commit(())
        return {"PolicyVersion": _version(policy, document=True)}

    async def list_entities_for_policy(self, caller: Caller, params: Params) -> Params:
        roles = self._roles.attached_to(caller.scope.account, params["PolicyArn"])
        await self._journal.commit(())
        return {
            "PolicyGroups": [],
            "PolicyUsers": [],
            "PolicyRoles": [{"RoleName": role.name, "RoleId": role.role_id} for role in roles],
            "IsTruncated": False,
        }

    async def list_account_aliases(self, caller: Caller, params: Params) -> Params:
        return {"AccountAliases": [], "IsTruncated": False}

    def _policy(self, caller: Caller, policy: Policy) -> Params:
        return {
            "PolicyName": policy.name,
            "PolicyId": policy.policy_id,
            "Arn": policy.arn,
            "Path": policy.path,
            "DefaultVersionId": _VERSION,
            "AttachmentCount": len(self._roles.attached_to(caller.scope.account, policy.arn)),
            "PermissionsBoundaryUsageCount": 0,
            "IsAttachable": True,
            "Description": policy.description,
            "CreateDate": policy.created_ms / 1000,
            "UpdateDate": policy.created_ms / 1000,
            "Tags": _tag_list(policy.tags),
        }


def _encoded(document: str) -> str:
    """Documents are answered percent-encoded; SDKs decode them."""
    return quote(document, safe="")


def _role(role: Role) -> Params:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.role_id,
        "Arn": role.arn,
        "CreateDate": role.created_ms / 1000,
        "AssumeRolePolicyDocument": _encoded(role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": role.boundary,
        }
        if role.boundary
        else None,
        "Tags": _tag_list(role.tags) or None,
    }


def _managed(arn: str) -> Params:
    path, _, name = arn.removeprefix(MANAGED.rstrip("/")).rpartition("/")
    return {
        "PolicyName": name,
        "Arn": arn,
        "Path": f"{path}/",
        "DefaultVersionId": _VERSION,
        "IsAttachable": True,
    }


def _version(policy: Policy, *, document: bool) -> Params:
    return {
        "VersionId": _VERSION,
        "IsDefaultVersion": True,
        "CreateDate": policy.created_ms / 1000,
        "Document": _encoded(policy.document) if document else None,
    }


def _tags(params: Params) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _page(found: Sequence[Any], params: Params) -> tuple[Sequence[Any], Params]:
    """A page from the position that the marker names, and the members that say whether there is more."""
    marker = params.get("Marker", "0")
    start = int(marker) if marker.isdecimal() else 0
    end = start + params.get("MaxItems", 100)
    if end < len(found):
        return found[start:end], {"IsTruncated": True, "Marker": str(end)}
    return found[start:end], {"IsTruncated": False}
