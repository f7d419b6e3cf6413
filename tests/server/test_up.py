"""`dayfly up`: who may do what."""

from __future__ import annotations

import configparser
import io
import json
import stat
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from processes import running

from dayfly.testing import Served, serve

KEY, SECRET = "AKIAOPERATOR", "a-secret-of-the-operator"
WHO = """
import boto3, json

def handler(event, context):
    who = boto3.client("sts").get_caller_identity()
    boto3.client("sqs").create_queue(QueueName="made-by-a-function")
    try:
        import urllib.request, os
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_dayfly/mail")
    except Exception as error:
        refused = getattr(error, "code", 0)
    return {"account": who["Account"], "arn": who["Arn"], "user": who["UserId"], "refused": refused}
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    state = tmp_path_factory.mktemp("state")
    with serve(mode="up", state=state, access_key_id=KEY, secret_access_key=SECRET) as served:
        yield served


def client(served: Served, service: str, secret: str = SECRET, key: str = KEY, token: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=served.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def control(served: Served, path: str, credentials: Credentials | None, method: str = "GET") -> tuple[int, Any]:
    request = AWSRequest(method=method, url=f"{served.endpoint}/_dayfly/{path}")
    if credentials:
        SigV4Auth(credentials, "anything", "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, headers=dict(request.headers.items()), method=method)
    try:
        with urllib.request.urlopen(sent, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_request_without_a_signature_is_refused_in_awss_words(up: Served) -> None:
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = urllib.request.Request(up.endpoint, form, {"Content-Type": "application/x-www-form-urlencoded"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in refused.value.read()


def test_a_request_signed_by_the_operator_is_answered(up: Served) -> None:
    who = client(up, "sts").get_caller_identity()
    assert who["Account"] == "000000000000"
    assert client(up, "sqs").create_queue(QueueName="q")["QueueUrl"].endswith("/000000000000/q")


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [(KEY, "wrong", "SignatureDoesNotMatch"), ("AKIANOBODY", SECRET, "InvalidClientTokenId")],
)
def test_a_wrong_signature_is_refused_in_awss_words(up: Served, key: str, secret: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(up, "sts", secret, key).get_caller_identity()
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_users_of_a_pool_sign_up_without_a_key_and_anybody_may_read_its_keys(up: Served) -> None:
    pools = client(up, "cognito-idp")
    pool = pools.create_user_pool(PoolName="readers")["UserPool"]["Id"]
    application = pools.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
    unsigned = boto3.client(
        "cognito-idp",
        endpoint_url=up.endpoint,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED),
    )
    signed_up = unsigned.sign_up(ClientId=application, Username="ada", Password="Correct-horse-1")
    assert signed_up["UserSub"]
    asked = urllib.request.Request(
        f"{up.endpoint}/{pool}/.well-known/jwks.json", headers={"Host": "cognito-idp.us-east-1.amazonaws.com"}
    )
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer)["keys"]
    with pytest.raises(ClientError) as refused:
        unsigned.list_user_pools(MaxResults=1)
    assert refused.value.response["Error"]["Code"] == "MissingAuthenticationTokenException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_a_companion_takes_no_wrong_signature_and_says_so_in_awss_words(up: Served) -> None:
    for service, ask, code in (
        ("dynamodb", lambda made: made.list_tables(), "InvalidSignatureException"),
        ("s3", lambda made: made.list_buckets(), "SignatureDoesNotMatch"),
    ):
        with pytest.raises(ClientError) as refused:
            ask(client(up, service, secret="wrong"))
        assert refused.value.response["Error"]["Code"] == code


def test_control_calls_are_the_operators_alone(up: Served) -> None:
    operator = Credentials(KEY, SECRET)
    assert control(up, "health", None)[0] == 200
    assert control(up, "usage", operator)[0] == 200
    assert control(up, "mail", operator) == (200, {"messages": []})
    other = client(up, "sts").get_session_token()["Credentials"]
    temporary = Credentials(other["AccessKeyId"], other["SecretAccessKey"], other["SessionToken"])
    for credentials in (None, temporary, Credentials(KEY, "wrong"), Credentials("AKIANOBODY", SECRET)):
        for path in ("usage", "mail", "invocations", "functions", "logs?function=f"):
            status, said = control(up, path, credentials)
            assert status == 403, path
            assert said["message"]
        assert control(up, "reset?all=1", credentials, "POST")[0] == 403


def test_the_credentials_file_is_nobody_elses_to_read(up: Served) -> None:
    file = up.platform.settings.state / "credentials"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    parser = configparser.ConfigParser()
    parser.read(file)
    assert parser["default"]["aws_access_key_id"] == KEY


def test_functions_sign_with_keys_of_their_own(up: Served) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", WHO)
    functions = client(up, "lambda")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    made_role = client(up, "iam").create_role(RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]
    role = made_role["Arn"]
    made = {"Runtime": "python3.12", "Role": role, "Handler": "index.handler", "Timeout": 20}
    functions.create_function(FunctionName="who", Code={"ZipFile": packed.getvalue()}, **made)
    answer = functions.invoke(FunctionName="who")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert said == {
        "account": "000000000000",
        "arn": "arn:aws:sts::000000000000:assumed-role/worker/who",
        "user": f"{made_role['RoleId']}:who",
        "refused": 403,
    }
    assert any(url.endswith("made-by-a-function") for url in client(up, "sqs").list_queues()["QueueUrls"])

    location = functions.get_function(FunctionName="who")["Code"]["Location"]
    with urllib.request.urlopen(location) as fetched:
        assert fetched.read() == packed.getvalue()
    for wrong in (location.partition("?")[0], location[:-1] + "0" * (location[-1] != "0"), location + "0"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(wrong)
        assert refused.value.code == 403


def test_the_process_makes_a_key_and_tells_it_to_nobody(tmp_path: Path) -> None:
    with running("up", "--json", "--port", "0", "--state", str(tmp_path / "state"), cwd=tmp_path) as dayfly:
        ready = dayfly.ready()
        parser = configparser.ConfigParser()
        parser.read(tmp_path / "state" / "credentials")
        key = parser["default"]
        sqs = boto3.client(
            "sqs",
            endpoint_url=ready["endpoint"],
            region_name="us-east-1",
            aws_access_key_id=key["aws_access_key_id"],
            aws_secret_access_key=key["aws_secret_access_key"],
        )
        url = sqs.create_queue(QueueName="kept")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="kept")
        assert dayfly.stop() == 0
        assert key["aws_secret_access_key"] not in json.dumps(dayfly.lines) + dayfly.stderr
        assert ready["stacks"] == []
    given = {"DAYFLY_ACCESS_KEY_ID": "AKIAOTHER", "DAYFLY_SECRET_ACCESS_KEY": "other"}
    words = ("up", "--json", "--port", ready["endpoint"].rpartition(":")[2], "--state", str(tmp_path / "state"))
    with running(*words, cwd=tmp_path, environment=given) as dayfly:  # the first start made the key
        dayfly.ready()
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"
