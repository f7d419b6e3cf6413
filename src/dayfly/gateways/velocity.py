"""The Velocity template language, as far as mapping templates use it.

A template is parsed once into closures over the names it is given; values are plain JSON values and objects that list
what templates may ask of them (`Offered`), so that a template reaches nothing else of the process.
https://velocity.apache.org/engine/1.7/vtl-reference.html
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from dayfly.errors import Error, Unsupported
from dayfly.gateways.java import call, field, item, shown, truth

Names = dict[str, Any]
Evaluate = Callable[[Names], Any]
Emit = Callable[[Names, list[str]], None]

_REFERENCE = re.compile(r"\$(!?)(\{?)([a-zA-Z][\w-]*)")
_NAME = re.compile(r"[a-zA-Z][\w-]*")
_DIRECTIVE = re.compile(r"#(?:\{([a-z]+)\}|(set|if|elseif|else|end|foreach|break|stop|macro|define|evaluate|parse)\b)")
_REST_OF_LINE = re.compile(r"[ \t]*\r?\n")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_OPERATORS = re.compile(r"\|\||&&|==|!=|<=|>=|[-+*/%<>]|\b(?:or|and|eq|ne|lt|gt|le|ge)\b")
_WORDS = {"or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}
_STRENGTH = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    ">": 4,
    "<=": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_MOST_ROUNDS = 1000
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: iterations of a #foreach loop."""


class BadTemplate(Error):
    """The template is not Velocity."""


class _Break(Exception):
    """#break"""


class _Stop(Exception):
    """#stop"""


class Template:
    def __init__(self, text: str) -> None:
        """Raises BadTemplate, Unsupported."""
        parser = _Parser(text)
        self._emit = parser.block(())

    def render(self, names: Names) -> str:
        """The text; `names` also takes what the template sets."""
        out: list[str] = []
        with contextlib.suppress(_Stop, _Break):
            self._emit(names, out)
        return "".join(out)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ended = ""
        """The directive that ended the last block."""

    # -- text with directives ------------------------------------------------------------

    def block(self, ends: tuple[str, ...]) -> Emit:
        parts: list[Emit] = []
        text = self.text
        while self.at < len(text):
            next_at = min((found for mark in "$#\\" if (found := text.find(mark, self.at)) >= 0), default=len(text))
            if next_at > self.at:
                parts.append(_literal(text[self.at : next_at]))
                self.at = next_at
                continue
            part = self._special(ends)
            if part is None:
                return _sequence(parts)
            parts.append(part)
        if ends:
            raise BadTemplate(f"the mapping template lacks #{ends[-1]}")
        self.ended = ""
        return _sequence(parts)

    def _special(self, ends: tuple[str, ...]) -> Emit | None:
        text, at = self.text, self.at
        if text[at] == "\\":
            escaped = text[at + 1 : at + 2] in ("$", "#")
            self.at += 2 if escaped else 1
            return _literal(text[at + 1] if escaped else "\\")
        if text[at] == "$":
            return self._output()
        for begin, end in (("##", "\n"), ("#*", "*#"), ("#[[", "]]#")):
            if text.startswith(begin, at):
                stop = text.find(end, at + len(begin))
                self.at = len(text) if stop < 0 else stop + len(end)
                raw = begin == "#[["
                return _literal(text[at + 3 : stop if stop >= 0 else len(text)] if raw else "")
        found = _DIRECTIVE.match(text, at)
        if found is None:
            self.at += 1
            return _literal("#")
        self.at = found.end()
        name = found[1] or found[2]
        if name in ends:
            self.ended = name
            if name != "elseif":
                self._rest_of_line()
            return None
        return self._directive(name)

    def _directive(self, name: str) -> Emit:
        match name:
            case "set":
                return self._set()
            case "if":
                return self._if()
            case "foreach":
                return self._foreach()
            case "break" | "stop":
                self._rest_of_line()
                return _raise(_Break if name == "break" else _Stop)
            case "end" | "else" | "elseif":
                raise BadTemplate(f"the mapping template has #{name} without its beginning")
        raise Unsupported(f"#{name} in a mapping template is not supported")

    def _rest_of_line(self) -> None:
        found = _REST_OF_LINE.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _set(self) -> Emit:
        self._expect("(")
        found = _REFERENCE.match(self.text, self._blank())
        if found is None:
            raise BadTemplate(f"#set without a reference: {self._here()}")
        self.at = found.end()
        root, steps = found[3], self._steps()
        if found[2]:
            self._expect("}")
        self._expect("=")
        value = self._expression()
        self._expect(")")
        self._rest_of_line()
        return _assign(root, steps, value)

    def _if(self) -> Emit:
        cases: list[tuple[Evaluate, Emit]] = []
        otherwise: Emit | None = None
        self.ended = "elseif"
        while self.ended == "elseif":
            self._expect("(")
            condition = self._expression()
            self._expect(")")
            self._rest_of_line()
            cases.append((condition, self.block(("elseif", "else", "end"))))
        if self.ended == "else":
            otherwise = self.block(("end",))

        def emit(names: Names, out: list[str]) -> None:
            for condition, body in cases:
                if truth(condition(names)):
                    body(names, out)
                    return
            if otherwise is not None:
                otherwise(names, out)

        return emit

    def _foreach(self) -> Emit:
        self._expect("(")
        found = _REFERENCE.match(self.text, self._blank())
        if found is None:
            raise BadTemplate(f"#foreach without a reference: {self._here()}")
        self.at = found.end()
        if found[2]:
            self._expect("}")
        self._expect("in")
        values = self._expression()
        self._expect(")")
        self._rest_of_line()
        body = self.block(("end",))
        return _loop(found[3], values, body)

    # -- references ------------------------------------------------------------

    def _output(self) -> Emit:
        begin = self.at
        found = _REFERENCE.match(self.text, begin)
        if found is None:
            self.at += 1
            return _literal("$")
        value = self._reference(found)
        source = self.text[begin : self.at]
        quiet, root = bool(found[1]), found[3]

        def emit(names: Names, out: list[str]) -> None:
            result = value(names)
            if result is not None:
                out.append(shown(result))
            elif not quiet and root not in names:
                out.append(source)  # as Velocity does; what is known and has no value is nothing

        return emit

    def _reference(self, found: re.Match[str]) -> Evaluate:
        self.at = found.end()
        root, steps = found[3], self._steps()
        if found[2]:
            self._expect("}")

        def value(names: Names) -> Any:
            result = names.get(root)
            for step in steps:
                if result is None:
                    return None
                result = step(result, names)
            return result

        return value

    def _steps(self) -> list[_Step]:
        steps: list[_Step] = []
        text = self.text
        while self.at < len(text):
            if text[self.at] == "." and (found := _NAME.match(text, self.at + 1)):
                self.at = found.end()
                if text.startswith("(", self.at):
                    self.at += 1
                    steps.append(_Method(found[0], self._list(")")))
                else:
                    steps.append(_Field(found[0]))
            elif text[self.at] == "[" and not text.startswith("[[", self.at):
                self.at += 1
                index = self._expression()
                self._expect("]")
                steps.append(_Item(index))
            else:
                break
        return steps

    # -- expressions ------------------------------------------------------------

    def _expression(self, weakest: int = 1) -> Evaluate:
        left = self._operand()
        while True:
            found = _OPERATORS.match(self.text, self._blank())
            sign = _WORDS.get(found[0], found[0]) if found else ""
            strength = _STRENGTH.get(sign, 0)
            if found is None or strength < weakest:
                return left
            self.at = found.end()
            left = _binary(sign, left, self._expression(strength + 1))

    def _operand(self) -> Evaluate:
        text, at = self.text, self._blank()
        if at >= len(text):
            raise BadTemplate("the mapping template ends within an expression")
        char = text[at]
        if char == "(":
            self.at += 1
            inner = self._expression()
            self._expect(")")
            return inner
        if char == "!" or re.match(r"not\b", text[at:]):
            self.at += 1 if char == "!" else 3
            negated = self._operand()
            return lambda names: not truth(negated(names))
        if char in "'\"":
            return self._quoted(char)
        if char == "[":
            return self._array()
        if char == "{":
            return self._map()
        if found := _REFERENCE.match(text, at):
            return self._reference(found)
        if found := _NUMBER.match(text, at):
            self.at = found.end()
            number: float | int = float(found[0]) if found[1] else int(found[0])
            return lambda _: number
        if found := re.compile(r"(true|false|null)\b").match(text, at):
            self.at = found.end()
            constant = {"true": True, "false": False, "null": None}[found[0]]
            return lambda _: constant
        raise BadTemplate(f"not understood in a mapping template: {self._here()}")

    def _quoted(self, quote: str) -> Evaluate:
        """Single quotes are literal; in double quotes references count. A doubled quote is one quote."""
        text, at, held = self.text, self.at + 1, []
        while True:
            end = text.find(quote, at)
            if end < 0:
                raise BadTemplate(f"a text without its end in a mapping template: {self._here()}")
            if quote == '"' and (len(text[at:end]) - len(text[at:end].rstrip("\\"))) % 2:
                held.append(text[at : end - 1] + '"')  # \" inside double quotes, which AWS takes
                at = end + 1
                continue
            held.append(text[at:end])
            at = end + 1
            if not text.startswith(quote, at):
                break
            held.append(quote)
            at += 1
        self.at = at
        whole = "".join(held)
        if quote == "'" or not set("$#") & set(whole):
            return lambda _: whole
        inner = Template(whole)
        return inner.render

    def _array(self) -> Evaluate:
        self.at += 1
        begin = self.at
        if (first := self._blank()) < len(self.text) and self.text[first] != "]":
            low = self._operand()
            if self.text.startswith("..", self._blank()):
                self.at += 2
                high = self._operand()
                self._expect("]")
                return lambda names: _range(low(names), high(names))
        self.at = begin
        values = self._list("]")
        return lambda names: [value(names) for value in values]

    def _map(self) -> Evaluate:
        self.at += 1
        pairs: list[tuple[Evaluate, Evaluate]] = []
        while not self.text.startswith("}", self._blank()):
            if pairs:
                self._expect(",")
            key = self._operand()
            self._expect(":")
            pairs.append((key, self._expression()))
        self._expect("}")
        return lambda names: {shown(key(names)): value(names) for key, value in pairs}

    def _list(self, end: str) -> list[Evaluate]:
        values: list[Evaluate] = []
        while not self.text.startswith(end, self._blank()):
            if values:
                self._expect(",")
            values.append(self._expression())
        self._expect(end)
        return values

    def _blank(self) -> int:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at

    def _expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self._blank()):
            raise BadTemplate(f"{mark!r} expected in a mapping template at {self._here()}")
        self.at += len(mark)

    def _here(self) -> str:
        return repr(self.text[self.at : self.at + 30])


class _Field:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, value: Any, names: Names) -> Any:
        return field(value, self.name)


class _Item:
    def __init__(self, index: Evaluate) -> None:
        self.index = index

    def __call__(self, value: Any, names: Names) -> Any:
        return item(value, self.index(names))


class _Method:
    def __init__(self, name: str, given: list[Evaluate]) -> None:
        self.name = name
        self.given = given

    def __call__(self, value: Any, names: Names) -> Any:
        return call(value, self.name, [one(names) for one in self.given])


_Step = _Field | _Item | _Method


def _literal(text: str) -> Emit:
    return lambda _, out: out.append(text)


def _raise(kind: type[Exception]) -> Emit:
    def emit(_: Names, __: list[str]) -> None:
        raise kind

    return emit


def _sequence(parts: list[Emit]) -> Emit:
    def emit(names: Names, out: list[str]) -> None:
        for part in parts:
            part(names, out)

    return emit


def _assign(root: str, steps: list[_Step], value: Evaluate) -> Emit:
    def emit(names: Names, _: list[str]) -> None:
        result = value(names)
        if not steps:
            names[root] = result
            return
        holder: Any = names.get(root)
        for step in steps[:-1]:
            holder = step(holder, names)
        last = steps[-1]
        if isinstance(holder, dict) and isinstance(last, _Field | _Item):
            holder[last.name if isinstance(last, _Field) else shown(last.index(names))] = result
        elif isinstance(holder, list) and isinstance(last, _Item):
            call(holder, "set", [last.index(names), result])

    return emit


def _loop(name: str, values: Evaluate, body: Emit) -> Emit:
    def emit(names: Names, out: list[str]) -> None:
        given = values(names)
        rounds = list(given.values() if isinstance(given, Mapping) else given if isinstance(given, list) else ())
        outer = {key: names[key] for key in (name, "foreach", "velocityCount") if key in names}
        for index, value in enumerate(rounds[:_MOST_ROUNDS]):
            last = index == len(rounds) - 1
            names[name], names["velocityCount"] = value, index + 1
            names["foreach"] = {
                "index": index, "count": index + 1, "hasNext": not last, "first": index == 0, "last": last,
                "parent": outer.get("foreach"),
            }  # fmt: skip
            try:
                body(names, out)
            except _Break:
                break
        for key in (name, "foreach", "velocityCount"):
            names.pop(key, None)
        names.update(outer)

    return emit


def _range(low: Any, high: Any) -> list[int]:
    step = 1 if high >= low else -1
    return list(range(int(low), int(high) + step, step))[:_MOST_ROUNDS]


def _binary(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if sign == "||":
        return lambda names: truth(left(names)) or truth(right(names))
    if sign == "&&":
        return lambda names: truth(left(names)) and truth(right(names))
    if sign in ("==", "!="):
        return lambda names: _same(left(names), right(names)) == (sign == "==")
    return lambda names: _number(sign, left(names), right(names))


def _same(one: Any, other: Any) -> bool:
    """Values of different kinds are the same where their texts are."""
    if one is None or other is None:
        return one is other
    return bool(one == other) if type(one) is type(other) else shown(one) == shown(other)


def _number(sign: str, one: Any, other: Any) -> Any:
    if sign == "+" and (isinstance(one, str) or isinstance(other, str)):
        return shown(one) + shown(other)
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False if sign in ("<", ">", "<=", ">=") else None
    match sign:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/" | "%":
            if other == 0:
                return None
            if sign == "%":
                return one - other * int(one / other)
            return int(one / other) if isinstance(one, int) and isinstance(other, int) else one / other
        case "<":
            return one < other
        case ">":
            return one > other
        case "<=":
            return one <= other
    return one >= other
