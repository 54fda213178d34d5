"""Draws where the time of a call goes, from samples of a server under load.

    python benchmarks/flamegraph.py [--server NAME] [--scenario NAME] [--seconds N] [--output FILE]

A box is a function, as wide as its share of the samples; above it stands what it called.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import transport_peers
from echo_scenarios import echo_scenarios
from harness import machine
from load import h2load_command, run_load
from server_process import cores, on_core, running
from stack_samples import KERNEL, SamplingError, Stack, sample
from tables import machine_line

TARGET = Path(__file__).parents[1] / "docs/images/transport-flamegraph.svg"
WIDTH = 1200.0
ROW = 17
HEAD = 58
FOOT = 26
NARROWEST = 0.6
CHARACTER = 6.3
LETTERS = 'font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#24292f"'
COLOURS = {
    "blrcs_native": ("#1f6f8b", "#ffffff", "the native core"),
    "nghttp2": ("#5fb3a1", "#24292f", "nghttp2"),
    "uvloop": ("#c9b458", "#24292f", "uvloop"),
    "python": ("#e0915c", "#24292f", "CPython and extensions"),
    "library": ("#cfd6dc", "#24292f", "other libraries"),
    KERNEL: ("#a3acb5", "#24292f", "the kernel"),
}


@dataclass(slots=True)
class Node:
    """A function with what it called: how many samples were in it or below."""

    count: int = 0
    children: dict[tuple[str, str], "Node"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Box:
    function: str
    file: str
    depth: int
    left: float
    width: float
    count: int


def tree_of(stacks: Counter[Stack]) -> Node:
    root = Node()
    for frames, count in stacks.items():
        node = root
        node.count += count
        for frame in frames:
            node = node.children.setdefault(frame, Node())
            node.count += count
    return root


def boxes(node: Node, width: float, depth: int = 0, left: float = 0) -> Iterator[Box]:
    """From the outermost function inwards, callees of one function in the order of their names."""
    for (function, file), child in sorted(node.children.items()):
        share = width * child.count / node.count
        if share >= NARROWEST:
            yield Box(function, file, depth, left, share, child.count)
            yield from boxes(child, share, depth + 1, left)
        left += share


def part_of(file: str) -> str:
    """Which colour a file has."""
    if file == KERNEL:
        return KERNEL
    for part in ("blrcs_native", "nghttp2", "uvloop"):
        if part in file:
            return part
    return "python" if "python" in file or "cygrpc" in file else "library"


def draw(stacks: Counter[Stack], title: str, below: str) -> str:
    """An SVG whose boxes tell their names and shares to those who point at them."""
    found = list(boxes(tree_of(stacks), WIDTH))
    total = sum(stacks.values())
    height = HEAD + FOOT + ROW * (1 + max(box.depth for box in found))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height}" {LETTERS}>',
        f'<rect width="{WIDTH:g}" height="{height}" fill="#ffffff"/>',
        f'<text x="4" y="18" font-size="15" font-weight="bold">{escape(title)}</text>',
        *legend(),
    ]
    for box in found:
        colour, ink, _ = COLOURS[part_of(box.file)]
        top = height - FOOT - ROW * (box.depth + 1)
        tip = f"{box.function} ({Path(box.file).name}), {box.count / total:.1%}"
        lines.append(
            f'<g><title>{escape(tip)}</title><rect x="{box.left:.2f}" y="{top}"'
            f' width="{box.width:.2f}" height="{ROW - 1}" fill="{colour}" stroke="#ffffff"'
            ' stroke-width="0.4"/>'
        )
        if label := fitting(box):
            lines.append(
                f'<text x="{box.left + 3:.2f}" y="{top + 12}" fill="{ink}">{escape(label)}</text>'
            )
        lines.append("</g>")
    lines.append(
        f'<text x="4" y="{height - 8}" font-size="10" fill="#57606a">{escape(below)}</text></svg>'
    )
    return "\n".join(lines) + "\n"


def legend() -> Iterator[str]:
    left = 4.0
    for colour, _, name in COLOURS.values():
        yield f'<rect x="{left:g}" y="29" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{left + 17:g}" y="39">{name}</text>'
        left += 17 + len(name) * CHARACTER + 22


def fitting(box: Box) -> str:
    """As much of the name as has room, its end first, for that tells most."""
    room = int((box.width - 6) / CHARACTER)
    if len(box.function) <= room:
        return box.function
    short = box.function.rpartition(".")[2]
    if len(short) <= room:
        return short
    return f"{short[: room - 2]}.." if room > 5 else ""


def record(server: str, scenario_name: str, seconds: float) -> tuple[Counter[Stack], str]:
    """The stacks of a server under load, and what the load was.

    Raises:
        SamplingError: They cannot be sampled here.
    """
    peers, left_out = transport_peers.build([server])
    if server not in peers:
        raise SamplingError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    peer, scenario = peers[server], echo_scenarios().get(scenario_name)
    if scenario is None or scenario.tls:
        raise SamplingError(f"there is no scenario {scenario_name} without TLS")
    server_core, load_core = cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(peer.command, core=server_core, environ=peer.environ) as process,
    ):
        load = scenario.load(process.port, load_core)
        at_once = load.connections * load.streams
        run_load(load, at_once, Path(folder))
        command = h2load_command(load, at_once, Path(folder))
        timed = [word for word in command if not word.startswith("--requests")]
        timed.insert(1, f"--duration={seconds + 2:g}")
        with subprocess.Popen(
            [*on_core(load_core), *timed], stdout=subprocess.DEVNULL
        ) as generator:
            try:
                stacks = sample(process.pid, seconds, load_core, Path(folder))
            finally:
                generator.terminate()
    return stacks, f"{peer.label}: {scenario.title}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--server", default="blrcs", choices=transport_peers.PEERS_BY_NAME)
    parser.add_argument("--scenario", default="unary", help="as in bench_transport.py, without TLS")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--output", type=Path, default=TARGET)
    arguments = parser.parse_args()
    try:
        stacks, what = record(arguments.server, arguments.scenario, arguments.seconds)
    except SamplingError as error:
        sys.exit(f"no flame graph: {error}")
    below = f"{sum(stacks.values()):,} samples of the server's core. {machine_line(machine())}"
    arguments.output.write_text(
        draw(stacks, f"Where the server's time goes. {what}", below), encoding="utf-8"
    )
    print(f"drawn    {arguments.output}")


if __name__ == "__main__":
    main()
