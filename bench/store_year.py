"""A year of twenty thousand pools: filled, then asked. bench/store.py runs it as a process of its own."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import market
import numpy as np
import pyarrow as pa

from collector.ingest import ingest
from collector.store import Store
from model.market import Pool

DAY_US = 86_400_000_000
LATE_ROWS = 100_000
ASKED = 300


def said(**fact: object) -> None:
    """One finding, as a line for the parent."""
    print(json.dumps(fact), flush=True)


def timed_s(run: object) -> float:
    began = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - began


def peak_bytes() -> int:
    """The most this program held since it began; getrusage would count what its parent held at the fork."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def read_in(
    store: Store, places: market.Places, name: str, tables: Iterator[pa.Table], source_id: str
) -> None:
    ingest(store, market.Facts(((name, table) for table in tables), places.skus, source_id=source_id))


def told_at(rows: int, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables; when so many rows are stored, the peak of memory is told: more rows should not raise it."""
    seen = 0
    for table in tables:
        yield table
        seen += len(table)
        if seen - len(table) < rows <= seen:
            said(figure="peak", what="ingest", bytes=peak_bytes(), rows=rows)


def fill(store: Store, places: market.Places, rows: int, seed: int) -> None:
    """Nine tenths prices, a tenth probes and tenures."""
    read_in(store, places, "prices", iter([market.on_demand(places, seed)]), "bench-on-demand")
    prices = told_at(rows // 5, market.prices(places, rows * 88 // 100, seed))
    read_in(store, places, "prices", prices, "bench-prices")
    said(figure="peak", what="ingest", bytes=peak_bytes(), rows=rows)
    probed = max(1, rows * 9 // 100 // 8760)
    read_in(store, places, "probes", market.probes(places, probed, 3600, seed), "bench-probes")
    read_in(store, places, "tenures", iter([market.tenures(places, rows * 3 // 100, seed)]), "bench-tenures")


def statistics(store: Store) -> None:
    """From scratch, then by days; the answers must be equal."""
    windows = (timedelta(days=30), timedelta(days=365))
    scratch = {}
    for window in windows:
        began = time.perf_counter()
        scratch[window] = store.history_rows(as_of=market.ENDS, window=window, from_rows=True)
        said(figure="scratch", days=window.days, s=time.perf_counter() - began, pools=len(scratch[window]))
    said(figure="peak", what="scratch", bytes=peak_bytes())
    said(figure="ledger", s=timed_s(store.add_up_days))
    for window in windows:
        began = time.perf_counter()
        told = store.history_rows(as_of=market.ENDS, window=window)
        said(
            figure="days", days=window.days, s=time.perf_counter() - began, equal=told.equals(scratch[window])
        )


def refresh(store: Store, places: market.Places, seed: int) -> None:
    """New rows of the last day: merge them, then answer anew; and hold the answer against the rows."""
    late = market.prices(places, LATE_ROWS, seed + 1, from_us=market.YEAR_US - DAY_US)
    said(figure="late", s=timed_s(lambda: read_in(store, places, "prices", late, "bench-prices")))
    for window in (timedelta(days=30), timedelta(days=365)):
        if (
            window.days == 365
        ):  # Another hundred thousand, so that each window is refreshed from the same state.
            more = market.prices(places, LATE_ROWS, seed + 2, from_us=market.YEAR_US - DAY_US)
            read_in(store, places, "prices", more, "bench-prices")
        began = time.perf_counter()
        told = store.history_rows(as_of=market.ENDS, window=window)
        taken_s = time.perf_counter() - began
        again = store.history_rows(as_of=market.ENDS, window=window, from_rows=True)
        said(figure="refresh", days=window.days, s=taken_s, equal=told.equals(again))


def reads(store: Store, places: market.Places, seed: int) -> None:
    """All kept rows, and the price of one pool at one instant."""
    store.keep_statistics(as_of=market.ENDS, window=timedelta(days=30))
    kept = [timed_s(store.kept_statistics) for _ in range(100)]
    table = store.kept_statistics()
    said(figure="kept", p99_s=float(np.percentile(kept, 99)), rows=0 if table is None else len(table))
    rng = np.random.default_rng(seed)
    one = []
    for number in range(ASKED + 20):
        pool = Pool.parse(places.spot[int(rng.integers(0, len(places.spot)))].as_py())
        as_of = market.BEGINS + timedelta(days=float(rng.uniform(10, 365)))
        taken_s = timed_s(lambda pool=pool, as_of=as_of: store.price_at(pool, as_of))
        one += [taken_s] if number >= 20 else []
    said(figure="as-of", p50_s=float(np.percentile(one, 50)), p99_s=float(np.percentile(one, 99)), n=len(one))


def main() -> None:
    path, rows, pools, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    places = market.Places.of(pools)
    with Store.open(path, clock=lambda: market.ENDS) as store:
        said(figure="fill", s=timed_s(lambda: fill(store, places, rows, seed)), rows=rows)
        statistics(store)
        refresh(store, places, seed)
        reads(store, places, seed)
        said(figure="peak", what="all", bytes=peak_bytes())


if __name__ == "__main__":
    main()
