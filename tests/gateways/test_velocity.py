"""Velocity as mapping templates use it, and what `$input` and `$util` give.

https://velocity.apache.org/engine/1.7/vtl-reference.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import json

import pytest

from dayfly.errors import Unsupported
from dayfly.gateways.jsonpath import BadPath, find
from dayfly.gateways.templates import UTIL, Input
from dayfly.gateways.velocity import BadTemplate, Template

DOCUMENT = {"a": {"b": [{"n": 1}, {"n": 2, "deep": {"n": 3}}]}, "text": "it's", "none": None}


def render(template: str, body: object = DOCUMENT, **given: dict[str, str]) -> str:
    parts = {"path": {}, "querystring": {}, "header": {}, **given}
    names = {
        "input": Input(json.dumps(body).encode(), parts),
        "util": UTIL,
        "context": {"requestId": "r-1", "responseOverride": {"header": {}}},
    }
    return Template(template).render(names)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.json('$.a.b[0]')", '{"n":1}'),
        ("\"$input.path('$.text')\"", '"it\'s"'),
        ("$input.path('$.missing')|$!unknown|$unknown", "||$unknown"),
        ("$input.json('$.missing')", '""'),
        ("$util.escapeJavaScript($input.json('$.text'))", '\\"it\\\'s\\"'),
        ("#set($x = 1)\n#set($y = $x + 2)\n$y", "3"),
        ("#foreach($i in $input.path('$.a.b'))\n$i.n#if($foreach.hasNext),#end\n#end", "1,2"),
        ("#if($x)a#elseif(1 == 1 && !$x)b#else\nc#end", "b"),
        ("#foreach($i in [1..9])$i#if($i == 2)#break#end#end", "12"),
        ("a#stop b", "a"),
        ("## a comment\nx#* more *#y#[[$z]]#", "xy$z"),
        ("costs $5 \\$x #fff", "costs $5 $x #fff"),
        ('#set($m = {"k": [1, "two"]})$m.k[1] $m.size() $m', 'two 1 {k=[1,"two"]}'),
        ("#set($s = \"${util.base64Encode('a')}-b\")$s.toUpperCase()", "YQ==-B"),
        ("#set($context.responseOverride.header.X-Y = 'v')$context.responseOverride.header.X-Y", "v"),
        ("$util.urlEncode('a b&c')", "a+b%26c"),
        ("$util.parseJson('{\"q\":[7]}').q[0]", "7"),
        ("$input.params('h')-$input.params().querystring.q", "1-2"),
    ],
)
def test_a_template_says_what_velocity_says(template: str, text: str) -> None:
    assert render(template, header={"H": "1"}, querystring={"q": "2"}) == text


@pytest.mark.parametrize("template", ["#if($x)", "#set($x 1)", "#end", "$x.a(", '#set($x = "a)'])
def test_what_is_no_velocity_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate):
        Template(template)


def test_a_template_reaches_nothing_of_the_process() -> None:
    assert "class '" not in render("$input.__class__ $context.__class__")
    with pytest.raises(Unsupported, match="format"):
        render("$input.body.format($util)")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a.b[1].n", 2),
        ("$['a']['b'][0]", {"n": 1}),
        ("$.a.b[*].n", [1, 2]),
        ("$..n", [1, 2, 3]),
        ("$.a.b[?(@.n > 1)].n", [2]),
        ("$.a.b.length()", 2),
        ("$.a.b[-1:].n", [2]),
        ("$.x.y", None),
    ],
)
def test_a_json_path_finds(path: str, value: object) -> None:
    assert find(DOCUMENT, path) == value


def test_what_is_no_json_path_is_refused() -> None:
    with pytest.raises(BadPath):
        find({}, "$.a[")
