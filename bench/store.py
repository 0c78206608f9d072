"""The store against DuckDB's own bulk load, and against its promises on a year of twenty thousand pools.

Ingest: every row is checked against the quality rules, numbered, compared with what is there,
told apart as change or repeat, and committed in batches; DuckDB's own load does none of that.
Statistics: fifty million rows, thirty days and a year, from scratch and from the day ledger,
which must give the same answer to the last digit. Everything is generated; --data is not used.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import market
import numpy as np
import pyarrow as pa
from harness import Bench, interleaved, start

from collector.ingest import IngestReport, ingest
from collector.store import Store

Batches = list[pa.Table]
Told = dict[str, Any]  # A finding of store_year.py.


def opened(path: Path) -> Store:
    return Store.open(path, clock=lambda: market.ENDS)


def read_in(store: Store, name: str, tables: Iterator[pa.Table], places: market.Places) -> IngestReport:
    return ingest(store, market.Facts(((name, table) for table in tables), places.skus))


def new_file(folder: Path) -> Path:
    return folder / f"{uuid.uuid4().hex}.duckdb"


def ingest_figures(bench: Bench, folder: Path, rows: int, n: int) -> None:
    """First time, again in another order and cut, and memory."""
    places = market.Places.of(20_000)
    batches = list(market.prices(places, rows, bench.options.seed))
    whole = pa.concat_tables(batches)

    def ours() -> None:
        path = new_file(folder)
        with opened(path) as store:
            read_in(store, "prices", iter(batches), places)
        path.unlink()

    def duck() -> None:
        path = new_file(folder)
        with duckdb.connect(str(path)) as raw:
            raw.register("incoming", whole)
            raw.execute("CREATE TABLE fact AS FROM incoming")
        path.unlink()

    seconds = interleaved(n, ours=ours, duck=duck)
    bench.figure(
        f"{rows / 1e6:g} M price changes ingested", rows / seconds["ours"], unit="rows/s", better="higher",
        must=0.5, aim=0.75, n=n, peer="DuckDB bulk load of the same Arrow data",
        theirs=rows / seconds["duck"],
    )  # fmt: skip
    again(bench, folder, places, batches)


def again(bench: Bench, folder: Path, places: market.Places, batches: Batches) -> None:
    """The same rows, shuffled over all batches and cut otherwise."""
    rng = np.random.default_rng(bench.options.seed)
    whole = pa.concat_tables(batches).combine_chunks()
    order = rng.permutation(len(whole))
    cut = len(whole) * 3 // (2 * len(batches)) + 1
    shuffled = [whole.take(pa.array(order[i : i + cut])) for i in range(0, len(whole), cut)]
    with opened(new_file(folder)) as store:
        first_s = timed(lambda: read_in(store, "prices", iter(batches), places))
        found: list[IngestReport] = []
        again_s = timed(lambda: found.append(read_in(store, "prices", iter(shuffled), places)))
        assert store.verify() == []
    bench.figure(
        "new rows when the same rows come again, shuffled and re-cut", found[0].rows_new, unit="rows",
        better="lower", must=0, aim=0,
    )  # fmt: skip
    bench.figure(
        "the same rows again, shuffled and re-cut", again_s, unit="s", better="lower", must=1.0, aim=0.5,
        peer="the first time", theirs=first_s,
    )  # fmt: skip


def year_figures(bench: Bench, folder: Path, rows: int, pools: int) -> None:
    """A year of history of many pools, in a process of its own so that its memory is its own."""
    command = [sys.executable, Path(__file__).with_name("store_year.py"), new_file(folder), str(rows)]
    child = [*map(str, command), str(pools), str(bench.options.seed)]
    with subprocess.Popen(child, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            YEAR[told.pop("figure")](bench, told, rows)
    if process.returncode:
        raise SystemExit(f"store_year.py ended with {process.returncode}")


def limit(bench: Bench, figure: str, ours: float, unit: str, must: float, aim: float) -> None:
    bench.figure(figure, ours, unit=unit, better="lower", must=must, aim=aim)


def peak(bench: Bench, told: Told, rows: int) -> None:
    at_most = {"ingest": 1.0, "scratch": 4.0, "all": 4.0}[told["what"]]
    words = {"ingest": "ingest", "scratch": "statistics from scratch", "all": "every question"}[told["what"]]
    size = f"{told.get('rows', rows) / 1e6:g} M rows"
    limit(bench, f"peak memory, {words}, {size}", told["bytes"] / 2**30, "GiB", at_most, at_most)


def scratch(bench: Bench, told: Told, rows: int) -> None:
    must = {30: 10.0, 365: 60.0}[told["days"]]
    figure = f"statistics of {told['pools']} pools, {told['days']} days, from scratch"
    limit(bench, figure, told["s"], "s", must, must / 2)


def ledger(bench: Bench, told: Told, rows: int) -> None:
    limit(bench, f"day ledger of {rows / 1e6:g} M rows made, once", told["s"], "s", 180, 60)


def days(bench: Bench, told: Told, rows: int) -> None:
    limit(bench, f"the same, {told['days']} days, from the day ledger", told["s"], "s", 10, 2)
    unequal(bench, f"its answers that differ from scratch, {told['days']} days", told)


def refresh(bench: Bench, told: Told, rows: int) -> None:
    limit(bench, f"refreshed after 100,000 new rows, {told['days']} days", told["s"], "s", 2, 1)
    unequal(bench, f"its answers that differ from scratch after new rows, {told['days']} days", told)


def unequal(bench: Bench, figure: str, told: Told) -> None:
    limit(bench, figure, 0 if told["equal"] else 1, "tables", 0, 0)


def late(bench: Bench, told: Told, rows: int) -> None:
    limit(bench, f"100,000 new rows merged into {rows / 1e6:g} M", told["s"], "s", 5, 1)


def kept(bench: Bench, told: Told, rows: int) -> None:
    limit(bench, f"all {told['rows']} materialised rows read, p99", told["p99_s"] * 1e3, "ms", 100, 50)


def as_of(bench: Bench, told: Told, rows: int) -> None:
    bench.figure(
        "one pool's price as of an instant, p99", told["p99_s"] * 1e3, unit="ms", better="lower", must=10,
        aim=5, n=told["n"],
    )  # fmt: skip


YEAR: dict[str, Callable[[Bench, Told, int], None]] = {
    "fill": lambda bench, told, rows: None, "peak": peak, "scratch": scratch, "ledger": ledger, "days": days,
    "late": late, "refresh": refresh, "kept": kept, "as-of": as_of,
}  # fmt: skip


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    bench = start("store", __doc__)
    quick = bench.options.quick
    with tempfile.TemporaryDirectory() as name:
        ingest_figures(bench, Path(name), 1_000_000 if quick else 10_000_000, 1 if quick else 3)
        rows, pools = (1_000_000, 2_000) if quick else (50_000_000, 20_000)
        year_figures(bench, Path(name), rows, pools)
    bench.finish()


if __name__ == "__main__":
    main()
