"""Resources of services that companions answer for: tables, buckets, parameters, secrets, streams, machines, pools,
keys.

Each type is one record: how its properties become a call, what `Ref` and `Fn::GetAtt` give, what can change in place.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dayfly.api import Refused
from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def generated_name(site: Site, logical_id: str, properties: Properties, *, longest: int = 255) -> str:
    """`{stack}-{logicalId}-{RANDOM}` as CloudFormation names what has no name.

    The last part is drawn from the stack and the properties: a retry finds what it made, a replacement gets a new name.
    """
    seed = json.dumps([site.stack_id, logical_id, properties], sort_keys=True, default=str)
    digest = hashlib.sha256(seed.encode()).digest()
    tail = "".join(_ALPHABET[byte % 32] for byte in digest[:13])
    return f"{site.stack}-{logical_id}"[: longest - 14] + f"-{tail}"


def changed(before: Properties, after: Properties, *names: str) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


def picked(properties: Properties, *names: str) -> Properties:
    return {name: properties[name] for name in names if name in properties}


def numbers(value: Any) -> Any:
    """Throughput and the like, which templates may write as text."""
    if isinstance(value, dict):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def truth(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


async def gone(site: Site, service: str, operation: str, *codes: str, **params: Any) -> None:
    """Delete what may be gone already (the error codes that say so), which for a stack is as good."""
    try:
        await site.do(service, operation, **params)
    except Refused as refused:
        if refused.code not in codes:
            raise


class Table:
    """AWS::DynamoDB::Table."""

    _plain = ("KeySchema", "AttributeDefinitions", "BillingMode", "LocalSecondaryIndexes", "Tags", "TableClass")
    known = frozenset(
        {
            *_plain,
            "TableName",
            "ProvisionedThroughput",
            "GlobalSecondaryIndexes",
            "StreamSpecification",
            "TimeToLiveSpecification",
            "PointInTimeRecoverySpecification",
            "DeletionProtectionEnabled",
            "SSESpecification",
        }
    )
    ignored = frozenset(
        {
            "ContributorInsightsSpecification",
            "KinesisStreamSpecification",
            "OnDemandThroughput",
            "ResourcePolicy",
            "WarmThroughput",
        }
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("TableName") or generated_name(site, logical_id, properties)
        params = picked(properties, *self._plain)
        for given in ("ProvisionedThroughput", "GlobalSecondaryIndexes"):
            if given in properties:
                params[given] = numbers(properties[given])
        if "StreamSpecification" in properties:
            view = properties["StreamSpecification"]["StreamViewType"]
            params["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        if "SSESpecification" in properties:
            given = properties["SSESpecification"]
            params["SSESpecification"] = {
                "Enabled": truth(given.get("SSEEnabled")),
                **picked(given, "SSEType", "KMSMasterKeyId"),
            }
        if "DeletionProtectionEnabled" in properties:
            params["DeletionProtectionEnabled"] = truth(properties["DeletionProtectionEnabled"])
        if "ProvisionedThroughput" not in params:
            # CloudFormation's own default is PROVISIONED, which wants throughput; without one only on demand works.
            params.setdefault("BillingMode", "PAY_PER_REQUEST")
        made = await site.do("dynamodb", "CreateTable", TableName=name, **params)
        await self._extras(site, name, {}, properties)
        return self._physical(made["TableDescription"])

    async def _extras(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "TimeToLiveSpecification") and after.get("TimeToLiveSpecification"):
            given = after["TimeToLiveSpecification"]
            wanted = {"Enabled": truth(given["Enabled"]), "AttributeName": given.get("AttributeName", "")}
            await site.do("dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=wanted)
        if changed(before, after, "PointInTimeRecoverySpecification"):
            given = after.get("PointInTimeRecoverySpecification") or {}
            wanted = {"PointInTimeRecoveryEnabled": truth(given.get("PointInTimeRecoveryEnabled"))}
            await site.do(
                "dynamodb", "UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=wanted
            )

    def _physical(self, described: dict[str, Any]) -> Physical:
        attributes = {"Arn": described["TableArn"]}
        if described.get("LatestStreamArn"):
            attributes["StreamArn"] = described["LatestStreamArn"]
        return Physical(id=described["TableName"], attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "TableName", "KeySchema", "LocalSecondaryIndexes"):
            raise Replace
        params = {name: numbers(after[name]) for name in ("BillingMode", "ProvisionedThroughput") if name in after}
        if changed(before, after, "BillingMode", "ProvisionedThroughput") and params:
            await site.do("dynamodb", "UpdateTable", TableName=physical.id, **params)
        if changed(before, after, "StreamSpecification"):
            await self._change_stream(site, physical.id, before, after)
        for step in _index_steps(before, after):
            definitions = after.get("AttributeDefinitions")
            await site.do(
                "dynamodb",
                "UpdateTable",
                TableName=physical.id,
                AttributeDefinitions=definitions,
                GlobalSecondaryIndexUpdates=[step],
            )
        await self._extras(site, physical.id, before, after)
        described = await site.do("dynamodb", "DescribeTable", TableName=physical.id)
        return self._physical(described["Table"])

    async def _change_stream(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if before.get("StreamSpecification"):
            await site.do("dynamodb", "UpdateTable", TableName=name, StreamSpecification={"StreamEnabled": False})
        if after.get("StreamSpecification"):
            view = after["StreamSpecification"]["StreamViewType"]
            wanted = {"StreamEnabled": True, "StreamViewType": view}
            await site.do("dynamodb", "UpdateTable", TableName=name, StreamSpecification=wanted)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "dynamodb", "DeleteTable", "ResourceNotFoundException", TableName=physical.id)


def _index_steps(before: Properties, after: Properties) -> list[dict[str, Any]]:
    """One step an update: DynamoDB takes a single index change at a time."""
    old = {index["IndexName"]: index for index in before.get("GlobalSecondaryIndexes") or ()}
    new = {index["IndexName"]: index for index in after.get("GlobalSecondaryIndexes") or ()}
    steps: list[dict[str, Any]] = [{"Delete": {"IndexName": name}} for name in old if old[name] != new.get(name)]
    return steps + [{"Create": numbers(new[name])} for name in new if new[name] != old.get(name)]


class Bucket:
    """AWS::S3::Bucket."""

    known = frozenset(
        {
            "BucketName",
            "AccessControl",
            "VersioningConfiguration",
            "CorsConfiguration",
            "WebsiteConfiguration",
            "PublicAccessBlockConfiguration",
            "NotificationConfiguration",
            "Tags",
        }
    )
    ignored = frozenset(
        {
            "AccelerateConfiguration",
            "AnalyticsConfigurations",
            "BucketEncryption",
            "IntelligentTieringConfigurations",
            "InventoryConfigurations",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "MetricsConfigurations",
            "ObjectLockEnabled",
            "OwnershipControls",
            "ReplicationConfiguration",
        }
    )

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("BucketName") or generated_name(site, logical_id, properties, longest=63).lower()
        region = site.scope.region
        params: dict[str, Any] = {"Bucket": name}
        if region != "us-east-1":
            params["CreateBucketConfiguration"] = {"LocationConstraint": region}
        if "AccessControl" in properties:
            params["ACL"] = _dashed(properties["AccessControl"])
        await site.do("s3", "CreateBucket", **params)
        await self._configure(site, name, {}, properties)
        return Physical(
            id=name,
            attributes={
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
            },
        )

    async def _configure(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        if changed(before, after, "VersioningConfiguration") and "VersioningConfiguration" in after:
            wanted = after["VersioningConfiguration"]
            await site.do("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration=wanted)
        if changed(before, after, "CorsConfiguration"):
            await self._set_cors(site, name, after.get("CorsConfiguration"))
        if changed(before, after, "WebsiteConfiguration") and "WebsiteConfiguration" in after:
            given = after["WebsiteConfiguration"]
            wanted = {}
            if "IndexDocument" in given:
                wanted["IndexDocument"] = {"Suffix": given["IndexDocument"]}
            if "ErrorDocument" in given:
                wanted["ErrorDocument"] = {"Key": given["ErrorDocument"]}
            await site.do("s3", "PutBucketWebsite", Bucket=name, WebsiteConfiguration=wanted)
        if changed(before, after, "PublicAccessBlockConfiguration") and "PublicAccessBlockConfiguration" in after:
            wanted = {key: truth(value) for key, value in after["PublicAccessBlockConfiguration"].items()}
            await site.do("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=wanted)
        if changed(before, after, "NotificationConfiguration"):
            wanted = _notifications(after.get("NotificationConfiguration") or {})
            await site.do("s3", "PutBucketNotificationConfiguration", Bucket=name, NotificationConfiguration=wanted)
        if changed(before, after, "Tags") and after.get("Tags"):
            await site.do("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": after["Tags"]})

    async def _set_cors(self, site: Site, name: str, given: Properties | None) -> None:
        if not given:
            await site.do("s3", "DeleteBucketCors", Bucket=name)
            return
        rules = []
        for rule in given["CorsRules"]:
            made = picked(rule, "AllowedHeaders", "AllowedMethods", "AllowedOrigins")
            for theirs, ours in (("ExposedHeaders", "ExposeHeaders"), ("Id", "ID"), ("MaxAge", "MaxAgeSeconds")):
                if theirs in rule:
                    made[ours] = numbers(rule[theirs])
            rules.append(made)
        await site.do("s3", "PutBucketCors", Bucket=name, CORSConfiguration={"CORSRules": rules})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "BucketName"):
            raise Replace
        await self._configure(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "s3", "DeleteBucket", "NoSuchBucket", Bucket=physical.id)


def _notifications(given: Properties) -> Properties:
    """CloudFormation's form (one event a configuration) in that of the API."""
    made: Properties = {}
    for theirs, ours, target, arn in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    ):
        for one in given.get(theirs) or ():
            configuration = {arn: one[target], "Events": [one["Event"]]}
            rules = ((one.get("Filter") or {}).get("S3Key") or {}).get("Rules") or ()
            if rules:
                named = [{"Name": str(rule["Name"]).lower(), "Value": str(rule["Value"])} for rule in rules]
                configuration["Filter"] = {"Key": {"FilterRules": named}}
            made.setdefault(ours, []).append(configuration)
    bus = given.get("EventBridgeConfiguration")
    if bus is not None and truth(bus.get("EventBridgeEnabled", True)):
        made["EventBridgeConfiguration"] = {}
    return made


def _dashed(camel: str) -> str:
    """`PublicRead` → `public-read`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in camel).lstrip("-")


class BucketNotification:
    """Custom::S3, by which the Serverless Framework tells a bucket that is made elsewhere of a function.

    https://www.serverless.com/framework/docs/providers/aws/events/s3#using-existing-buckets
    """

    known = frozenset({"ServiceToken", "FunctionName", "BucketName", "BucketConfigs"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        bucket = properties["BucketName"]
        try:
            await site.do("s3", "HeadBucket", Bucket=bucket)
        except Refused:
            # On AWS it would have to be there; in development nobody else makes it.
            await Bucket().create(site, logical_id, {"BucketName": bucket})
        told = [{**one, "Function": properties["FunctionName"]} for one in properties["BucketConfigs"]]
        mine = _notifications({"LambdaConfigurations": told})["LambdaFunctionConfigurations"]
        for number, one in enumerate(mine):
            one["Id"] = f"{site.stack}-{logical_id}-{number}"
        await self._put(site, bucket, logical_id, mine)
        return Physical(id=f"{site.stack}-{logical_id}")

    async def _put(self, site: Site, bucket: str, logical_id: str, mine: list[Properties]) -> None:
        whole = await site.do("s3", "GetBucketNotificationConfiguration", Bucket=bucket)
        others = [
            one
            for one in whole.get("LambdaFunctionConfigurations") or ()
            if not str(one.get("Id", "")).startswith(f"{site.stack}-{logical_id}-")
        ]
        wanted = {**whole, "LambdaFunctionConfigurations": [*others, *mine]}
        await site.do("s3", "PutBucketNotificationConfiguration", Bucket=bucket, NotificationConfiguration=wanted)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "BucketName"):
            raise Replace
        return await self.create(site, logical_id, after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        try:
            await self._put(site, properties["BucketName"], physical.id.removeprefix(f"{site.stack}-"), [])
        except Refused as refused:
            if refused.code != "NoSuchBucket":
                raise


class BucketPolicy:
    """AWS::S3::BucketPolicy."""

    known = frozenset({"Bucket", "PolicyDocument"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        policy = json.dumps(properties["PolicyDocument"])
        await site.do("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=policy)
        return Physical(id=properties["Bucket"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Bucket"):
            raise Replace
        return await self.create(site, logical_id, after)

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "s3", "DeleteBucketPolicy", "NoSuchBucket", "NoSuchBucketPolicy", Bucket=physical.id)


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


class Secret:
    """AWS::SecretsManager::Secret."""

    known = frozenset({"Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"})
    ignored = frozenset({"ReplicaRegions"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated_name(site, logical_id, properties)
        text = await self._text(site, properties)
        params = picked(properties, "Description", "KmsKeyId", "Tags")
        made = await site.do("secretsmanager", "CreateSecret", Name=name, SecretString=text, **params)
        return Physical(id=made["ARN"], attributes={"Id": made["ARN"]})

    async def _text(self, site: Site, properties: Properties) -> str | None:
        given = properties.get("GenerateSecretString")
        if given is None:
            return properties.get("SecretString")
        options = picked(given, "ExcludeCharacters")
        for name in (
            "ExcludeLowercase",
            "ExcludeNumbers",
            "ExcludePunctuation",
            "ExcludeUppercase",
            "IncludeSpace",
            "RequireEachIncludedType",
        ):
            if name in given:
                options[name] = truth(given[name])
        if "PasswordLength" in given:
            options["PasswordLength"] = int(given["PasswordLength"])
        password = (await site.do("secretsmanager", "GetRandomPassword", **options))["RandomPassword"]
        if "GenerateStringKey" not in given:
            return str(password)
        return json.dumps({**json.loads(given.get("SecretStringTemplate", "{}")), given["GenerateStringKey"]: password})

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Name"):
            raise Replace
        params = picked(after, "Description", "KmsKeyId")
        if changed(before, after, "SecretString", "GenerateSecretString"):
            params["SecretString"] = await self._text(site, after)
        await site.do("secretsmanager", "UpdateSecret", SecretId=physical.id, **params)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(
            site,
            "secretsmanager",
            "DeleteSecret",
            "ResourceNotFoundException",
            SecretId=physical.id,
            ForceDeleteWithoutRecovery=True,
        )


class Stream:
    """AWS::Kinesis::Stream."""

    known = frozenset({"Name", "ShardCount", "StreamModeDetails", "RetentionPeriodHours", "Tags"})
    ignored = frozenset({"StreamEncryption", "DesiredShardLevelMetrics", "MaxRecordSizeInKiB"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        name = properties.get("Name") or generated_name(site, logical_id, properties, longest=128)
        params: dict[str, Any] = picked(properties, "StreamModeDetails")
        if "ShardCount" in properties:
            params["ShardCount"] = int(properties["ShardCount"])
        await site.do("kinesis", "CreateStream", StreamName=name, **params)
        if properties.get("Tags"):
            tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
            await site.do("kinesis", "AddTagsToStream", StreamName=name, Tags=tags)
        await self._retain(site, name, {}, properties)
        described = await site.do("kinesis", "DescribeStreamSummary", StreamName=name)
        return Physical(id=name, attributes={"Arn": described["StreamDescriptionSummary"]["StreamARN"]})

    async def _retain(self, site: Site, name: str, before: Properties, after: Properties) -> None:
        hours, was = int(after.get("RetentionPeriodHours", 24)), int(before.get("RetentionPeriodHours", 24))
        if hours != was:
            operation = "IncreaseStreamRetentionPeriod" if hours > was else "DecreaseStreamRetentionPeriod"
            await site.do("kinesis", operation, StreamName=name, RetentionPeriodHours=hours)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "Name"):
            raise Replace
        if changed(before, after, "ShardCount") and "ShardCount" in after:
            count = int(after["ShardCount"])
            kind = "UNIFORM_SCALING"
            await site.do(
                "kinesis", "UpdateShardCount", StreamName=physical.id, TargetShardCount=count, ScalingType=kind
            )
        await self._retain(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "kinesis", "DeleteStream", "ResourceNotFoundException", StreamName=physical.id)


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
        made = await site.do(
            "stepfunctions",
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
            text = text.replace("${" + name + "}", str(value))
        return str(text)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "StateMachineName", "StateMachineType"):
            raise Replace
        await site.do(
            "stepfunctions",
            "UpdateStateMachine",
            stateMachineArn=physical.id,
            definition=self._definition(after),
            roleArn=after["RoleArn"],
        )
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "stepfunctions", "DeleteStateMachine", "StateMachineDoesNotExist", stateMachineArn=physical.id)


class Key:
    """AWS::KMS::Key."""

    _plain = ("Description", "KeySpec", "KeyUsage", "Tags", "MultiRegion", "Origin")
    known = frozenset({*_plain, "KeyPolicy", "Enabled", "EnableKeyRotation"})
    ignored = frozenset({"PendingWindowInDays", "RotationPeriodInDays", "BypassPolicyLockoutSafetyCheck"})

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        params = picked(properties, *self._plain)
        if "Tags" in params:
            params["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in params["Tags"]]
        if "KeyPolicy" in properties:
            params["Policy"] = json.dumps(properties["KeyPolicy"])
        made = (await site.do("kms", "CreateKey", **params))["KeyMetadata"]
        await self._switch(site, made["KeyId"], {}, properties)
        return Physical(id=made["KeyId"], attributes={"Arn": made["Arn"], "KeyId": made["KeyId"]})

    async def _switch(self, site: Site, key_id: str, before: Properties, after: Properties) -> None:
        if truth(after.get("Enabled", True)) != truth(before.get("Enabled", True)):
            await site.do("kms", "EnableKey" if truth(after.get("Enabled", True)) else "DisableKey", KeyId=key_id)
        if truth(after.get("EnableKeyRotation")) != truth(before.get("EnableKeyRotation")):
            wanted = "EnableKeyRotation" if truth(after.get("EnableKeyRotation")) else "DisableKeyRotation"
            await site.do("kms", wanted, KeyId=key_id)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "KeySpec", "KeyUsage", "MultiRegion", "Origin"):
            raise Replace
        if changed(before, after, "KeyPolicy") and "KeyPolicy" in after:
            policy = json.dumps(after["KeyPolicy"])
            await site.do("kms", "PutKeyPolicy", KeyId=physical.id, PolicyName="default", Policy=policy)
        await self._switch(site, physical.id, before, after)
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(
            site, "kms", "ScheduleKeyDeletion", "NotFoundException", "KMSInvalidStateException", KeyId=physical.id
        )


class Alias:
    """AWS::KMS::Alias."""

    known = frozenset({"AliasName", "TargetKeyId"})
    ignored: frozenset[str] = frozenset()

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        target = properties["TargetKeyId"]
        await site.do("kms", "CreateAlias", AliasName=properties["AliasName"], TargetKeyId=target)
        return Physical(id=properties["AliasName"])

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if changed(before, after, "AliasName"):
            raise Replace
        await site.do("kms", "UpdateAlias", AliasName=physical.id, TargetKeyId=after["TargetKeyId"])
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        await gone(site, "kms", "DeleteAlias", "NotFoundException", AliasName=physical.id)


TYPES: dict[str, ResourceType] = {
    "AWS::DynamoDB::Table": Table(),
    "AWS::KMS::Alias": Alias(),
    "AWS::KMS::Key": Key(),
    "AWS::Kinesis::Stream": Stream(),
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": BucketPolicy(),
    "Custom::S3": BucketNotification(),
    "AWS::SSM::Parameter": Parameter(),
    "AWS::SecretsManager::Secret": Secret(),
    "AWS::StepFunctions::StateMachine": StateMachine(),
}
