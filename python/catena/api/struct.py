# SPDX-License-Identifier: Apache-2.0
"""Struct: the base of every record a conf is made of.

A subclass lists FIELDS in Chronon's thrift order. It can be built with positional arguments in that
order, with Chronon's camelCase keywords, or with snake_case ones. A field that is None is unset.
Every Struct remembers where the user wrote it (`where`: file and line; `module`: the module whose
body was running), so that an error found at compile time can point at the definition.
"""

import copy
import difflib
import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OWN_FOLDERS = (
    _PACKAGE + os.sep,
    os.path.join(os.path.dirname(_PACKAGE), "ai", "chronon") + os.sep,
)


class DefinitionError(TypeError):
    """The author of a feature wrote something that cannot be meant; says what to write instead."""


def suggest(word: str, known, cutoff: float = 0.6) -> str:
    """'; did you mean "windows"?' or '' when nothing known is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f'; did you mean "{near[0]}"?' if near else ""


def to_camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def to_snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def where_called() -> tuple[tuple[str, int] | None, str | None]:
    """(file, line) of the nearest caller outside this package, and the module being executed."""
    frame = sys._getframe(1)
    where = module = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not os.path.abspath(file).startswith(_OWN_FOLDERS) or file.endswith("_test.py"):
            if where is None:
                where = (file, frame.f_lineno)
            if frame.f_code.co_name == "<module>":
                module = frame.f_globals.get("__name__")
                break
        frame = frame.f_back
    return where, module


class Struct:
    FIELDS: tuple[str, ...] = ()

    def __init__(self, *args, **kwargs):
        cls = type(self).__name__
        if len(args) > len(self.FIELDS):
            raise DefinitionError(
                f"{cls} takes at most {len(self.FIELDS)} arguments, got {len(args)}"
            )
        values = dict(zip(self.FIELDS, args))
        for key, value in kwargs.items():
            field = key if key in self.FIELDS else to_camel(key)
            if field not in self.FIELDS:
                known = list(self.FIELDS) + [to_snake(f) for f in self.FIELDS]
                raise DefinitionError(f'{cls} has no argument "{key}"{suggest(key, known)}')
            if field in values:
                raise DefinitionError(f'{cls} got "{field}" twice')
            values[field] = value
        for field in self.FIELDS:
            setattr(self, field, values.get(field))
        self.where, self.module = where_called()

    def __eq__(self, other):
        return type(self) is type(other) and all(
            getattr(self, f) == getattr(other, f) for f in self.FIELDS
        )

    __hash__ = None

    def __repr__(self):
        set_fields = [f for f in self.FIELDS if getattr(self, f) is not None]
        return (
            f"{type(self).__name__}({', '.join(f'{f}={getattr(self, f)!r}' for f in set_fields)})"
        )

    def shallow_copy(self):
        return copy.copy(self)
