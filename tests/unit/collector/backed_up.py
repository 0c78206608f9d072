"""A store with facts of every awkward type, what it answers and holds, and backups that were changed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from collector.backtests import BacktestRow
from collector.backup import stored_tables
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

NOW = datetime(2026, 1, 31, tzinfo=UTC)
T0 = NOW - timedelta(days=10)
EAST = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
WEST = "aws/us-west-2/usw2-az1/p3.2xlarge/spot"
WINDOW = timedelta(days=30)


class Market:
    """Prices that change and repeat in three passes, probes, lives, and one row that is turned away."""

    source_id, kind, licence, note, origin = "märket", "recorded", "none", "it's made up", "memory"

    def batches(self) -> Iterator[Batch]:
        for number in range(3):
            seen = T0 + number * timedelta(days=1) + timedelta(microseconds=123456)
            rows = [
                (EAST, T0, "0.918000001"), (WEST, T0, "1.02"),
                (EAST, T0 + number * timedelta(hours=3), f"0.{number + 1}23456789"),
            ]  # fmt: skip
            yield Batch(prices=pd.DataFrame(
                {"pool_id": key, "effective_at": pd.Timestamp(at), "observed_at": pd.Timestamp(seen),
                 "price_usd_per_hour": usd, "kind": "recorded"} for key, at, usd in rows))  # fmt: skip
        at = pd.Series(pd.date_range(T0, NOW - timedelta(days=1), freq="10min"))
        yield Batch(probes=pd.DataFrame(
            {"pool_id": EAST, "effective_at": at, "observed_at": at, "wanted": 1,
             "obtainable": (at.dt.hour != 5).astype(int), "holds_s": 600.0}))  # fmt: skip
        yield Batch(
            tenures=pd.DataFrame([
                {"pool_id": EAST, "instance_ref": "i-1", "began_at": T0, "ended_at": T0 + timedelta(hours=5),
                 "end_cause": "preempted", "began_before": False, "observed_at": T0 + timedelta(hours=5)},
                {"pool_id": EAST, "instance_ref": "i-2", "began_at": T0, "ended_at": None, "end_cause": None,
                 "began_before": True, "observed_at": T0 + timedelta(hours=7)}]),
            rejected=pd.DataFrame({"reason": ["no sense"], "content": ['{"a": "\\"\\u0000"}']}),
        )  # fmt: skip


BACKTEST = BacktestRow(
    backtest_id="bt-1", name="market", from_at=T0, until_at=NOW, every_hours=24.0, window_hours=720.0,
    origins=9, pools=1, job=None, seed=1, code_version="0.1", sources=("märket",), synthetic=False,
    left_out=(), made_at=NOW,
)  # fmt: skip
FIGURE = {
    "figure": "brier", "unit": "per forecast", "better": "lower", "value": 0.1, "low": 0.05, "high": 0.2,
    "n": 96, "days": 9,
}  # fmt: skip
BIN = {"horizon_hours": 1.0, "forecast": "ours", "low": 0.0, "high": 0.1, "count": 0}


def filled(path: Path) -> Store:
    """A store with facts of every awkward type, a run, and passes of a live source."""
    store = Store.open(path, clock=lambda: NOW)
    ingest(store, Market())
    store.save_recommendation("rec-1", as_of=NOW, request=b"\x00\xff", body=bytes(range(256)))
    store.open_run(
        "run-1", recommendation_id="rec-1", opened_at=NOW, clock={"compression": 60.0}, predicted=b"{}"
    )
    store.issue_attempt("run-1", pool_key=EAST, issued_at=NOW, plan=b"\xf0\x9f")
    event = {"attempt": 1, "node": "0", "seq": 1, "at": NOW.isoformat(), "event": "step", "loss": 0.1}
    store.append_events("run-1", [event])
    known = {"source_id": "lambda", "cadence_s": 300.0, "history_s": 0.0, "started_at": T0}
    store.begin_pass("pass-1", job_id="lambda", feed="lambda", stale_after_s=3600.0, **known)
    counts = {"rows_in": 1, "rows_new": 1, "rows_duplicate": 0, "rows_quarantined": 0}
    store.save_backtest(BACKTEST, [FIGURE], [BIN])
    store.end_pass("pass-1", outcome="ok", trouble=None, finished_at=T0, ingest_run_id=1, **counts, **known)
    return store


def answers(store: Store) -> dict[str, object]:
    """What a store says to everybody who asks."""
    pools = [pool for pool, _ in store.pools(NOW)]
    span = {"from_at": T0, "until_at": NOW, "as_of": NOW}
    return {
        "histories": [store.pool_histories(as_of=NOW - timedelta(days=d), window=WINDOW) for d in range(10)],
        "pools": store.pools(NOW), "watched": store.watched_pools(NOW),
        "prices": [store.price_steps(pool, **span) for pool in pools],
        "price": [store.price_at(pool, NOW) for pool in pools],
        "probes": [store.probes(pool, **span) for pool in pools],
        "tenures": [store.tenures(pool, **span) for pool in pools],
        "quality": store.quality(NOW), "span": store.span(), "newest": store.newest_observed_at(NOW),
        "runs": store.runs(), "attempts": store.attempts("run-1"), "events": store.events("run-1"),
        "recommendation": store.recommendation("rec-1"),
        "sources": store.source_states(NOW), "gaps": store.source_gaps(NOW),
        "backtest": [store.newest_backtest(NOW), store.backtest_figures("bt-1"), store.backtest_bins("bt-1")],
        "listings": store.first_seen(NOW), "signals": store.interruption_signals(NOW),
        "verify": store.verify(),
    }  # fmt: skip


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as text so that no type hides a difference, in the order stored."""
    with duckdb.connect(str(path)) as raw:
        raw.execute("SET TimeZone = 'UTC'")
        return {
            table: raw.execute(f'SELECT COLUMNS(*)::VARCHAR FROM "{table}"').fetchall()
            for table in stored_tables(lambda: NOW)
        }


def back(saved: Path) -> Path:
    return saved.with_name("restored.duckdb")


def rewritten(saved: Path, name: str, change) -> Path:
    """The same backup with one member changed and, where it is the manifest, sealed again."""
    with tarfile.open(saved) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    members[name] = change(members[name])
    if name == "manifest.json" and members[name] is not None:
        seal = hashlib.sha256(members[name]).hexdigest()
        members["manifest.sha256"] = f"{seal}  manifest.json\n".encode()
    other = saved.with_name("other.tar")
    with tarfile.open(other, "w") as tar:
        for each, content in members.items():
            if content is not None:
                info = tarfile.TarInfo(each)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return other


def told(change):
    """A change of the manifest."""

    def of(written: bytes) -> bytes:
        manifest = json.loads(written)
        change(manifest)
        return json.dumps(manifest).encode()

    return of
