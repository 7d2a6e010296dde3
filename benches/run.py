"""Measure the forest beside its peers: ``python -m benches.run`` (or ``make bench``).

All peers get the same rows, one thread, and the same number of trees, sample
size and decay. Times are those of the working thread, so that other work on the
machine counts less; results.json also holds the clock on the wall. Peers that
are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches import java_peer, python_peers, report
from benches.measure import Measurement, measure
from benches.package import import_time, model_costs, wheel_size
from benches.peers import Peer, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("fastrcf", "numpy", "krcf", "rrcf", "scikit-learn")


def make_peers(shape: Shape) -> tuple[list[Peer], dict[str, str]]:
    """Make the peers that can run here, and say why the others cannot."""
    peers: list[Peer] = [
        python_peers.Ours(shape),
        python_peers.OursFrozen(shape),
        python_peers.OursByRow(shape),
    ]
    absent: dict[str, str] = {}
    for kind in (python_peers.Krcf, python_peers.Rrcf, python_peers.Isolation):
        try:
            peers.append(kind(shape))
        except ModuleNotFoundError as error:
            absent[kind.name] = f"{error.name} is not installed"
    reason = java_peer.missing()
    if reason is None:
        peers.append(java_peer.JavaForest(shape))
    else:
        absent[java_peer.JavaForest.name] = reason
    return peers, absent


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    model = platform.processor()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    versions = {}
    for name in MODULES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benches.run", description=__doc__)
    parser.add_argument("--columns", type=int, nargs="+", default=[8, 30], metavar="D")
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on rows per repetition")
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--sample-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "benches" / "results.json")
    return parser.parse_args(arguments)


def tell(message: str) -> None:
    """Show progress on a terminal, and nowhere else."""
    if sys.stderr.isatty():
        print(f"\r\033[K{message}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    options = parse(arguments)
    shape = Shape(options.trees, options.sample_size, options.seed)
    peers, absent = make_peers(shape)
    results: list[Measurement] = []
    try:
        for width in options.columns:
            results += measure(peers, width, options.repetitions, scale=options.scale, told=tell)
    finally:
        for peer in peers:
            peer.close()
    tell("importing")
    package = {
        "import_ms": import_time("fastrcf", options.repetitions),
        "import_numpy_ms": import_time("numpy", options.repetitions),
        "wheel_mb": wheel_size(ROOT / "dist"),
        **model_costs(shape, max(options.columns), options.repetitions),
    }
    tell("")
    described = machine()
    print(f"{described['processor']}; one thread, {shape.n_trees} trees of {shape.sample_size};")
    print(f"medians of {options.repetitions} interleaved repetitions, quartiles of paired ratios")
    print()
    print(report.table(results))
    print()
    for name, reason in absent.items():
        print(f"not measured: {name} ({reason})")
    print(
        f"import fastrcf: {package['import_ms']:.0f} ms (asked: 150 at most), "
        f"of which numpy {package['import_numpy_ms']:.0f} ms"
    )
    wheel = package["wheel_mb"]
    print("wheel: none in dist/" if wheel is None else f"wheel: {wheel:.2f} MB (asked: 5 at most)")
    print(
        f"frozen forest, d = {max(options.columns)}: opens in {package['open_frozen_ms']:.2f} ms "
        f"(asked: 2 at most), takes {package['frozen_mb']:.2f} MB"
    )
    print(
        f"living forest: opens in {package['open_living_ms']:.2f} ms, "
        f"takes {package['living_mb']:.2f} MB (asked: 4 at most)"
    )
    content = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "trees": shape.n_trees,
        "sample_size": shape.sample_size,
        "seed": shape.seed,
        "package": package,
        "absent": absent,
        "ratios": report.ratios(results),
        "measurements": [result.record() for result in results],
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"all figures: {os.path.relpath(options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
