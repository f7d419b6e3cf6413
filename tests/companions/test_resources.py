"""Stacks make tables, buckets, secrets and the rest at companions, with the references CloudFormation documents."""

from __future__ import annotations

import json

import pytest

from dayfly.api import Refused
from dayfly.app.resources import Replace, Site
from dayfly.app.resources.cognito import TYPES as COGNITO
from dayfly.app.resources.table import TABLE as TYPES
from dayfly.clock import SystemClock
from dayfly.companions import Companions
from dayfly.identity import Caller, Scope
from dayfly.store.memory import MemoryJournal

CALLER = Caller(scope=Scope("123123123123", "eu-central-1"))
KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
TABLE = {
    **KEYS,
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "ProvisionedThroughput": {"ReadCapacityUnits": "1", "WriteCapacityUnits": 1},
    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": "true"},
}


async def test_every_type_is_made_referred_to_changed_and_taken_away(tmp_path):
    companions = Companions(journal=MemoryJournal(), clock=SystemClock(), directory=tmp_path)
    site = Site(caller=CALLER, stack="shop", stack_id="arn:x/shop/1", call=companions.call, endpoint="http://x")
    try:
        table = await TYPES["AWS::DynamoDB::Table"].create(site, "Orders", TABLE)
        assert table.id.startswith("shop-Orders-")
        assert table.attributes["Arn"].endswith(f"table/{table.id}")
        assert "/stream/" in table.attributes["StreamArn"]
        ttl = await site.do("dynamodb", "DescribeTimeToLive", TableName=table.id)
        assert ttl["TimeToLiveDescription"]["AttributeName"] == "until"
        with pytest.raises(Replace):
            await TYPES["AWS::DynamoDB::Table"].update(site, table, TABLE, {**TABLE, "KeySchema": []}, "Orders")
        on_demand = {**TABLE, "BillingMode": "PAY_PER_REQUEST"}
        del on_demand["ProvisionedThroughput"]
        await TYPES["AWS::DynamoDB::Table"].update(site, table, TABLE, on_demand, "Orders")
        await TYPES["AWS::DynamoDB::Table"].delete(site, table, TABLE)
        with pytest.raises(Refused):
            await site.do("dynamodb", "DescribeTable", TableName=table.id)

        cors = {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 5}]}
        bucket = await TYPES["AWS::S3::Bucket"].create(site, "Files", {"CorsConfiguration": cors})
        assert bucket.attributes["Arn"] == f"arn:aws:s3:::{bucket.id}"
        rules = await site.do("s3", "GetBucketCors", Bucket=bucket.id)
        assert rules["CORSRules"][0]["MaxAgeSeconds"] == 5
        await TYPES["AWS::S3::Bucket"].delete(site, bucket, {})

        given = {
            "GenerateSecretString": {
                "SecretStringTemplate": '{"u": "a"}',
                "GenerateStringKey": "p",
                "PasswordLength": 20,
            }
        }
        secret = await TYPES["AWS::SecretsManager::Secret"].create(site, "Db", given)
        value = json.loads((await site.do("secretsmanager", "GetSecretValue", SecretId=secret.id))["SecretString"])
        assert (value["u"], len(value["p"])) == ("a", 20)

        parameter = await TYPES["AWS::SSM::Parameter"].create(site, "P", {"Name": "/a", "Type": "String", "Value": "1"})
        await TYPES["AWS::SSM::Parameter"].update(
            site, parameter, {"Name": "/a"}, {"Name": "/a", "Type": "String", "Value": "2"}, "P"
        )
        assert (await site.do("ssm", "GetParameter", Name="/a"))["Parameter"]["Value"] == "2"

        stream = await TYPES["AWS::Kinesis::Stream"].create(site, "S", {"ShardCount": "1"})
        assert stream.attributes["Arn"].endswith(stream.id)
        definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
        machine = await TYPES["AWS::StepFunctions::StateMachine"].create(
            site, "M", {"Definition": definition, "RoleArn": "arn:aws:iam::123123123123:role/r"}
        )
        assert ":stateMachine:shop-M-" in machine.id
        key = await TYPES["AWS::KMS::Key"].create(site, "K", {"Description": "d", "EnableKeyRotation": True})
        alias = await TYPES["AWS::KMS::Alias"].create(site, "A", {"AliasName": "alias/a", "TargetKeyId": key.id})
        assert alias.id == "alias/a"
        pool = await COGNITO["AWS::Cognito::UserPool"].create(site, "Pool", {"AutoVerifiedAttributes": ["email"]})
        client = await COGNITO["AWS::Cognito::UserPoolClient"].create(site, "C", {"UserPoolId": pool.id})
        assert pool.attributes["ProviderName"].endswith(pool.id)
        assert client.id
    finally:
        await companions.close()
