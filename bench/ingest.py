"""How fast facts reach the store, beside DuckDB's own bulk load of the same rows.

Ours checks every row against the quality rules, drops what is there already, keeps changes
apart from repeats and commits in batches. DuckDB's own load does none of that: the ratio is
the price of those promises. Rows are generated; --data is not used.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from harness import Bench, interleaved, start

from collector.ingest import ingest, ingest_all
from collector.sample import write_sample
from collector.sample_places import PLACES
from collector.sources.base import Batch
from collector.sources.recorded import open_recorded
from collector.store import Store

BATCH_ROWS = 200_000
MUST, AIM = 0.5, 0.75  # Of DuckDB's rows per second; nobody publishes such a ratio, so ours to hold.


@dataclass
class Frames:
    """A source of one frame in memory, in batches."""

    name: str
    frame: pd.DataFrame
    source_id: str = "bench"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        for first in range(0, len(self.frame), BATCH_ROWS):
            yield Batch(**{self.name: self.frame.iloc[first : first + BATCH_ROWS]})


def prices(rows: int, seed: int) -> pd.DataFrame:
    """Prices of every place of the embedded market; about half are changes."""
    rng = np.random.default_rng(seed)
    ticks = pd.date_range("2025-01-01", periods=rows // len(PLACES) + 1, freq="5min", tz="UTC")
    at = ticks.repeat(len(PLACES))[:rows]
    steps = np.where(rng.uniform(size=rows) < 1 / 3, rng.integers(1, 9, rows), 5) + 0.918
    return pd.DataFrame(
        {
            "pool_id": pd.Series(np.resize([place.pool.key for place in PLACES], rows), dtype="str"),
            "kind": "recorded",
            "effective_at": at,
            "observed_at": at,
            "price_usd_per_hour": pd.Series(steps).map("{:.4f}".format).astype("str"),
        }
    )


def probes(rows: int, seed: int) -> pd.DataFrame:
    """Probes of every place of the embedded market."""
    frame = prices(rows, seed).drop(columns=["kind", "price_usd_per_hour"])
    obtainable = np.random.default_rng(seed).integers(0, 2, rows)
    return frame.assign(wanted=1, obtainable=obtainable, holds_s=300.0)


def from_memory(bench: Bench, folder: Path, name: str, frame: pd.DataFrame, n: int) -> None:
    """One frame: our ingest against one insert of the same rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False)

    def ours() -> None:
        with Store.open(new_file(folder), clock=lambda: datetime.now(UTC)) as store:
            ingest(store, Frames(name, frame))

    def duck() -> None:
        with duckdb.connect(str(new_file(folder))) as raw:
            raw.register("incoming", table)
            raw.execute("CREATE TABLE fact AS FROM incoming")

    publish(bench, f"{name} ingested from memory", len(frame), interleaved(n, ours=ours, duck=duck), n)


def from_files(bench: Bench, folder: Path, n: int) -> None:
    """The embedded market: our readers and ingest against DuckDB's CSV reader."""
    market = folder / "market"
    write_sample(market, seed=bench.options.seed)
    files = sorted(market.glob("*.csv"))
    rows = sum(path.read_bytes().count(b"\n") - 1 for path in files)

    def ours() -> None:
        with Store.open(new_file(folder), clock=lambda: datetime.now(UTC)) as store:
            ingest_all(store, open_recorded(market))

    def duck() -> None:
        with duckdb.connect(str(new_file(folder))) as raw:
            for path in files:
                raw.execute(f"CREATE TABLE {path.stem} AS FROM read_csv('{path}')")

    publish(bench, "embedded market ingested from files", rows, interleaved(n, ours=ours, duck=duck), n)


def publish(bench: Bench, figure: str, rows: int, medians: dict[str, float], n: int) -> None:
    bench.figure(
        figure, rows / medians["ours"], unit="rows/s", better="higher", must=MUST, aim=AIM,
        peer="DuckDB bulk load", theirs=rows / medians["duck"], n=n,
    )  # fmt: skip


def new_file(folder: Path) -> Path:
    return folder / f"{uuid.uuid4().hex}.duckdb"


def main() -> None:
    bench = start("ingest", __doc__)
    rows, n = (200_000, 3) if bench.options.quick else (1_000_000, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        from_memory(bench, folder, "prices", prices(rows, bench.options.seed), n)
        from_memory(bench, folder, "probes", probes(rows, bench.options.seed), n)
        from_files(bench, folder, n)
    bench.finish()


if __name__ == "__main__":
    main()
