"""Filter patterns: terms for unstructured log events; those for JSON are in `json_pattern.py`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re

from dayfly.errors import Unsupported
from dayfly.logs.json_pattern import compile_pattern
from dayfly.logs.records import InvalidParameter

_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')


class Pattern:
    """Terms that must all be there, terms that must not, and terms one of which must be there; case-sensitive.

    `error "timed out" -retry`, `?ERROR ?WARN`; optional terms count only where there are no others, as on AWS. An empty
    pattern matches everything. `{ $.level = "error" }` matches events that are JSON. Raises InvalidParameter for what
    cannot be read, and Unsupported for space-delimited (`[…]`) and regular-expression (`%…%`) patterns.
    """

    def __init__(self, text: str = "") -> None:
        self.required: list[str] = []
        self.excluded: list[str] = []
        self.optional: list[str] = []
        stripped = text.strip()
        self._json = compile_pattern(stripped) if stripped.startswith("{") else None
        if self._json is not None:
            return
        for start, kind in (("[", "space-delimited"), ("%", "regular-expression")):
            if stripped.startswith(start):
                raise Unsupported(f"The {kind} filter pattern {text!r} is not supported yet; terms and phrases are.")
        lists = {"": self.required, "-": self.excluded, "?": self.optional}
        place = 0
        while place < len(stripped):
            found = _TERM.match(stripped, place)
            if found is None:
                raise InvalidParameter(f"Invalid filter pattern: {text!r} has an unclosed quotation mark")
            sign, phrase, word = found.groups()
            if word is not None and not re.fullmatch(r"\w+", word):
                raise InvalidParameter(f"Invalid character(s) in term '{word}'")
            lists[sign].append(re.sub(r"\\(.)", r"\1", phrase) if phrase is not None else word)
            place = found.end()

    def matches(self, text: str) -> bool:
        if self._json is not None:
            return self._json(text)
        if not all(term in text for term in self.required) or any(term in text for term in self.excluded):
            return False
        if self.required or self.excluded or not self.optional:
            return True
        return any(term in text for term in self.optional)
