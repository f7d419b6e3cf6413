"""Filter policies and event patterns."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfly.queues import Attachment
from dayfly.topics.patterns import InvalidPattern, compile_pattern, compile_policy, document_of

# https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and its sisters
CASES = [
    ({"store": ["a"]}, {"store": "a"}, True),
    ({"store": ["a"]}, {"store": "b"}, False),
    ({"store": ["a"]}, {}, False),
    ({"store": ["a", "b"], "n": [1]}, {"store": "b", "n": 1}, True),
    ({"store": ["a", "b"], "n": [1]}, {"store": "b"}, False),
    ({"interests": ["rugby"]}, {"interests": ["soccer", "rugby"]}, True),
    ({"x": [{"anything-but": ["rugby", "tennis"]}]}, {"x": "baseball"}, True),
    ({"x": [{"anything-but": ["rugby", "tennis"]}]}, {"x": "rugby"}, False),
    ({"x": [{"anything-but": ["rugby", "tennis"]}]}, {"x": ["rugby", "baseball"]}, True),
    ({"x": [{"anything-but": ["rugby"]}]}, {}, False),
    ({"x": [{"anything-but": {"prefix": "order-"}}]}, {"x": "data-entry"}, True),
    ({"x": [{"anything-but": {"prefix": "order-"}}]}, {"x": "order-7"}, False),
    ({"x": [{"anything-but": {"suffix": "ball"}}]}, {"x": "football"}, False),
    ({"x": [{"prefix": "bas"}]}, {"x": "baseball"}, True),
    ({"x": [{"suffix": "ball"}]}, {"x": "baseball"}, True),
    ({"x": [{"equals-ignore-case": "tennis"}]}, {"x": "TENNIS"}, True),
    ({"x": [{"prefix": {"equals-ignore-case": "TEN"}}]}, {"x": "tennis"}, True),
    ({"x": [{"wildcard": "a*c"}]}, {"x": "a-b-c"}, True),
    ({"x": [{"cidr": "10.0.0.0/24"}]}, {"x": "10.0.0.255"}, True),
    ({"x": [{"cidr": "10.0.0.0/24"}]}, {"x": "10.1.1.0"}, False),
    ({"x": [{"cidr": "10.0.0.0/24"}]}, {"x": "home"}, False),
    ({"x": [{"numeric": ["=", 301.5]}]}, {"x": 3.015e2}, True),
    ({"x": [{"numeric": [">", 0, "<=", 150]}]}, {"x": 150}, True),
    ({"x": [{"numeric": [">", 0, "<=", 150]}]}, {"x": 0}, False),
    ({"x": [{"numeric": ["<", 1]}]}, {"x": "0"}, False),
    ({"x": [{"numeric": ["<", 1]}]}, {"x": False}, False),
    ({"x": [1]}, {"x": True}, False),
    ({"x": [True]}, {"x": True}, True),
    ({"x": [None]}, {"x": None}, True),
    ({"x": [None]}, {}, False),
    ({"x": [{"exists": True}]}, {"x": "y"}, True),
    ({"x": [{"exists": False}]}, {"x": "y"}, False),
    ({"x": [{"exists": False}]}, {}, True),
    ({"a": {"b": ["c"]}}, {"a": {"b": "c"}}, True),
    ({"a": {"b": ["c"]}}, {"a": [{"b": "x"}, {"b": "c"}]}, True),
    ({"a": {"b": ["c"]}}, {"a": "c"}, False),
    ({"a": {"b": [{"exists": False}]}}, {}, True),
    ({"source": ["s"], "$or": [{"m": ["CPU"]}, {"n": ["EC2"]}]}, {"source": "s", "n": "EC2"}, True),
    ({"source": ["s"], "$or": [{"m": ["CPU"]}, {"n": ["EC2"]}]}, {"source": "s", "n": "S3"}, False),
]


@pytest.mark.parametrize(("pattern", "document", "wanted"), CASES)
def test_a_pattern_matches_as_documented(pattern, document, wanted):
    assert compile_pattern(pattern)(document) is wanted


@pytest.mark.parametrize(
    "policy",
    [
        "x",
        "[]",
        '{"a": "b"}',
        '{"a": []}',
        '{"a": [["b"]]}',
        '{"a": [{"numeric": ["=", "1"]}]}',
        '{"a": [{"numeric": ["~", 1]}]}',
        '{"a": [{"exists": "yes"}]}',
        '{"a": [{"nonsense": 1}]}',
        '{"a": [{"prefix": "a", "suffix": "b"}]}',
        '{"a": [{"cidr": "home"}]}',
        '{"a": {"b": ["c"]}}',
        json.dumps({"a": list(range(151))}),
    ],
)
def test_a_policy_that_sns_refuses_is_refused(policy):
    with pytest.raises(InvalidPattern):
        compile_policy(policy, "MessageAttributes")


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("abc", max_size=3))
NAMES = st.sampled_from(["p", "q", "r"])
DOCUMENTS = st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)))


def holds(condition, value):
    elements = value if isinstance(value, list) else [value]
    return any(type(one) is type(condition) and one == condition for one in elements)


@given(st.dictionaries(NAMES, st.lists(SCALARS, min_size=1, max_size=3)), DOCUMENTS)
def test_exact_values_mean_any_of_the_list_for_all_of_the_names(pattern, document):
    expected = all(
        name in document and any(holds(condition, document[name]) for condition in conditions)
        for name, conditions in pattern.items()
    )
    assert compile_pattern(pattern)(document) is expected


@given(NAMES, st.text("abc", min_size=1, max_size=2), DOCUMENTS)
def test_anything_but_is_the_opposite_for_single_values(name, text, document):
    if name in document and not isinstance(document[name], list):
        exact = compile_pattern({name: [text]})(document)
        assert compile_pattern({name: [{"anything-but": [text]}]})(document) is not exact


@given(st.lists(st.dictionaries(NAMES, st.lists(SCALARS, min_size=1), min_size=1), min_size=2, max_size=3), DOCUMENTS)
def test_or_means_that_one_of_its_patterns_matches(patterns, document):
    expected = any(compile_pattern(pattern)(document) for pattern in patterns)
    assert compile_pattern({"$or": patterns})(document) is expected


def test_attributes_become_values_of_their_types():
    attributes = {
        "a": Attachment("String", "1"),
        "b": Attachment("Number", "1.5"),
        "c": Attachment("String.Array", '["x", true]'),
        "d": Attachment("Binary", data=b"x"),
    }
    assert document_of(attributes) == {"a": "1", "b": 1.5, "c": ["x", True]}
