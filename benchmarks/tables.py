"""Figures as text: for a terminal, and as Markdown between markers in a page."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
"""One benchmark's JSON, as ``harness.Report`` writes it."""

MARKED = re.compile(
    r"(<!-- figures:begin (?P<name>\S+) -->\n).*?(<!-- figures:end (?P=name) -->)", re.DOTALL
)
MACHINE = "machine"


class UnknownFiguresError(Exception):
    """A page has a place for figures that no benchmark made."""


@dataclass(frozen=True, slots=True)
class Row:
    """One ratio, and whether it holds its bound."""

    benchmark: str
    claim: str
    ratio: str
    bound: str
    verdict: str


def rows_of(reports: Mapping[str, Figures]) -> list[Row]:
    return [
        Row(name, claim["text"], number(claim["ratio"]), bound_of(claim), verdict_of(claim))
        for name, figures in reports.items()
        for claim in figures["claims"]
    ]


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(nanoseconds: float) -> str:
    if nanoseconds >= 1_000_000:
        return f"{number(nanoseconds / 1_000_000)} ms"
    if nanoseconds >= 1_000:
        return f"{number(nanoseconds / 1_000)} us"
    return f"{number(nanoseconds)} ns"


def figure(value: float, unit: str) -> str:
    return duration(value) if unit == "ns/op" else f"{number(value)} {unit}"


def bound_of(claim: Figures) -> str:
    bounds = []
    if claim["at_least"] is not None:
        bounds.append(f"at least {claim['at_least']:g}")
    if claim["at_most"] is not None:
        bounds.append(f"at most {claim['at_most']:g}")
    return ", ".join(bounds)


def verdict_of(claim: Figures) -> str:
    if not bound_of(claim):
        return ""
    return "ok" if claim["holds"] else "MISS"


def machine_line(machine: Mapping[str, str]) -> str:
    return f"{machine['cpu']}, CPython {machine['python']}, {machine['system']}"


def peers_line(peers: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in peers.items())


def summary(reports: Mapping[str, Figures]) -> str:
    """All ratios with their bounds, then the peers, then the machine."""
    header = Row("benchmark", "ratio of", "ratio", "bound", "")
    rows = [header, *rows_of(reports)]
    name, claim, ratio, bound = (
        max(len(getattr(row, column)) for row in rows)
        for column in ("benchmark", "claim", "ratio", "bound")
    )
    lines = [
        f"{row.benchmark:<{name}}  {row.claim:<{claim}}  {row.ratio:>{ratio}}"
        f"  {row.bound:<{bound}}  {row.verdict}".rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    lines.append("")
    lines.append(f"peers    {peers_line(all_peers(reports))}")
    lines += [f"machine  {line}" for line in machines(reports)]
    return "\n".join(lines)


def all_peers(reports: Mapping[str, Figures]) -> dict[str, str]:
    found: dict[str, str] = {}
    for figures in reports.values():
        found |= figures["peers"]
    return dict(sorted(found.items(), key=lambda peer: peer[0].lower()))


def machines(reports: Mapping[str, Figures]) -> list[str]:
    """One, unless figures of several runs were put together."""
    return sorted({machine_line(figures["machine"]) for figures in reports.values()})


def markdown(figures: Figures) -> Iterator[str]:
    """What was measured, the ratios, the peers, and what was left out."""
    unit = figures["unit"]
    timings = [(name, figure(value, unit)) for name, value in figures["timings"].items()]
    if timings:
        yield from table(("what", "median"), timings)
    for grid in figures.get("grids", ()):
        yield from grid_table(grid)
    claims = [
        (claim["text"], number(claim["ratio"]), bound_of(claim), verdict_of(claim))
        for claim in figures["claims"]
    ]
    if claims:
        yield ""
        yield from table(("ratio of", "ratio", "bound", ""), claims)
    if figures["peers"]:
        yield ""
        yield f"Peers: {peers_line(figures['peers'])}."
    yield ""
    yield f"Machine: {machine_line(figures['machine'])}."
    if left_out := figures.get("left_out"):
        yield ""
        yield f"Left out: {'; '.join(f'{name} ({why})' for name, why in left_out.items())}."


def brief(figures: Figures) -> Iterator[str]:
    """The first grid alone, and the machine."""
    yield from grid_table(figures["grids"][0])
    yield f"Machine: {machine_line(figures['machine'])}; one core for each server."


def grid_table(grid: Figures) -> Iterator[str]:
    """One grid under its title, with an empty line behind it; figures not taken are a dash."""
    yield f"**{grid['title']}**"
    yield ""
    columns = grid["columns"]
    rows = [
        (name, *(number(cells[each]) if each in cells else "-" for each in columns))
        for name, cells in grid["cells"].items()
    ]
    yield from table(("", *columns), rows)
    yield ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Columns after the first are aligned to the right."""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def fill(page: str, reports: Mapping[str, Figures], known: Collection[str]) -> str:
    """The page with marked places filled anew; what stands outside stays as it is.

    A place that is named ``NAME/brief`` gets the first grid alone.

    So does the place of a benchmark that is ``known`` and has no figures among these, and the line
    that names the machine where there is such a one.

    Raises:
        UnknownFiguresError: A place names no benchmark that is known.
    """

    def replaced(match: re.Match[str]) -> str:
        name, _, part = match["name"].partition("/")
        if name in reports:
            lines = list((brief if part else markdown)(reports[name]))
        elif name == MACHINE and reports.keys() >= set(known):
            lines = [f"{line}." for line in machines(reports)]
        elif name == MACHINE or name in known:
            return match[0]
        else:
            raise UnknownFiguresError(f"there is no benchmark {name}")
        return "\n".join([match[1].rstrip(), *lines, match[3]])

    return MARKED.sub(replaced, page)
