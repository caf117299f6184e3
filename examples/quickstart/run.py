# SPDX-License-Identifier: Apache-2.0
"""The quickstart from CSV files to one user's features, with every command it runs.

    usage    run.py [--csv DIR] [--end-date YYYY-MM-DD] [--upload-date YYYY-MM-DD] [--user 5]
                    [--work DIR] [--catena BIN]
    input    CSV files in DIR; without --csv, generate.py makes them for the month until yesterday
    work     where the feature repository is, by default this folder; another folder gets a copy.
             Tables and state lie in its build/
    output   the commands and what they printed; the fetched features of --user last
    errors   the first command that fails ends the run with its exit code
"""

import argparse
import datetime
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import generate

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = ("catena.yaml", "teams.json", "group_bys", "joins", "schemas")
JOIN = "production/joins/quickstart/training_set.v1"
GROUP_BYS = [f"production/group_bys/quickstart/{name}.v1"
             for name in ("purchases", "returns", "users")]
# `catena compile` runs catena-compile, which is installed beside this Python.
ENVIRONMENT = os.environ | {
    "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}


def find_catena(asked: str | None) -> str:
    built = HERE.parent.parent / "build/release/bin/catena"
    found = asked or os.environ.get("CATENA_BIN") or (
        str(built) if built.exists() else shutil.which("catena"))
    if not found:
        sys.exit("run.py: no catena binary; run `make build`, or name one with --catena")
    return os.path.abspath(found)


def prepare(work: pathlib.Path) -> None:
    """A fresh build folder, in a copy of the repository unless `work` is the original."""
    shutil.rmtree(work / "build", ignore_errors=True)
    if work == HERE:
        return
    work.mkdir(parents=True, exist_ok=True)
    for name in REPOSITORY:
        if (HERE / name).is_dir():
            shutil.copytree(HERE / name, work / name, dirs_exist_ok=True)
        else:
            shutil.copy(HERE / name, work / name)


def run(catena: str, work: pathlib.Path, *arguments: str) -> str:
    print(f"$ catena {shlex.join(arguments)}", flush=True)
    done = subprocess.run([catena, *arguments], cwd=work, text=True, capture_output=True,
                          env=ENVIRONMENT)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        print(done.stderr, end="", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout


def quickstart(catena: str, work: pathlib.Path, csv: pathlib.Path,
               options: argparse.Namespace) -> None:
    end = options.end_date.isoformat()
    upload = (options.upload_date or options.end_date).isoformat()
    for name in generate.HEADERS:
        run(catena, work, "table", "load", str(csv / f"{name}.csv"), f"data.{name}")
    run(catena, work, "compile")
    run(catena, work, "join", "--conf-path", JOIN, "--end-date", end)
    for group_by in GROUP_BYS:
        run(catena, work, "group-by-upload", "--conf-path", group_by, "--end-date", upload)
    run(catena, work, "fetch", "--type", "join", "--name", "quickstart.training_set.v1",
        "--key-json", f'{{"user_id": {options.user}}}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--end-date", type=datetime.date.fromisoformat,
                        default=generate.yesterday(), help="last day of the tables")
    parser.add_argument("--upload-date", type=datetime.date.fromisoformat,
                        help="last day that goes online; default: --end-date")
    parser.add_argument("--user", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=HERE)
    parser.add_argument("--catena")
    options = parser.parse_args()
    work = options.work.resolve()
    prepare(work)
    csv = options.csv.resolve() if options.csv else work / "build/csv"
    if not options.csv:
        generate.generate(csv, options.end_date)
    quickstart(find_catena(options.catena), work, csv, options)


if __name__ == "__main__":
    main()
