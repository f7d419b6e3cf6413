"""IAM and STS through boto3, signatures verified as in `dayfly up`."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from in_process import client

from dayfly.api.iam import Iam
from dayfly.api.registry import Registry
from dayfly.api.sts import Sts
from dayfly.clock import ManualClock, SystemClock
from dayfly.identity import assumed_role
from dayfly.identity.keys import Issuer, Keys
from dayfly.identity.roles import Roles
from dayfly.ids import RandomIds, SeededIds
from dayfly.store.memory import MemoryJournal

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def apis(issuer: Issuer):
    journal = MemoryJournal()
    roles = Roles(journal=journal, clock=ManualClock(), ids=SeededIds())
    roles.load()
    return {"iam": lambda: Iam(roles=roles, journal=journal), "sts": lambda: Sts(issuer=issuer, roles=roles)}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(master="dev", clock=SystemClock(), ids=RandomIds())


@pytest.fixture
def dev(issuer) -> Registry:
    return Registry(apis(issuer), clock=SystemClock(), ids=RandomIds(), default_account="111111111111")


@pytest.fixture
def keys(tmp_path) -> Keys:
    return Keys(directory=tmp_path, account="111111111111", clock=SystemClock(), ids=RandomIds())


@pytest.fixture
def up(keys) -> Registry:
    return Registry(apis(keys.issuer), clock=SystemClock(), ids=RandomIds(), keys=keys)


def refusal(attempt) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        attempt()
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_who_am_i(dev):
    assert client(dev, "sts").get_caller_identity()["Account"] == "111111111111"
    identity = client(dev, "sts", key="222222222222").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::222222222222:root"


def test_an_assumed_role_acts_in_its_own_account(dev):
    assumed = client(dev, "sts").assume_role(RoleArn="arn:aws:iam::333333333333:role/path/worker", RoleSessionName="me")
    given = assumed["Credentials"]
    sts = client(dev, "sts", key=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])
    identity = sts.get_caller_identity()
    assert identity["Account"] == "333333333333"
    assert identity["Arn"] == "arn:aws:sts::333333333333:assumed-role/worker/me"
    assert identity["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"]
    assert refusal(lambda: sts.assume_role(RoleArn="arn:aws:iam::x:role/worker-role", RoleSessionName="me")) == (
        "ValidationError",
        400,
    )


def test_a_role_lives_from_creation_to_deletion(dev):
    iam = client(dev, "iam")
    made = iam.create_role(
        RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "a", "Value": "b"}]
    )
    assert made["Role"]["Arn"] == "arn:aws:iam::111111111111:role/worker"
    assert iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"] == TRUST
    iam.put_role_policy(RoleName="worker", PolicyName="in", PolicyDocument=json.dumps(TRUST))
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["in"]
    assert iam.get_role_policy(RoleName="worker", PolicyName="in")["PolicyDocument"] == TRUST
    policy = iam.create_policy(PolicyName="read", PolicyDocument=json.dumps(TRUST))["Policy"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=policy["Arn"])
    assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"] == 1
    assert iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"] == [
        {"PolicyName": "read", "PolicyArn": policy["Arn"]}
    ]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == TRUST
    assert refusal(lambda: iam.delete_role(RoleName="worker")) == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName="worker", PolicyArn=policy["Arn"])
    iam.delete_role_policy(RoleName="worker", PolicyName="in")
    iam.delete_role(RoleName="worker")
    iam.delete_policy(PolicyArn=policy["Arn"])
    assert iam.list_roles()["Roles"] == []
    assert refusal(lambda: iam.get_role(RoleName="worker")) == ("NoSuchEntity", 404)


def test_pages_of_roles_are_followed(dev):
    iam = client(dev, "iam")
    for number in range(5):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=json.dumps(TRUST))
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 2, 1]


def test_a_known_key_is_let_in_and_others_are_not(up, keys):
    operator = keys.operator
    iam = client(up, "iam", key=operator.access_key_id, secret=operator.secret_access_key)
    assert iam.list_roles()["Roles"] == []
    wrong = client(up, "iam", key=operator.access_key_id, secret="wrong")
    assert refusal(wrong.list_roles) == ("SignatureDoesNotMatch", 403)
    assert refusal(client(up, "iam", key="AKIAUNKNOWN", secret="x").list_roles) == ("InvalidClientTokenId", 403)


def test_a_temporary_key_is_let_in_with_its_token_alone(up, keys):
    operator = keys.operator
    sts = client(up, "sts", key=operator.access_key_id, secret=operator.secret_access_key)
    given = sts.get_session_token()["Credentials"]
    key, secret = given["AccessKeyId"], given["SecretAccessKey"]
    identity = client(up, "sts", key=key, secret=secret, token=given["SessionToken"]).get_caller_identity()
    assert identity["Account"] == "111111111111"
    assert refusal(client(up, "sts", key=key, secret=secret).get_caller_identity) == ("InvalidClientTokenId", 403)


def test_a_role_that_is_stored_has_its_id_in_the_caller(dev):
    made = client(dev, "iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    given = client(dev, "sts").assume_role(RoleArn=made["Arn"], RoleSessionName="me")["Credentials"]
    assert client(dev, "sts", key=given["AccessKeyId"]).get_caller_identity() | {"ResponseMetadata": None} == {
        "UserId": f"{made['RoleId']}:me",
        "Account": "111111111111",
        "Arn": "arn:aws:sts::111111111111:assumed-role/worker/me",
        "ResponseMetadata": None,
    }


def test_a_role_is_still_known_after_a_restart(keys):
    arn = assumed_role("111111111111", "worker", "f")
    given = keys.issuer.temporary("111111111111", arn, 60)
    again = Keys(directory=keys.file.parent, account="111111111111", clock=SystemClock(), ids=RandomIds())
    registry = Registry(apis(again.issuer), clock=SystemClock(), ids=RandomIds(), keys=again)
    sts = client(registry, "sts", key=given.access_key_id, secret=given.secret_access_key, token=given.session_token)
    assert sts.get_caller_identity()["Arn"] == arn


def test_a_token_says_who_uses_a_key_that_an_account_shares(dev, issuer):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    arn = assumed_role("222222222222", "worker", "f")
    token = issuer.token_for("222222222222", arn, 60)
    identity = client(dev, "sts", key="222222222222", token=token).get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (arn, "222222222222")
    assert identity["UserId"].endswith(":f")
    root = "arn:aws:iam::222222222222:root"
    assert client(dev, "sts", key="222222222222").get_caller_identity()["Arn"] == root
    assert client(dev, "sts", key="222222222222", token="dayfly").get_caller_identity()["Arn"] == root
    other = client(dev, "sts", key="333333333333", token=token).get_caller_identity()
    assert other["Arn"] == "arn:aws:iam::333333333333:root"
