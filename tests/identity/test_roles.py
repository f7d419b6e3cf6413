"""Roles and policies as plain transitions."""

from __future__ import annotations

import pytest

from dayfly.clock import ManualClock
from dayfly.identity.roles import DeleteConflict, EntityAlreadyExists, MalformedPolicyDocument, NoSuchEntity, Roles
from dayfly.ids import SeededIds
from dayfly.store.memory import MemoryJournal

A, B = "111111111111", "222222222222"
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def journal():
    return MemoryJournal()


@pytest.fixture
def roles(journal):
    return restarted(journal)


def restarted(journal) -> Roles:
    made = Roles(journal=journal, clock=ManualClock(), ids=SeededIds())
    made.load()
    return made


def test_everything_is_found_again_after_a_restart(roles, journal):
    _, changes = roles.create_role(A, "Worker", TRUST, path="/team/", tags={"a": "b"})
    journal.apply(changes)
    policy, changes = roles.create_policy(A, "Read", TRUST)
    journal.apply(changes)
    journal.apply(roles.attach(A, "Worker", policy.arn))
    journal.apply(roles.put_policy(A, "Worker", "inline", TRUST))
    again = restarted(journal)
    assert again.roles(A) == roles.roles(A)
    assert again.policies(A) == roles.policies(A)
    found = again.role(A, "worker")
    assert found.arn == "arn:aws:iam::111111111111:role/team/Worker"
    assert (found.attached, found.policies) == ((policy.arn,), {"inline": TRUST})


def test_deleted_means_deleted_after_a_restart(roles, journal):
    journal.apply(roles.create_role(A, "r", TRUST)[1])
    policy, changes = roles.create_policy(A, "p", TRUST, path="/x/")
    journal.apply(changes)
    journal.apply(roles.delete_role(A, "r"))
    journal.apply(roles.delete_policy(A, policy.arn))
    assert not journal.records


def test_names_are_taken_whatever_their_case_and_per_account(roles):
    roles.create_role(A, "Worker", TRUST)
    with pytest.raises(EntityAlreadyExists, match="Role with name worker already exists"):
        roles.create_role(A, "worker", TRUST)
    roles.create_role(B, "worker", TRUST)


def test_a_role_with_policies_is_not_deleted(roles):
    roles.create_role(A, "r", TRUST)
    roles.attach(A, "r", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    with pytest.raises(DeleteConflict, match="must detach all policies first"):
        roles.delete_role(A, "r")
    roles.detach(A, "r", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    roles.put_policy(A, "r", "p", TRUST)
    with pytest.raises(DeleteConflict, match="must delete policies first"):
        roles.delete_role(A, "r")
    roles.remove_policy(A, "r", "p")
    assert roles.delete_role(A, "r") == [("iam/111111111111/role/r", None)]


def test_a_policy_that_is_attached_is_not_deleted(roles):
    roles.create_role(A, "r", TRUST)
    policy, _ = roles.create_policy(A, "p", TRUST)
    roles.attach(A, "r", policy.arn)
    with pytest.raises(DeleteConflict):
        roles.delete_policy(A, policy.arn)


def test_what_is_not_there_is_no_such_entity(roles):
    roles.create_role(A, "r", TRUST)
    for attempt in (
        lambda: roles.role(A, "none"),
        lambda: roles.inline_policy(A, "r", "none"),
        lambda: roles.attach(A, "r", "arn:aws:iam::111111111111:policy/none"),
        lambda: roles.detach(A, "r", "arn:aws:iam::aws:policy/none"),
        lambda: roles.policy(A, "arn:aws:iam::111111111111:policy/none"),
        lambda: roles.role(B, "r"),
    ):
        with pytest.raises(NoSuchEntity):
            attempt()


@pytest.mark.parametrize("document", ["", "{", "[]", "{}", '"x"'])
def test_a_document_that_is_no_policy_is_malformed(roles, document):
    with pytest.raises(MalformedPolicyDocument):
        roles.create_role(A, "r", document)
