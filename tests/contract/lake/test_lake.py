"""One setting, the same SQL: a lake answers as a file does, and its writers do not tread on one another."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from collector.ingest import ingest
from collector.lake import Lake
from collector.sources.base import Batch
from collector.store import Store
from model.errors import ImpossibleInput, LowtideError
from model.market import Pool

KEY = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
FAR = T0 + timedelta(days=30)


@dataclass
class Pieces:
    given: list[Batch]
    source_id: str = "pieces"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given


def at(hour: float) -> pd.Timestamp:
    return pd.Timestamp(T0 + timedelta(hours=hour))


def prices(*points: tuple[float, float, str], key: str = KEY) -> Batch:
    frame = pd.DataFrame(points, columns=["effective_at", "observed_at", "price_usd_per_hour"])
    clocks = {
        c: pd.to_datetime([at(hour) for hour in frame[c]], utc=True) for c in ("effective_at", "observed_at")
    }
    return Batch(prices=frame.assign(pool_id=key, kind="recorded", **clocks))


def everything() -> Batch:
    """A batch with a change, repeats, probes, tenures and a reject."""
    hours = [at(hour) for hour in (1, 2, 3)]
    probes = pd.DataFrame(
        {"pool_id": KEY, "effective_at": hours, "observed_at": hours, "wanted": 1, "obtainable": [1, 0, 1],
         "holds_s": 3600.0}
    )  # fmt: skip
    tenures = pd.DataFrame(
        {"pool_id": KEY, "instance_ref": "i", "began_at": [at(1)], "ended_at": [at(5)],
         "end_cause": "preempted", "began_before": False, "observed_at": [at(5)]}
    )  # fmt: skip
    told = prices((0, 0, "1.25"), (1, 1, "1.25"), (2, 2, "2.5"), (3, 3, "2.500"), (4, 4, "-1"))
    return Batch(prices=told.prices, probes=probes, tenures=tenures)


def told(store: Store) -> list:
    histories = store.pool_histories(as_of=FAR, window=timedelta(days=60))
    return [histories, store.quality(FAR), store.pools(FAR), store.verify()]


@pytest.fixture(params=["folders", "s3"])
def place(request) -> Lake:
    return request.getfixturevalue("lake" if request.param == "folders" else "s3_lake")


def test_a_lake_answers_as_a_file_does(place):
    with Store.open(None, clock=lambda: FAR) as file, Store.open(place, clock=lambda: FAR) as lake:
        for store in (file, lake):
            report = ingest(store, Pieces([everything()]))
            assert (report.rows_in, report.rows_new, report.rows_quarantined) == (9, 8, 1)
            assert ingest(store, Pieces([everything()])).rows_new == 0
        assert told(lake) == told(file)
        pool = Pool.parse(KEY)
        when = {"from_at": at(0), "until_at": at(9), "as_of": FAR}
        assert lake.price_steps(pool, **when) == file.price_steps(pool, **when)
        assert lake.price_at(pool, FAR) == file.price_at(pool, FAR)


def test_what_one_process_wrote_another_reads_with_both_open(lake):
    with Store.open(lake, clock=lambda: FAR) as one, Store.open(lake, clock=lambda: FAR) as two:
        ingest(one, Pieces([prices((0, 0, "1"))], source_id="one"))
        ingest(two, Pieces([prices((1, 1, "2"))], source_id="two"))
        assert [q.source_id for q in one.quality(FAR)] == ["one", "two"]
        assert told(one) == told(two)


def test_order_and_cut_do_not_matter_in_a_lake_either(lake):
    rows = [(0, 0, "5"), (1, 1, "5"), (2, 6, "7"), (4, 4, "5"), (5, 5, "5")]
    with Store.open(lake, clock=lambda: FAR) as store:
        left = set()
        for number, order in enumerate(itertools.islice(itertools.permutations(rows), 0, 120, 17)):
            source = f"order-{number}"
            ingest(store, Pieces([prices(row) for row in order], source_id=source))
            with store.transaction() as cursor:
                found = cursor.execute(
                    "SELECT what, effective_at::VARCHAR, price_usd_per_hour FROM ("
                    "SELECT 'change' AS what, * EXCLUDE (ingest_run_id) FROM price_point UNION ALL "
                    "SELECT 'repeat' AS what, * FROM price_repeat) WHERE source_id = $1 ORDER BY ALL",
                    [source],
                ).fetchall()
            left.add(tuple(found))
        assert len(left) == 1
        assert store.verify() == []


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
import pandas as pd
from collector.ingest import ingest
from collector.lake import Lake
from collector.sources.base import Batch
from collector.store import Store

setting, source, batches, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Steady:
    source_id, kind, licence, note, origin = source, "recorded", "", "", "memory"
    def batches(self):
        start = pd.Timestamp("2026-01-01", tz="UTC")
        for number in range(batches):
            at = start + pd.to_timedelta(range(number * rows, (number + 1) * rows), unit="s")
            usd = pd.Series(range(number * rows, (number + 1) * rows)).mod(9).add(1).astype("str")
            yield Batch(prices=pd.DataFrame({
                "pool_id": "aws/us-east-1/use1-az1/p3.2xlarge/spot", "kind": "recorded", "effective_at": at,
                "observed_at": at, "price_usd_per_hour": usd}))

store = Store.open(Lake.parse(setting), clock=lambda: datetime(2026, 1, 31, tzinfo=UTC))
print("open", flush=True)
sys.stdin.readline()
ingest(store, Steady(), progress=lambda report: print(report.rows_new, flush=True))
store.close()
"""


def writer(setting: str, source: str, batches: int, rows: int = 400) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, setting, source, str(batches), str(rows)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin(*writers: subprocess.Popen) -> None:
    """Let all begin at once, when every one has opened the lake."""
    for process in writers:
        assert process.stdout.readline() == "open\n"
    for process in writers:
        process.stdin.write("go\n")
        process.stdin.flush()


def test_writers_of_the_same_facts_store_them_once_and_others_all_of_theirs(setting, lake):
    # Two processes bring the same 1,200 prices of one source at the same moment, a third 1,200 of another.
    processes = [writer(setting, "same", 3), writer(setting, "same", 3), writer(setting, "other", 3)]
    begin(*processes)
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    with Store.open(lake, clock=lambda: FAR) as store:
        assert {q.source_id: q.rows for q in store.quality(FAR)} == {"other": 1200, "same": 1200}
        assert store.verify() == []


def test_runs_of_ingest_that_open_and_close_at_once_all_get_numbers_of_their_own(lake):
    # Ten runs of each of three sources; beginning one and ending one change the same table.
    def many(name: str) -> list[int]:
        with Store.open(lake, clock=lambda: FAR) as store:
            return [ingest(store, Pieces([prices((0, 0, "1.25"))], source_id=name)).run_id for _ in range(10)]

    with ThreadPoolExecutor(3) as threads:
        numbers = [number for told in threads.map(many, ["one", "two", "three"]) for number in told]
    assert len(set(numbers)) == 30


def test_a_killed_writer_loses_no_acknowledged_row_and_holds_up_nobody(setting, lake):
    killed, other = writer(setting, "killed", 200), writer(setting, "other", 4)
    begin(killed, other)
    acknowledged = [int(killed.stdout.readline()) for _ in range(2)]
    killed.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in killed.stdout.read().split()]
    assert killed.wait() == -signal.SIGKILL
    assert other.wait(timeout=120) == 0
    with Store.open(lake, clock=lambda: FAR) as store:
        rows = {q.source_id: q.rows for q in store.quality(FAR)}
        assert rows["other"] == 1600
        assert rows["killed"] >= acknowledged[-1]
        assert rows["killed"] % 400 == 0  # No half batch.
        assert store.verify() == []
    again = writer(setting, "killed", 4)
    begin(again)
    assert again.wait(timeout=120) == 0
    with Store.open(lake, clock=lambda: FAR) as store:
        assert store.verify() == []


def test_a_snapshot_of_a_lake_is_a_file_that_answers_alike(lake, tmp_path):
    with Store.open(lake, clock=lambda: FAR) as store:
        ingest(store, Pieces([everything()]))
        store.snapshot(tmp_path / "copy.duckdb")
        with Store.open(tmp_path / "copy.duckdb", clock=lambda: FAR) as copy:
            assert told(copy) == told(store)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("ducklake:sqlite:x.db?data=/tmp/x", "no PostgreSQL catalogue"),
        ("ducklake:postgres:dbname=a", "no data"),
        ("ducklake:postgres:dbname=a?data=/x&speed=high", "'speed'"),
        ("ducklake:postgres:dbname=a password=hunter2?data=/x", "holds a password"),
    ],
)
def test_a_setting_that_names_no_lake_is_refused(written, said):
    with pytest.raises(ImpossibleInput, match=said) as refusal:
        Lake.parse(written)
    assert "hunter2" not in f"{refusal.value}"


def test_a_catalogue_that_does_not_answer_is_trouble_of_the_environment(tmp_path):
    lake = Lake.parse(f"ducklake:postgres:dbname=none host={tmp_path}?data={tmp_path}/x")
    with pytest.raises(LowtideError) as refusal:
        Store.open(lake, clock=lambda: FAR)
    assert refusal.value.exit_code == 4
    assert refusal.value.slug == "lake-unreachable"
