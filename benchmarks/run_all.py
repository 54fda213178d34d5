"""Runs every benchmark, one after another, and puts their figures together.

    python benchmarks/run_all.py [--only NAME] [--rounds N] [--last] [--write-docs]

The figures go to ``benchmarks/results/``, one JSON file for each and ``all.json`` with them all,
and the pictures to ``docs/images/``. A benchmark that misses its bound is shown, and is no failure.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from plot import draw_all
from tables import Figures, fill, machines, summary

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
PAGES = (DOCS / "performance.md", HERE.parent / "README.md")
PREFIX = "bench_"
# Take long, or build servers in other languages: they are run where they are named.
ONLY_WHEN_NAMED = {"flood", "record_pages", "transport"}


def programs() -> dict[str, Path]:
    """The benchmarks by name."""
    return {path.stem.removeprefix(PREFIX): path for path in sorted(HERE.glob(f"{PREFIX}*.py"))}


def run(name: str, program: Path, rounds: int | None) -> bool:
    """Runs one benchmark, showing what it prints; false when it failed."""
    target = RESULTS / f"{name}.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, str(program), "--json", str(target)]
    if rounds is not None:
        command += ["--rounds", str(rounds)]
    done = subprocess.run(command, check=False)
    print(flush=True)
    return done.returncode == 0


def last_figures() -> dict[str, Figures]:
    """What each benchmark wrote when it ran last."""
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in programs()
        if (path := RESULTS / f"{name}.json").exists()
    }


def write_all(reports: dict[str, Figures]) -> None:
    together = {
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machines": machines(reports),
        "benchmarks": reports,
    }
    text = json.dumps(together, indent=2) + "\n"
    (RESULTS / "all.json").write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=programs(), help="run this one; may be repeated"
    )
    parser.add_argument("--rounds", type=int, help="how often each subject is timed")
    parser.add_argument("--last", action="store_true", help="run nothing; use the last figures")
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="also put the tables of what was run into docs/performance.md and README.md",
    )
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    named = set(arguments.only or programs().keys() - ONLY_WHEN_NAMED)
    failed = [
        name
        for name, program in programs().items()
        if not arguments.last and name in named and not run(name, program, arguments.rounds)
    ]
    reports = last_figures()
    if reports:
        write_all(reports)
        print(summary(reports))
        for picture in draw_all(reports, DOCS / "images"):
            print(f"drawn    {picture}")
        if arguments.write_docs:
            # Older figures beside these would be of another machine, or of another tree.
            written = reports if arguments.last else {n: reports[n] for n in named & reports.keys()}
            for page in PAGES:
                text = fill(page.read_text(encoding="utf-8"), written, programs())
                page.write_text(text, encoding="utf-8")
                print(f"written  {page}")
    for name in failed:
        print(f"failed   {name}", file=sys.stderr)
    return 1 if failed or not reports else 0


if __name__ == "__main__":
    sys.exit(main())
