"""The operator's key and temporary ones."""

from __future__ import annotations

import configparser
import stat

import pytest

from dayfly.clock import ManualClock
from dayfly.identity.keys import CredentialsUnreadable, Issuer, Keys, account_in
from dayfly.ids import SeededIds


def keys(directory, **given):
    return Keys(directory=directory, account="111111111111", clock=ManualClock(), ids=SeededIds(), **given)


def test_the_first_start_makes_the_operators_key_and_the_next_finds_it(tmp_path):
    made = keys(tmp_path).operator
    assert made.access_key_id.startswith("AKIA")
    assert len(made.access_key_id) == 20
    assert len(made.secret_access_key) == 40
    assert keys(tmp_path).operator == made


def test_the_operators_key_may_be_given_at_the_first_start_only(tmp_path):
    assert keys(tmp_path, access_key_id="AKIAMINE", secret_access_key="s").operator.access_key_id == "AKIAMINE"
    again = keys(tmp_path, access_key_id="AKIAOTHER", secret_access_key="t")
    assert again.operator.access_key_id == "AKIAMINE"
    assert again.find("AKIAOTHER", "") is None


def test_only_the_owner_may_read_the_file_and_the_cli_understands_it(tmp_path):
    made = keys(tmp_path)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    parser = configparser.ConfigParser()
    parser.read(made.file)
    assert parser["default"]["aws_secret_access_key"] == made.operator.secret_access_key


def test_a_section_of_the_file_may_have_an_account_of_its_own(tmp_path):
    made = keys(tmp_path)
    with made.file.open("a") as file:
        file.write("[other]\naws_access_key_id = AKIATWO\naws_secret_access_key = t\ndayfly_account = 222222222222\n")
    made.load()
    assert made.account_of("AKIATWO") == "222222222222"
    assert made.account_of(made.operator.access_key_id) == "111111111111"


@pytest.mark.parametrize("content", ["", "[default]\naws_access_key_id = x\n", "nonsense"])
def test_a_file_that_holds_no_key_is_said(tmp_path, content):
    (tmp_path / "credentials").write_text(content)
    with pytest.raises(CredentialsUnreadable, match="credentials"):
        keys(tmp_path)


def test_a_temporary_key_holds_over_a_restart_and_names_its_account(tmp_path):
    key = keys(tmp_path).issuer.temporary("222222222222", "arn:aws:sts::222222222222:assumed-role/r/s", 900)
    found = keys(tmp_path).find(key.access_key_id, key.session_token)
    assert found == (key.secret_access_key, key.session_token, key.expires_ms)
    assert keys(tmp_path).account_of(key.access_key_id) == account_in(key.access_key_id) == "222222222222"
    assert not keys(tmp_path).is_operator(key.access_key_id)


def test_a_token_of_somebody_else_or_for_another_key_is_unknown(tmp_path):
    made = keys(tmp_path)
    key = made.issuer.temporary("222222222222", "arn", 900)
    forged = Issuer(master="guess", clock=ManualClock(), ids=SeededIds()).temporary("222222222222", "arn", 900)
    assert made.find(forged.access_key_id, forged.session_token) is None
    assert made.find("ASIADFAAAAAAAAAAAAAA", key.session_token) is None
    assert made.find(key.access_key_id, "") is None
    assert made.find(key.access_key_id, "not a token") is None


@pytest.mark.parametrize(
    ("key_id", "account"),
    [("123456789012", "123456789012"), ("test", None), ("AKIAIOSFODNN7EXAMPLE", None), ("12345678901", None)],
)
def test_twelve_digits_are_an_account(key_id, account):
    assert account_in(key_id) == account
