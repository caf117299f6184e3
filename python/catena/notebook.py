# SPDX-License-Identifier: Apache-2.0
"""Tables and features as data frames, for notebooks.

    features = Notebook("~/features")
    features.run("joins/fraud/final.v1", end_date="2026-11-20").pandas()
    features.sql("SELECT ds, count(*) AS n FROM payments.transactions GROUP BY ds").polars()

A Frame is computed each time it is asked for, by the native binary; Arrow, pandas and polars come
from its Parquet and are imported only then (`pip install 'catena[notebook]'` brings all three).
"""

import importlib
import json
import os
import pathlib
import tempfile

from catena import engine


def _library(name: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(f"this frame needs {package}; pip install {package}, or "
                          "pip install 'catena[notebook]'") from error


class Frame:
    """The answer of one SELECT over the warehouse."""

    def __init__(self, repository: pathlib.Path, select: str):
        self.repository = repository
        self.select = select

    def rows(self) -> list[dict]:
        """Plain dicts; needs no library."""
        done = engine.run("sql", "-", "--format", "json", repository=self.repository,
                          text=self.select)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def arrow(self):
        """A pyarrow.Table."""
        return self._read(lambda path: _library("pyarrow.parquet").read_table(path))

    def pandas(self):
        """A pandas.DataFrame; whole numbers with nulls stay whole numbers."""
        pandas = _library("pandas")
        return self._read(lambda path: pandas.read_parquet(path, dtype_backend="numpy_nullable"))

    def polars(self):
        """A polars.DataFrame."""
        return self._read(lambda path: _library("polars").read_parquet(path))

    def _repr_html_(self) -> str:
        head = Frame(self.repository, f"SELECT * FROM ({self.select}\n) LIMIT 20")
        return head.pandas()._repr_html_()

    def _read(self, read):
        with tempfile.TemporaryDirectory(prefix="catena-") as folder:
            path = os.path.join(folder, "frame.parquet")
            engine.run("sql", "-", "--output", path, repository=self.repository, text=self.select)
            return read(path)


class Notebook:
    """A feature repository: its confs and its warehouse."""

    def __init__(self, repository: str | os.PathLike = "."):
        self.repository = pathlib.Path(repository).expanduser().resolve()

    def sql(self, select: str) -> Frame:
        """DuckDB's SQL over namespace.table, read-only."""
        return Frame(self.repository, select)

    def table(self, name: str, start_date: str | None = None,
              end_date: str | None = None) -> Frame:
        """Days of a table, both included."""
        days = [f"ds {sign} '{day}'" for sign, day in ((">=", start_date), ("<=", end_date)) if day]
        where = f" WHERE {' AND '.join(days)}" if days else ""
        quoted = ".".join(f'"{part}"' for part in name.split(".", 1))  # `default` is a SQL word.
        return self.sql(f"SELECT * FROM {quoted}{where}")

    def run(self, conf: str | os.PathLike, end_date: str, start_date: str | None = None,
            step_days: int | None = None) -> Frame:
        """Backfills what the days lack of a Join or a GroupBy, parents too; the days as a Frame."""
        definition = json.loads(self._find(conf).read_text(encoding="utf-8"))
        metadata = definition["metaData"]
        verb = "join" if "joinParts" in definition or "left" in definition else "group-by-backfill"
        flags = ["--conf-path", os.fspath(conf), "--end-date", end_date]
        flags += ["--start-partition-override", start_date] if start_date else []
        flags += ["--step-days", str(step_days)] if step_days else []
        engine.run(verb, *flags, repository=self.repository)
        clean = "".join(c if c.isalnum() or c == "_" else "_" for c in metadata["name"])
        return self.table(f"{metadata.get('outputNamespace') or 'default'}.{clean}", start_date,
                          end_date)

    def eval(self, conf: str | os.PathLike, tables: dict[str, list[dict]] | None = None,
             queries: list[dict] | None = None) -> list[dict]:
        """A conf over a few rows; see catena.testing.evaluate."""
        from catena.testing import evaluate

        return evaluate(conf, tables, queries, self.repository)

    def _find(self, conf: str | os.PathLike) -> pathlib.Path:
        for folder in (pathlib.Path(), self.repository, self.repository / "production"):
            if (folder / conf).is_file():
                return folder / conf
        raise engine.EngineError(f"no such conf; `catena compile` writes them below "
                                 f"{self.repository / 'production'}: {conf}", 2)
