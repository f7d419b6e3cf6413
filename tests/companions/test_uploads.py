"""Objects that reach S3 by other ways than an SDK."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from dayfly.testing import serve


def test_an_upload_by_a_presigned_url_is_kept_whatever_it_calls_itself() -> None:
    with serve() as platform:
        s3 = platform.client("s3")
        s3.create_bucket(Bucket="uploads")
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "uploads", "Key": "a b"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert urlopen(Request(url, data=b"a=1&b", headers=form, method="PUT")).status == 200
        assert s3.get_object(Bucket="uploads", Key="a b")["Body"].read() == b"a=1&b"


def policy(**statement: object) -> str:
    given = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::uploads/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [given | statement]})


def test_only_a_bucket_policy_that_refuses_everybody_whatever_comes_refuses_an_upload() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html (requests by HTTPS)
    with serve() as platform:
        s3 = platform.client("s3")
        s3.create_bucket(Bucket="uploads")
        conditional = policy(Condition={"Bool": {"aws:SecureTransport": "false"}})
        for text in (conditional, policy(Principal={"AWS": "arn:aws:iam::000000000000:role/other"})):
            s3.put_bucket_policy(Bucket="uploads", Policy=text)
            s3.put_object(Bucket="uploads", Key="a", Body=b"x")
        assert s3.get_bucket_policy(Bucket="uploads")["Policy"] == text
        s3.put_bucket_policy(Bucket="uploads", Policy=policy(Action="s3:PutObject"))
        with pytest.raises(ClientError, match="403"):
            s3.put_object(Bucket="uploads", Key="a", Body=b"x")
