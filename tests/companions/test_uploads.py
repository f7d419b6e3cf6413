"""Objects that reach S3 by other ways than an SDK."""

from __future__ import annotations

from urllib.request import Request, urlopen

from dayfly.testing import serve


def test_an_upload_by_a_presigned_url_is_kept_whatever_it_calls_itself() -> None:
    with serve() as platform:
        s3 = platform.client("s3")
        s3.create_bucket(Bucket="uploads")
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "uploads", "Key": "a b"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert urlopen(Request(url, data=b"a=1&b", headers=form, method="PUT")).status == 200
        assert s3.get_object(Bucket="uploads", Key="a b")["Body"].read() == b"a=1&b"
