# SPDX-License-Identifier: Apache-2.0
"""Node: one JSON object of a conf that still knows where the user wrote it."""


class Node(dict):
    """A dict for JSON; `where` is (file, line) or None, `notes` what the compiler filled in."""

    def __init__(self, values=None, where=None):
        super().__init__(values or {})
        self.where = where
        self.notes: list[str] = []


class Violation:
    """One thing that is wrong: the conf, the path inside it, where it is written, and why."""

    def __init__(self, message: str, where=None, conf: str = "", path: str = ""):
        self.message, self.where, self.conf, self.path = message, where, conf, path

    def key(self):
        """Equal for one mistake met twice, in a GroupBy and in the Joins that use it."""
        if self.where is None:
            return self.conf, self.path, self.message
        return self.where, self.path.split("groupBy.")[-1].split("join.")[-1], self.message

    def as_json(self) -> dict:
        file, line = self.where or (None, None)
        return {
            "file": file,
            "line": line,
            "conf": self.conf,
            "path": self.path,
            "message": self.message,
        }

    def __str__(self):
        file, line = self.where or (None, None)
        place = f"{file}:{line}: " if line else f"{file}: " if file else ""
        subject = " ".join(part for part in (self.conf, self.path) if part)
        return f"{place}{subject + ': ' if subject else ''}{self.message}"


def notes_of(value) -> list[str]:
    """Every note of a tree, in order, once."""
    found: dict[str, None] = {}

    def walk(item):
        if isinstance(item, Node):
            found.update(dict.fromkeys(item.notes))
        if isinstance(item, dict):
            for child in item.values():
                walk(child)
        elif isinstance(item, list):
            for child in item:
                walk(child)

    walk(value)
    return list(found)
