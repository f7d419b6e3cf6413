"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""

from __future__ import annotations

import pytest

from dayfly.buses.inputs import Transformer, select, transform
from dayfly.buses.patterns import InvalidPattern, check, matches

EVENT = {
    "source": "shop",
    "detail-type": "Order",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "state": "new", "price": 15.5, "file": "dir/a.png", "ip": "10.0.1.7", "nothing": None, "flag": True,
        "empty": "", "items": [{"sku": "x"}, {"sku": "y"}],
    },
}  # fmt: skip


def detail(**wanted):
    return {"detail": {name: [value] for name, value in wanted.items()}}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["shop", "other"]},
        {"resources": ["arn:b"]},
        detail(price=15.5),
        detail(nothing=None),
        detail(flag=True),
        detail(empty=""),
        detail(state={"prefix": "ne"}),
        detail(state={"prefix": {"equals-ignore-case": "NE"}}),
        detail(file={"suffix": ".png"}),
        detail(file={"wildcard": "dir/*.png"}),
        detail(state={"equals-ignore-case": "NEW"}),
        detail(state={"anything-but": "old"}),
        detail(state={"anything-but": ["old", "gone"]}),
        detail(state={"anything-but": {"prefix": "ol"}}),
        detail(file={"anything-but": {"wildcard": "*/lib/*"}}),
        detail(price={"numeric": [">", 10, "<=", 15.5]}),
        detail(price={"numeric": ["=", 15.5]}),
        detail(ip={"cidr": "10.0.0.0/16"}),
        detail(state={"exists": True}),
        detail(other={"exists": False}),
        {"detail": {"items": {"sku": ["y"]}}},
        {"detail": {"$or": [{"state": ["old"]}, {"price": [{"numeric": [">", 1]}]}]}},
    ],
)
def test_a_pattern_that_fits_matches(pattern):
    check(pattern)
    assert matches(pattern, EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["sho"]},
        {"account": ["1"]},
        detail(price="15.5"),
        detail(flag=1),
        detail(state={"prefix": "NE"}),
        detail(state={"anything-but": "new"}),
        detail(other={"anything-but": "x"}),
        detail(price={"numeric": ["<", 10]}),
        detail(state={"numeric": [">", 1]}),
        detail(ip={"cidr": "10.1.0.0/16"}),
        detail(state={"exists": False}),
        detail(other={"exists": True}),
        {"source": ["shop"], "detail-type": ["Refund"]},
        {"detail": {"state": {"deeper": ["x"]}}},
        {"detail": {"$or": [{"state": ["old"]}, {"price": [1]}]}},
    ],
)
def test_a_pattern_that_does_not_fit_does_not_match(pattern):
    check(pattern)
    assert not matches(pattern, EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        [], {}, {"source": "shop"}, {"source": []}, {"source": [{"unheard": 1}]}, {"source": [{"prefix": 1}]},
        {"detail": {"price": [{"numeric": ["~", 1]}]}}, {"source": [{"exists": "yes"}]}, {"source": [["a"]]},
        {"source": [{"prefix": "a", "suffix": "b"}]}, {"detail": {"ip": [{"cidr": "nonsense"}]}},
    ],
)  # fmt: skip
def test_a_malformed_pattern_is_refused_with_a_reason(pattern):
    with pytest.raises(InvalidPattern, match=r"Event pattern is not valid. Reason: .+"):
        check(pattern)


def test_paths_select_parts():
    assert select("$.detail.items[1].sku", EVENT) == "y"
    assert select("$", EVENT) is EVENT
    assert select("$.detail-type", EVENT) == "Order"
    assert select("$.detail.none", EVENT) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"State is <state>"', b'"State is new"'),
        ('{"state": <state>, "price": <price>}', b'{"state": "new", "price": 15.5}'),
        ('{"state": "<state>!"}', b'{"state": "new!"}'),
        ('{"all": <items>}', b'{"all": [{"sku":"x"},{"sku":"y"}]}'),
        ('{"rule": "<aws.events.rule-name>"}', b'{"rule": "r"}'),
    ],
)
def test_templates_are_filled_in(template, expected):
    paths = {"state": "$.detail.state", "price": "$.detail.price", "items": "$.detail.items"}
    assert transform(Transformer(paths=paths, template=template), EVENT, "arn", "r") == expected
