"""Resource types are found where their services are."""

from __future__ import annotations

import importlib

import pytest

from dayfly.app.resources import s3
from dayfly.app.resources.custom import Custom
from dayfly.app.resources.table import _FIRST_LOOK, TypeTable


@pytest.mark.parametrize(("service", "module"), _FIRST_LOOK.items())
def test_the_first_look_is_at_the_service_itself(service, module):
    types = importlib.import_module(f"dayfly.app.resources.{module}").TYPES
    assert any(name.startswith(f"AWS::{service}::") for name in types)


def test_a_custom_resource_is_any_name_but_the_frameworks_own_for_buckets():
    assert isinstance(TypeTable()["Custom::S3"], s3.BucketNotification)
    assert isinstance(TypeTable()["Custom::Anything"], Custom)


def test_a_type_that_has_no_effect_is_found_and_one_that_is_unknown_is_not():
    assert "AWS::EC2::VPC" in TypeTable()
    assert "AWS::EC2::Nothing" not in TypeTable()
