"""Draws the pictures that README and the documentation show, as SVG.

Bars lie, ours in colour. Where figures are absolute, the machine that they belong to is named.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tables import Figures, duration, machine_line, number, peers_line

OURS = "#1f6f8b"
PEER = "#a3acb5"
INK = "#24292f"
FAINT = "#57606a"
WIDTH_INCHES = 8.2
BAR_INCHES = 0.42
FRAME_INCHES = 1.45
FOOTER_CHARACTERS = 120

STYLE: Any = {
    # Text becomes outlines, so that a picture looks alike wherever it is shown.
    "svg.fonttype": "path",
    # The same figures give the same file.
    "svg.hashsalt": "blrcs",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": INK,
}


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    text: str
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times as fast ours is: the peer's time over ours, in one benchmark."""

    label: str
    benchmark: str
    ours: str
    peer: str


COMPARISONS = (
    Comparison("access check\nbeside pycasbin", "access", "blrcs check", "pycasbin enforce"),
    Comparison(
        "token seen before\nbeside PyJWT HS256", "token", "HS256, seen before", "PyJWT HS256 decode"
    ),
    Comparison(
        "limiter consume\nbeside limits",
        "limiter",
        "consume fixed_window",
        "limits FixedWindow hit",
    ),
    Comparison(
        "metrics of a call\nbeside prometheus-client",
        "metrics",
        "native: started + handled",
        "prometheus-client: started + handled, resolved",
    ),
    Comparison(
        "HS256 token, first sight\nbeside PyJWT",
        "token",
        "HS256, first sight",
        "PyJWT HS256 decode",
    ),
    Comparison(
        "LRU+TTL get\nbeside cachetools",
        "cache",
        "TtlCache get, held keys",
        "cachetools TTLCache get, held keys",
    ),
    Comparison(
        "SQLite point read\nbeside SQLAlchemy Core",
        "sqlite",
        "read: fetch_one",
        "read: SQLAlchemy Core, held connection",
    ),
    Comparison(
        "LRU+TTL get\nbeside cachebox",
        "cache",
        "TtlCache get, held keys",
        "cachebox TTLCache get, held keys",
    ),
    Comparison(
        "LRU get\nbeside lru-dict []", "cache", "LruCache get, held keys", "lru-dict [], held keys"
    ),
)

CALLS = {
    "grpc.aio, no guards": "grpc.aio\nwithout guards",
    "blrcs, guarded": "BLRCS",
    "handmade, tokens remembered": "by hand,\ntokens remembered",
    "handmade, guarded": "by hand",
}

GUARDS = {
    "no guards": "a call without guards",
    "rate limit by address": "rate limit by address",
    "authentication": "authentication",
    "rate limit by principal": "rate limit by principal",
    "authorization": "authorization",
    "all guards": "all of them",
}


TRANSPORT_COLUMN = "unary, 8 x 16"


def draw_all(reports: Mapping[str, Figures], folder: Path) -> list[Path]:
    """Draws every picture whose benchmarks are all there; returns what was written."""
    pictures: dict[str, tuple[set[str], Callable[[Mapping[str, Figures]], Figure]]] = {
        "native-core.svg": ({each.benchmark for each in COMPARISONS}, draw_core),
        "guarded-call.svg": ({"guarded_call"}, draw_call),
        "guards.svg": ({"guards"}, draw_guards),
        "transport.svg": ({"transport"}, draw_transport),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE):
        for name, (needed, draw) in pictures.items():
            if needed <= reports.keys():
                draw(reports).savefig(folder / name, metadata={"Date": None})
                written.append(folder / name)
    return written


def draw_core(reports: Mapping[str, Figures]) -> Figure:
    bars = []
    for each in COMPARISONS:
        timings = reports[each.benchmark]["timings"]
        ratio = timings[each.peer] / timings[each.ours]
        bars.append(Bar(each.label, ratio, f"{number(ratio)}x"))
    bars.sort(key=lambda bar: bar.value, reverse=True)
    used = [reports[each.benchmark] for each in COMPARISONS]
    figure, axes = bar_chart(
        "The native core: times as fast as its peer", bars, footer(used), tall=True, start=1
    )
    axes.set_xscale("log")
    slowest = bars[-1].value
    axes.set_xlim(slowest * 0.4 if slowest < 1 else 1, bars[0].value * 2.5)
    axes.set_xticks([1, 10, 100, 1000], ["as fast", "10x", "100x", "1,000x"])
    axes.minorticks_off()
    return figure


def draw_call(reports: Mapping[str, Figures]) -> Figure:
    figures = reports["guarded_call"]
    bars = []
    for subject, label in CALLS.items():
        value = figures["timings"][f"{subject}: processor time"]
        bars.append(Bar(label, value / 1_000, duration(value), subject.startswith("blrcs")))
    figure, axes = bar_chart(
        "A guarded unary call on grpc.aio: the server's processor time",
        bars,
        footer([figures]),
        tall=True,
    )
    axes.set_xlabel("us for each call; less is better")
    return figure


def draw_guards(reports: Mapping[str, Figures]) -> Figure:
    figures = reports["guards"]
    bars = [
        Bar(label, figures["timings"][subject], duration(figures["timings"][subject]))
        for subject, label in GUARDS.items()
    ]
    figure, axes = bar_chart(
        "What the guards of a call cost", bars, machine_line(figures["machine"])
    )
    axes.set_xlabel("ns for each call, the making of the call included; less is better")
    return figure


def draw_transport(reports: Mapping[str, Figures]) -> Figure:
    figures = reports["transport"]
    cells = next(grid["cells"] for grid in figures["grids"] if grid["title"] == "calls/s")
    bars = [
        Bar(label, row[TRANSPORT_COLUMN], number(row[TRANSPORT_COLUMN]), label.startswith("BLRCS"))
        for label, row in cells.items()
        if TRANSPORT_COLUMN in row
    ]
    bars.sort(key=lambda bar: bar.value, reverse=True)
    figure, axes = bar_chart(
        "Unary calls a second, one core for the server", bars, footer([figures])
    )
    axes.set_xlabel("calls a second, 8 connections with 16 calls each; more is better")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def bar_chart(
    title: str, bars: Sequence[Bar], below: str, *, tall: bool = False, start: float = 0
) -> tuple[Figure, Axes]:
    """Bars from the top down, each with its label before and its value behind it.

    They begin at ``start``, and those of a smaller value go to its left.
    """
    height = FRAME_INCHES + len(bars) * BAR_INCHES * (1.3 if tall else 1)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.barh(
        [bar.label for bar in bars],
        [bar.value - start for bar in bars],
        left=start,
        color=[OURS if bar.is_ours else PEER for bar in bars],
        height=0.62,
    )
    axes.bar_label(drawn, labels=[bar.text for bar in bars], padding=5, fontweight="bold")
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PEER)
    axes.set_title(title, loc="left", fontweight="bold", fontsize=12, pad=12)
    figure.supxlabel(below, fontsize=7.5, color=FAINT, x=0.01, ha="left")
    return figure, axes


def footer(used: Iterable[Figures]) -> str:
    """The peers with their versions, and the machine."""
    peers: dict[str, str] = {}
    machines: dict[str, None] = {}
    for figures in used:
        peers |= figures["peers"]
        machines[machine_line(figures["machine"])] = None
    lines = textwrap.wrap(peers_line(peers), FOOTER_CHARACTERS)
    return "\n".join([*lines, *machines])
