"""Models: found, trimmed, patched, cached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from dayfly.wire import models

SERVICES = ("sqs", "sns", "ses", "sesv2", "lambda", "apigateway", "apigatewayv2", "apigatewaymanagementapi", "events",
            "scheduler", "logs", "sts", "iam", "cloudformation")  # fmt: skip


def test_a_model_is_read_without_importing_botocore(tmp_path):
    script = (
        "import sys; from pathlib import Path; from dayfly.wire import models; "
        f"models.load('sqs', Path({str(tmp_path)!r})); assert 'botocore' not in sys.modules"
    )
    source = str(Path(models.__file__).parents[2])
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": source, "HOME": str(tmp_path)})


def test_the_second_load_comes_from_the_cache(tmp_path, monkeypatch):
    first = models.load("sqs", tmp_path)
    monkeypatch.setattr(models, "compile_model", lambda _service: pytest.fail("the cache was not used"))
    assert models.load("sqs", tmp_path) == first


def test_a_broken_cache_file_is_made_anew(tmp_path):
    model = models.load("sts", tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert models.load("sts", tmp_path) == model
    assert msgspec.msgpack.decode(file.read_bytes()) == model


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").touch()
    assert models.load("sts", tmp_path / "file")["operations"]


def test_the_caches_name_changes_with_a_patch(tmp_path, monkeypatch):
    models.load("sqs", tmp_path)
    monkeypatch.setattr(models, "_patch_bytes", lambda _service: b'{"metadata": {"jsonVersion": "9.9"}}')
    assert models.load("sqs", tmp_path)["metadata"]["jsonVersion"] == "9.9"


@pytest.mark.parametrize("service", SERVICES)
def test_a_trimmed_model_holds_no_documentation(service, tmp_path):
    model = models.load(service, tmp_path)

    def check(value: object, *, names: bool) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                assert names or key != "documentation"
                check(item, names=key == "members" and not names)

    for shape in model["shapes"].values():
        check(shape, names=False)


def test_a_member_called_as_a_dropped_trait_is_kept(tmp_path):
    trimmed = models.trimmed(
        {
            "metadata": {},
            "operations": {},
            "shapes": {"S": {"type": "structure", "members": {"documentation": {"shape": "X", "documentation": "d"}}}},
        }
    )
    assert trimmed["shapes"]["S"]["members"] == {"documentation": {"shape": "X"}}


def test_a_service_that_botocore_does_not_know_is_said(tmp_path):
    with pytest.raises(models.NoSuchModel, match="has no model of 'teleport'"):
        models.load("teleport", tmp_path)


@pytest.mark.parametrize(
    "patch", sorted((Path(models.__file__).parent / "patches").glob("*.json")), ids=lambda p: p.stem
)
def test_a_patch_gives_reasons_and_touches_only_what_exists(patch):
    content = msgspec.json.decode(patch.read_bytes())
    assert all(len(reason) > 20 for reason in content["reasons"])
    assert content["shapes"].keys() <= models.trimmed(models._read(patch.stem))["shapes"].keys()
