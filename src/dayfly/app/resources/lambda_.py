"""Lambda resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_Lambda.html
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.functions.service import LOCAL_BUCKET

_SETTINGS = (
    "Handler", "Runtime", "Description", "Environment", "Layers", "DeadLetterConfig", "LoggingConfig",
    "VpcConfig", "TracingConfig", "KmsKeyArn", "SnapStart", "FileSystemConfigs",
)  # fmt: skip


class Function:
    known = frozenset({
        "Code", "FunctionName", "Handler", "Runtime", "Role", "Description", "Timeout", "MemorySize", "Environment",
        "Layers", "DeadLetterConfig", "EphemeralStorage", "Architectures", "ReservedConcurrentExecutions", "Tags",
        "LoggingConfig", "PackageType",
    })  # fmt: skip
    ignored = frozenset({
        "VpcConfig", "KmsKeyArn", "TracingConfig", "SnapStart", "FileSystemConfigs", "CodeSigningConfigArn",
        "RuntimeManagementConfig", "RecursiveLoop", "ImageConfig", "TenancyConfig",
    })  # fmt: skip

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("FunctionName") or generated(site, logical_id, 64)
        made = await site.do(
            "lambda",
            "CreateFunction",
            FunctionName=name,
            Code=_code(site, logical_id, properties),
            PackageType=properties.get("PackageType"),
            Architectures=properties.get("Architectures"),
            Tags=_tags(properties),
            **_settings(site, properties),
        )
        await _reserve(site, name, properties)
        return Physical(id=name, attributes={"Arn": made["FunctionArn"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("FunctionName", "PackageType")):
            raise Replace
        name = physical.id
        await site.do(
            "lambda",
            "UpdateFunctionCode",
            FunctionName=name,
            Architectures=after.get("Architectures"),
            **_code(site, logical_id, after),
        )
        await site.do("lambda", "UpdateFunctionConfiguration", FunctionName=name, **_cleared(site, before, after))
        if before.get("ReservedConcurrentExecutions") != after.get("ReservedConcurrentExecutions"):
            await _reserve(site, name, after)
        await _retag(site, str(physical.attributes["Arn"]), before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "lambda", "DeleteFunction", FunctionName=physical.id)


class Version:
    known = frozenset({"FunctionName", "Description", "CodeSha256", "ProvisionedConcurrencyConfig"})
    ignored = frozenset({"RuntimePolicy"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        made = await site.do(
            "lambda",
            "PublishVersion",
            FunctionName=properties["FunctionName"],
            Description=properties.get("Description"),
            # The hash is of a package that was never made where code is mounted.
            CodeSha256=None if site.code else properties.get("CodeSha256"),
        )
        arn = made["FunctionArn"]
        await _provision(site, arn, properties)
        return Physical(id=arn, attributes={"Version": made["Version"], "FunctionArn": arn})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(site, "lambda", "DeleteFunction", FunctionName=physical.id)


class Alias:
    known = frozenset({
        "FunctionName", "FunctionVersion", "Name", "Description", "RoutingConfig", "ProvisionedConcurrencyConfig",
    })  # fmt: skip
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        made = await site.do("lambda", "CreateAlias", Name=properties["Name"], **_alias(properties))
        await _provision(site, made["AliasArn"], properties)
        return Physical(id=made["AliasArn"], attributes={"AliasArn": made["AliasArn"]})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("FunctionName", "Name")):
            raise Replace
        await site.do("lambda", "UpdateAlias", Name=after["Name"], **_alias(after))
        await _provision(site, physical.id, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        arn, _, name = physical.id.rpartition(":")
        await quietly(site, "lambda", "DeleteAlias", FunctionName=arn, Name=name)


class Permission:
    known = frozenset({
        "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken",
        "FunctionUrlAuthType", "PrincipalOrgID", "InvokedViaFunctionUrl",
    })  # fmt: skip
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        sid = generated(site, logical_id, 100)
        await self._put(site, sid, properties)
        return Physical(id=sid, attributes={"Id": sid})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get("FunctionName") != after.get("FunctionName"):
            raise Replace
        await self.delete(site, physical, before)
        await self._put(site, physical.id, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        function = properties["FunctionName"]
        await quietly(site, "lambda", "RemovePermission", FunctionName=function, StatementId=physical.id)

    async def _put(self, site: Site, sid: str, properties: Properties) -> None:
        given = {key: properties.get(key) for key in self.known}
        if given["SourceAccount"] is not None:
            given["SourceAccount"] = str(given["SourceAccount"])
        if given["InvokedViaFunctionUrl"] is not None:
            given["InvokedViaFunctionUrl"] = truth(given["InvokedViaFunctionUrl"])
        await site.do("lambda", "AddPermission", StatementId=sid, **given)


class LayerVersion:
    known = frozenset({
        "LayerName", "Description", "Content", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo",
    })  # fmt: skip
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        made = await site.do(
            "lambda",
            "PublishLayerVersion",
            LayerName=properties.get("LayerName") or generated(site, logical_id, 140),
            Content=_mounted(site, logical_id) or properties["Content"],
            **{key: properties.get(key) for key in self.known - {"LayerName", "Content"}},
        )
        arn = made["LayerVersionArn"]
        return Physical(id=arn, attributes={"LayerVersionArn": arn, "Arn": arn})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        arn, _, version = physical.id.rpartition(":")
        await quietly(site, "lambda", "DeleteLayerVersion", LayerName=arn, VersionNumber=int(version))


class LayerVersionPermission:
    known = frozenset({"LayerVersionArn", "Action", "Principal", "OrganizationId"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        layer, _, version = str(properties["LayerVersionArn"]).rpartition(":")
        sid = generated(site, logical_id, 100)
        await site.do(
            "lambda",
            "AddLayerVersionPermission",
            LayerName=layer,
            VersionNumber=int(version),
            StatementId=sid,
            Action=properties["Action"],
            Principal=str(properties["Principal"]),
            OrganizationId=properties.get("OrganizationId"),
        )
        return Physical(id=f"{properties['LayerVersionArn']}#{sid}", attributes={"Id": sid})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        raise Replace

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        arn, _, sid = physical.id.partition("#")
        layer, _, version = arn.rpartition(":")
        await quietly(
            site,
            "lambda",
            "RemoveLayerVersionPermission",
            LayerName=layer,
            VersionNumber=int(version),
            StatementId=sid,
        )


class Url:
    known = frozenset({"TargetFunctionArn", "Qualifier", "AuthType", "Cors", "InvokeMode"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        return await self._done(site, "CreateFunctionUrlConfig", properties)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("TargetFunctionArn", "Qualifier")):
            raise Replace
        return await self._done(site, "UpdateFunctionUrlConfig", after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(
            site,
            "lambda",
            "DeleteFunctionUrlConfig",
            FunctionName=properties["TargetFunctionArn"],
            Qualifier=properties.get("Qualifier"),
        )

    async def _done(self, site: Site, operation: str, properties: Properties) -> Physical:
        cors = dict(properties.get("Cors") or {})
        if "AllowCredentials" in cors:
            cors["AllowCredentials"] = truth(cors["AllowCredentials"])
        if "MaxAge" in cors:
            cors["MaxAge"] = int(cors["MaxAge"])
        made = await site.do(
            "lambda",
            operation,
            FunctionName=properties["TargetFunctionArn"],
            Qualifier=properties.get("Qualifier"),
            AuthType=properties["AuthType"],
            InvokeMode=properties.get("InvokeMode"),
            Cors=cors,
        )
        arn = made["FunctionArn"]
        return Physical(id=arn, attributes={"FunctionUrl": made["FunctionUrl"], "FunctionArn": arn})


class EventInvokeConfig:
    known = frozenset({
        "FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig",
    })  # fmt: skip
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        await self._put(site, properties)
        return Physical(id=generated(site, logical_id, 128))

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if any(before.get(key) != after.get(key) for key in ("FunctionName", "Qualifier")):
            raise Replace
        await self._put(site, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await quietly(
            site,
            "lambda",
            "DeleteFunctionEventInvokeConfig",
            FunctionName=properties["FunctionName"],
            Qualifier=properties.get("Qualifier"),
        )

    async def _put(self, site: Site, properties: Properties) -> None:
        await site.do(
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName=properties["FunctionName"],
            Qualifier=properties.get("Qualifier"),
            MaximumRetryAttempts=whole(properties.get("MaximumRetryAttempts")),
            MaximumEventAgeInSeconds=whole(properties.get("MaximumEventAgeInSeconds")),
            DestinationConfig=properties.get("DestinationConfig"),
        )


def generated(site: Site, logical_id: str, limit: int) -> str:
    """A name as CloudFormation makes it up; the same for the same resource of the same stack.

    Where it would be too long both parts are cut, and the suffix still tells resources apart.
    """
    suffix = hashlib.sha256(f"{site.stack_id}/{logical_id}".encode()).hexdigest()[:12].upper()
    room = limit - len(suffix) - 1
    stem = f"{site.stack}-{logical_id}"
    if len(stem) > room:
        kept = logical_id[: min(24, room // 2)]
        stem = f"{site.stack[: room - len(kept) - 1]}-{kept}"
    return f"{stem}-{suffix}"


def whole(value: Any) -> int | None:
    """Templates may write numbers as texts."""
    return None if value is None else int(value)


def truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


async def quietly(site: Site, service: str, operation: str, **params: Any) -> None:
    """Delete something that may be gone already."""
    try:
        await site.do(service, operation, **params)
    except Refused as refused:
        if not refused.code.startswith(("ResourceNotFound", "NoSuchEntity")):
            raise


def _code(site: Site, logical_id: str, properties: Properties) -> dict[str, Any]:
    mounted = _mounted(site, logical_id)
    if mounted:
        return mounted
    code = properties.get("Code") or {}
    if "ZipFile" in code:
        return {"ZipFile": _inline(str(code["ZipFile"]), str(properties.get("Runtime", "")))}
    keys = ("S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
    return {key: code[key] for key in keys if code.get(key) is not None}


def _mounted(site: Site, logical_id: str) -> dict[str, Any] | None:
    path = site.code.get(logical_id)
    return {"S3Bucket": LOCAL_BUCKET, "S3Key": str(path)} if path is not None else None


def _inline(text: str, runtime: str) -> bytes:
    """Inline code becomes `index.js` or `index.py`: docs, AWS::Lambda::Function Code, ZipFile."""
    packed = io.BytesIO()
    name = "index.py" if runtime.startswith("python") else "index.js"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def _settings(site: Site, properties: Properties) -> dict[str, Any]:
    given = {("KMSKeyArn" if key == "KmsKeyArn" else key): properties.get(key) for key in _SETTINGS}
    if given["Environment"]:
        variables = given["Environment"].get("Variables") or {}
        given["Environment"] = {"Variables": {key: _text(value) for key, value in variables.items()}}
    if isinstance(given["VpcConfig"], Mapping):
        given["VpcConfig"] = {key: value for key, value in given["VpcConfig"].items() if value is not None}
    if properties.get("EphemeralStorage"):
        given["EphemeralStorage"] = {"Size": int(properties["EphemeralStorage"]["Size"])}
    given["Timeout"] = whole(properties.get("Timeout"))
    given["MemorySize"] = whole(properties.get("MemorySize"))
    # Code may be given a role that a caller without rights made up; it has no effect on what the code may do.
    given["Role"] = properties.get("Role") or f"arn:aws:iam::{site.scope.account}:role/{site.stack}"
    return given


def _cleared(site: Site, before: Properties, after: Properties) -> dict[str, Any]:
    """The settings to update; those that a template no longer has go back to their defaults."""
    defaults: dict[str, Any] = {
        "Description": "", "Environment": {"Variables": {}}, "Layers": [], "DeadLetterConfig": {"TargetArn": ""},
        "Timeout": 3, "MemorySize": 128, "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text"},
    }  # fmt: skip
    gone = {key: value for key, value in defaults.items() if before.get(key) is not None and after.get(key) is None}
    return {**_settings(site, after), **gone}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(properties: Properties) -> dict[str, str] | None:
    tags = properties.get("Tags")
    return {tag["Key"]: str(tag["Value"]) for tag in tags} if tags else None


async def _retag(site: Site, arn: str, before: Properties, after: Properties) -> None:
    old, new = _tags(before) or {}, _tags(after) or {}
    if gone := [key for key in old if key not in new]:
        await site.do("lambda", "UntagResource", Resource=arn, TagKeys=gone)
    if new and new != old:
        await site.do("lambda", "TagResource", Resource=arn, Tags=new)


async def _reserve(site: Site, name: str, properties: Properties) -> None:
    amount = whole(properties.get("ReservedConcurrentExecutions"))
    if amount is None:
        await site.do("lambda", "DeleteFunctionConcurrency", FunctionName=name)
    else:
        await site.do("lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=amount)


async def _provision(site: Site, arn: str, properties: Properties) -> None:
    config = properties.get("ProvisionedConcurrencyConfig")
    if not config:
        return
    function, _, qualifier = arn.rpartition(":")
    await site.do(
        "lambda",
        "PutProvisionedConcurrencyConfig",
        FunctionName=function,
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=int(config["ProvisionedConcurrentExecutions"]),
    )


def _alias(properties: Properties) -> dict[str, Any]:
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or []
    return {
        "FunctionName": properties["FunctionName"],
        "FunctionVersion": str(properties["FunctionVersion"]),
        "Description": properties.get("Description"),
        "RoutingConfig": {
            "AdditionalVersionWeights": {
                str(weight["FunctionVersion"]): float(weight["FunctionWeight"]) for weight in weights
            }
        },
    }


TYPES: dict[str, ResourceType] = {
    "AWS::Lambda::Function": Function(),
    "AWS::Lambda::Version": Version(),
    "AWS::Lambda::Alias": Alias(),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::LayerVersion": LayerVersion(),
    "AWS::Lambda::LayerVersionPermission": LayerVersionPermission(),
    "AWS::Lambda::Url": Url(),
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig(),
}
