# SPDX-License-Identifier: Apache-2.0
"""Just enough reading of C++ to measure it: includes, and how long each function is.

It is a scanner, not a parser: comments, strings and preprocessor lines are blanked, then braces are
matched. A block is a function when what stands before its brace ends like a parameter list.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
_MEANINGLESS = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<!\w)'(?:\\.|[^'\\\n])*'",  # Not the separator of 1'000.
    re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_CONTAINER = re.compile(
    r'^(?:template\s*<[^{}]*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum)\b'
    r'|^extern\s*"\s*"$')
_CONTROL = re.compile(r"^(?:else|do|try|if|for|while|switch|catch)\b")
_AFTER_PARAMETERS = re.compile(
    r"\)\s*(?:(?:const|noexcept|override|final|mutable|&&?)\s*)*"
    r"(?:->[^;{}()]*|(?<!:):(?!:).*[)}]|requires\b.*)?$", re.DOTALL)
_NAME = re.compile(r"([~\w:]+)\s*\(")
_HEAD_MAX = 2000  # No signature is longer; the initialiser of a table is.


@dataclass(frozen=True)
class Include:
    line: int
    path: str
    angled: bool


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    length: int


def includes(text: str) -> Iterator[Include]:
    for number, line in enumerate(text.splitlines(), start=1):
        found = _INCLUDE.match(line)
        if found:
            yield Include(number, found[1] or found[2], found[1] is None)


def _blank(text: str) -> str:
    """Same length without its meaning; newlines stay, so that line numbers do."""
    return re.sub(r"[^\n]", " ", text)


def without_comments_and_strings(text: str) -> str:
    code = _MEANINGLESS.sub(
        lambda found: f'"{_blank(found[0][1:-1])}"' if found[0][0] == '"' else _blank(found[0]),
        text)
    return _DIRECTIVE.sub(lambda found: _blank(found[0]), code)


def _kind(head: str, outer: str | None) -> str:
    """What a brace opens, from the text before it and the kind of block around it."""
    if outer in ("function", "block", "initializer"):
        return outer if outer == "initializer" else "block"
    head = head.strip()[-_HEAD_MAX:]
    if _CONTAINER.search(head) or _CONTROL.match(head):
        return "container"
    return "function" if _AFTER_PARAMETERS.search(head) else "initializer"


def functions(text: str) -> Iterator[Function]:
    """Every outermost function body with its signature; its lambdas count as part of it."""
    code = without_comments_and_strings(text)
    stack: list[tuple[str, int]] = []  # (kind, where its head starts)
    head_start = 0
    for found in re.finditer(r"[{};]", code):
        at = found.start()
        if found[0] == "{":
            kind = _kind(code[head_start:at], stack[-1][0] if stack else None)
            stack.append((kind, head_start))
        elif found[0] == "}" and stack:
            kind, start = stack.pop()
            if kind == "function":
                yield _measure(code, start, at)
        else:
            kind = "statement"
        if kind != "initializer":  # What follows `a_{1}` still belongs to the constructor's head.
            head_start = at + 1


def _measure(code: str, start: int, end: int) -> Function:
    start += len(code[start:end]) - len(code[start:end].lstrip())
    first = code.count("\n", 0, start) + 1
    last = code.count("\n", 0, end) + 1
    name = _NAME.search(code, start, end)
    return Function(name[1] if name else "?", first, last - first + 1)
