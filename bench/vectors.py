"""Check the cost model against a file of reference values: python bench/vectors.py FILE.csv

Each row names a formula, its inputs as JSON, the value expected and a relative tolerance.
Prints every miss, and every row whose formula is not built as unsupported, never as passed.
Exits 0 where all built rows agree, 5 where one does not, 2 where the file cannot be read.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model import availability, goodput, interval, lifetime, notice, portfolio, price, renewal, tiers
from model.article import ArticleCase
from model.errors import LowtideError

Inputs = Mapping[str, Any]


def _article(i: Inputs) -> ArticleCase:
    return ArticleCase(
        hours=i["hours"],
        price_spot=i["p_spot"],
        price_on_demand=i["p_od"],
        lost_hours=i["lost"],
        rerun=i.get("rerun", "on_demand"),
    )


def _cadence(i: Inputs) -> goodput.Cadence:
    return goodput.Cadence(
        interval_hours=i.get("tau", 1.0),
        pause_hours=i.get("C", i.get("s", i.get("C1", 0.0))),
        restart_hours=i.get("R", 0.0),
        save_lag_hours=i.get("U", 0.0),
    )


def _expected(i: Inputs) -> goodput.Course:
    return goodput.expected(i["W"], _cadence(i), 1 / i["M"], i.get("D", 0.0))


def _sd(i: Inputs) -> float:
    more = goodput.excess(i["W"], _cadence(i), 1 / i["M"], i.get("D", 0.0), i.get("VD", 0.0))
    return math.sqrt(float(more.variance))


def _life(i: Inputs) -> renewal.Lifetime:
    laws = {
        "exponential": lambda: renewal.exponential(1 / i["M"]),
        "weibull": lambda: renewal.weibull(i["shape"], i["scale"]),
        "bathtub": lambda: renewal.bathtub(i["A"], i["tau1"], i["tau2"], i["b"]),
    }
    return laws[i["dist"]]().gang(i.get("n", 1))


def _levels(i: Inputs) -> tiers.TwoLevels:
    return tiers.TwoLevels(
        light_hours=i["C1"], full_hours=i["C2"], hazard_per_hour=i["lam"], light_share=i["q"]
    )


def _weights_only(i: Inputs) -> tiers.PerUseful:
    return tiers.weights_only_per_useful(_cadence(i), i["C2"], i["m"], i["P"], 1 / i["M"], i.get("D", 0.0))


def _posterior(i: Inputs) -> lifetime.Belief:
    return lifetime.updated(lifetime.Belief(i["alpha0"], i["beta0"]), i["k"], i["E"])


# Formula, a word its quantity must contain, and what computes it.
BUILT: list[tuple[str, str, Callable[[Inputs], Any]]] = [
    ("F0", "savings", lambda i: _article(i).savings),
    ("F0", "baseline", lambda i: _article(i).baseline),
    ("F0", "finish", lambda i: _article(i).finish_hours),
    ("F0", "break", lambda i: _article(i).breakeven_lost_hours),
    ("F0", "cost", lambda i: _article(i).cost),
    ("F1", "tau", lambda i: interval.young_hours(i["C"], 1 / i["M"])),
    ("F2", "tau", lambda i: interval.daly_hours(i["C"], 1 / i["M"])),
    ("F3", "tau", lambda i: interval.exact_hours(i["C"], 1 / i["M"])),
    ("F4", "wall", lambda i: _expected(i).wall_hours),
    ("F4", "billed", lambda i: _expected(i).billed_hours),
    ("F4", "preemptions", lambda i: _expected(i).preemptions),
    ("F5", "SD", _sd),
    ("F6", "billed", lambda i: renewal.billed_per_useful(_life(i), _cadence(i))),
    ("F7", "optimal", lambda i: notice.notice_interval_hours(_cadence(i), 1 / i["M"], i["p"], i["w"])),
    ("F7", "billed", lambda i: notice.notice_billed_per_useful(_cadence(i), 1 / i["M"], i["p"], i["w"])),
    ("F8", "optimal", lambda i: max(interval.exact_hours(i["s"], 1 / i["M"]), i["U"] - i["s"])),
    ("F8", "billed", lambda i: goodput.async_billed_per_useful(_cadence(i), 1 / i["M"])),
    ("F9a", "m*", lambda i: _levels(i).best_every()),
    ("F9a", "tau*", lambda i: _levels(i).interval_hours(i.get("m", _levels(i).best_every()))),
    ("F9a", "waste", lambda i: _levels(i).waste(i.get("m", _levels(i).best_every()))),
    ("F9b", "wall", lambda i: _weights_only(i).wall),
    ("F9b", "billed", lambda i: _weights_only(i).billed),
    ("F10", "gang", lambda i: goodput.gang_hazard_per_hour(i["lam"], i["n"], i["beta"])),
    ("F11", "fraction", lambda i: portfolio.on_demand_share(i["W"], i["n"], i["T"], i["q"])),
    ("F12", "wait", lambda i: portfolio.wait_threshold_hours(i["shape"], i["scale"], i["v"], i["F"])),
    (
        "F13",
        "SD",
        lambda i: availability.share_sd(i["mean_up"], i["cv_up"], i["mean_down"], i["cv_down"], i["T"]),
    ),
    ("F14", "refund", lambda i: renewal.billed_per_life_with_refund(1 / i["M"], i["g"])),
    ("F15", "survival", lambda i: lifetime.predictive_survival(_posterior(i), i["t"])),
    ("F16", "average", lambda i: price.forecast_mean(i["p0"], i["m"], i["H"], i["kappa"])),
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row: what was expected, what came out, and how that is called."""

    row: Mapping[str, str]
    ours: float | None
    word: str  # agrees | MISS | unsupported

    def __str__(self) -> str:
        ours = "-" if self.ours is None else f"{self.ours:.12g}"
        row = self.row
        return f"{self.word:<11} {row['id']:<5} {row['quantity']}: {ours}, expected {row['expected']}"


def verdicts(path: Path) -> Iterator[Verdict]:
    """Yield a verdict for each row of a file."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield _verdict(row)


def _verdict(row: Mapping[str, str]) -> Verdict:
    formula, _, quantity = row["quantity"].partition(" ")
    found = next((f for name, word, f in BUILT if name == formula and word in quantity), None)
    if found is None:
        return Verdict(row, None, "unsupported")
    try:
        ours = float(found(json.loads(row["inputs_json"])))
    except (KeyError, LowtideError):
        return Verdict(row, None, "MISS")
    expected = float(row["expected"])
    near = abs(ours - expected) <= float(row["rtol"]) * abs(expected)
    return Verdict(row, ours, "agrees" if near else "MISS")


def main(arguments: list[str]) -> int:
    """Check one file; returns the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("Give one CSV file of reference values: python bench/vectors.py FILE.csv", file=sys.stderr)
        return 2
    found = list(verdicts(Path(arguments[0])))
    for verdict in found:
        if verdict.word != "agrees":
            print(verdict)
    counts = {word: sum(v.word == word for v in found) for word in ("agrees", "MISS", "unsupported")}
    print(f"{counts['agrees']} agree, {counts['MISS']} miss, {counts['unsupported']} unsupported")
    return 5 if counts["MISS"] or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
