"""The store against DuckDB's own bulk load, and against its promises on a year of twenty thousand pools.

Ingest: every row is checked against the quality rules, numbered, compared with what is there,
told apart as change or repeat, and committed in batches; DuckDB's own load does none of that.
Statistics: fifty million rows, thirty days and a year, from scratch and from the day ledger,
which must give the same answer to the last digit. Everything is generated; --data is not used.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import market
import numpy as np
import pyarrow as pa
from harness import Bench, interleaved, start

from collector.ingest import IngestReport, ingest
from collector.store import Store

Batches = list[pa.Table]


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


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    bench = start("store", __doc__)
    quick = bench.options.quick
    with tempfile.TemporaryDirectory() as name:
        ingest_figures(bench, Path(name), 1_000_000 if quick else 10_000_000, 1 if quick else 3)
    bench.finish()


if __name__ == "__main__":
    main()
