"""Templates as SES documents them."""

from __future__ import annotations

import pytest

from dayfly.mail import errors
from dayfly.mail.render import check, render


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("Hi {{name}} {{ name }}", {"name": "A"}, "Hi A A"),
        ("{{a.b}} {{a.c.[0]}}", {"a": {"b": 1, "c": ["x"]}}, "1 x"),
        ("{{#if x}}y{{else}}n{{/if}}", {"x": []}, "n"),
        ("{{#if x}}y{{else if z}}z{{else}}n{{/if}}", {"z": 1}, "z"),
        ("{{#unless x}}n{{/unless}}", {}, "n"),
        ("{{#each i}}{{@index}}:{{this}}{{#unless @last}},{{/unless}}{{/each}}", {"i": ["a", "b"]}, "0:a,1:b"),
        ("{{#each i}}{{name}}@{{../shop}} {{/each}}", {"i": [{"name": "a"}], "shop": "s"}, "a@s "),
        ("{{#each m}}{{@key}}={{this}};{{/each}}", {"m": {"k": 1}}, "k=1;"),
        ("{{{raw}}}{{! note }}{{!-- }} --}}", {"raw": "<b>"}, "<b>"),
        ("{{html}}", {"html": "<i>&"}, "<i>&"),
        ("{{#with a}}{{b}}{{/with}}", {"a": {"b": 2}}, "2"),
    ],
)
def test_what_ses_documents_is_filled_in(template, values, expected):
    assert render(template, values) == expected


def test_a_variable_without_a_value_is_named():
    with pytest.raises(errors.MissingAttribute, match="Attribute 'nick' is not present in the rendering data"):
        render("{{nick}}", {"name": "A"})


@pytest.mark.parametrize("template", ["{{#if x}}", "{{/if}}", "{{#if x}}{{/each}}", "{{> part}}", "{{#foo x}}{{/foo}}"])
def test_a_template_that_cannot_be_read_is_refused(template):
    with pytest.raises(errors.InvalidTemplate):
        check(template)
