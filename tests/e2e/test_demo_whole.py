"""The whole demo, shortened: real service, real trainers, real kills, on both markets and two seeds."""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from advisor.demo import DemoResult, run_demo
from advisor.demo_report import build
from advisor.demo_service import served
from advisor.report import to_html

# Real seconds of work, and what a rehearsal may take beyond. Where capacity is scarce, as on the recorded
# market, an answer of half a second may not be most of a market hour: the machine would be gone.
SPANS_S = {"synthetic": (20.0, 16.0), "recorded": (40.0, 32.0)}
TITLES = ("The market", "The stand-in", "The stretch of history", "Where to run", "Training", "Predicted")
DELETED = {  # One event of each market is deleted: its kind and node.
    "synthetic-1": ("preempted", "launcher"), "synthetic-2": ("step", "0"), "recorded-1": ("committed", "0"),
}  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Played:
    """A finished demo and what is left of it."""

    market: str
    result: DemoResult
    out: Path
    shown: str  # What stood on the screen.
    events: list[dict]
    run: dict  # As a service that was started afterwards tells it.
    usd_per_hour: dict[str, list[tuple[datetime, float]]]  # Price steps by pool.

    @property
    def synthetic(self) -> bool:
        return self.market.startswith("synthetic")

    def of(self, kind: str, node: str = "launcher") -> list[dict]:
        return [event for event in self.events if (event["event"], event["node"]) == (kind, node)]


@pytest.fixture(scope="module", params=["synthetic-1", "synthetic-2", "recorded-1"])
def played(request, tmp_path_factory) -> Played:
    market, seed = request.param.split("-")
    data = request.getfixturevalue("recorded_data") if market == "recorded" else None
    out = tmp_path_factory.mktemp(request.param) / "out"
    shown = io.StringIO()
    with redirect_stdout(shown):
        useful_s, slack_s = SPANS_S[market]
        result = run_demo(data=data, seed=int(seed), out=out, useful_s=useful_s, slack_s=slack_s)
    run_id = result.report.run["run_id"]
    with served(out / "market.duckdb") as client:
        run, events = client.run(run_id), client.events(run_id)["events"]
        pools = {event["pool_id"] for event in events if "pool_id" in event}
        prices = {pool: steps(client, pool, run) for pool in pools}
    return Played(request.param, result, out, shown.getvalue(), events, run, prices)


def steps(client, pool, run) -> list[tuple[datetime, float]]:
    begin = datetime.fromisoformat(run["clock"]["market_origin_at"])
    end = begin + timedelta(days=30)
    told = client.prices(pool, from_at=begin, until_at=end, as_of=end)["prices"]
    return [(datetime.fromisoformat(each["effective_at"]), float(each["usd_per_hour"])) for each in told]


def test_the_final_weights_equal_those_of_the_run_left_alone(played):
    proof = played.result.report.proof
    assert re.fullmatch("[0-9a-f]{64}", proof.struck_sha256)
    assert proof.struck_sha256 == proof.reference_sha256
    assert played.result.exit_code == 0
    # Not one file of the struck run is the other's: they trained in folders of their own.
    spool = (played.out / "reference" / "attempt-1-node-0.jsonl").read_text()
    assert spool.count('"event":"step"') == played.result.steps


def test_three_sigkills_and_two_sigterms_landed_in_a_step_or_a_save(played):
    strikes = played.result.report.strikes
    assert strikes.sigkill_at_work >= 3
    assert strikes.sigterm_at_work >= 2


def test_the_killed_died_of_the_signal_and_the_warned_saved_first(played):
    ends = {event["attempt"]: event for event in played.of("ended")}
    killed = [event for event in played.of("preempted") if event["signal"] == "SIGKILL"]
    warned = [event for event in played.of("preempted") if event["signal"] == "SIGTERM"]
    assert {ends[event["attempt"]]["exit_code"] for event in killed} == {-9}
    assert 75 in {ends[event["attempt"]]["exit_code"] for event in warned}
    saved = {event["attempt"] for event in played.of("notice", "0")}
    assert saved & {event["attempt"] for event in warned}


def test_every_attempt_goes_on_from_a_committed_checkpoint(played):
    committed = {event["sha256"]: event["step"] for event in played.of("committed", "0")}
    restored = played.of("restored", "0")
    assert len(restored) >= 5
    assert all(committed[event["sha256"]] == event["step"] for event in restored)


def test_the_cost_is_machine_hours_times_recorded_prices(played):
    clock = played.run["clock"]
    market, wall = (datetime.fromisoformat(clock[name]) for name in ("market_origin_at", "wall_origin_at"))

    def at(event: dict) -> datetime:
        return market + (datetime.fromisoformat(event["at"]) - wall) * clock["compression"]

    total = 0.0
    for began in played.of("started"):
        ends = [e for e in [*played.of("preempted"), *played.of("ended")] if e["attempt"] == began["attempt"]]
        total += bill(played.usd_per_hour[began["pool_id"]], at(began), min(map(at, ends)))
    nodes = played.run["predicted"]["nodes"]
    assert float(played.run["realised"]["cost_usd"]) == pytest.approx(nodes * total, rel=1e-6)


def bill(prices: list[tuple[datetime, float]], from_at: datetime, until_at: datetime) -> float:
    """USD of one machine: each price for the hours it stood."""
    ends = [*(at for at, _ in prices[1:]), until_at]
    spans = [(max(at, from_at), min(end, until_at), usd) for (at, usd), end in zip(prices, ends, strict=True)]
    return sum((end - at) / timedelta(hours=1) * usd for at, end, usd in spans if end > at)


def test_a_service_started_later_tells_the_same_figures_from_the_store(played):
    assert played.run["realised"] == played.result.report.run["realised"]
    assert played.run["realised"]["preemptions"] == len(played.of("preempted"))
    assert played.run["realised"]["steps"] == played.result.steps
    assert played.run["realised"]["problems"] == []
    assert played.run["state"] == "done"


def test_billed_hours_close(played):
    real = played.run["realised"]
    parts = ("useful_hours", "lost_work_hours", "stall_hours", "restart_hours", "other_hours")
    assert sum(real[name] for name in parts) == pytest.approx(real["billed_hours"], rel=1e-9)


@contextmanager
def without(played: Played, event: dict, folder: Path):
    """A service over a copy of the store that lacks one event."""
    for file in played.out.glob("market.duckdb*"):
        shutil.copy(file, folder / file.name)
    with duckdb.connect(str(folder / "market.duckdb")) as store:
        key = (event["run_id"], event["attempt"], event["node"], event["seq"])
        store.execute("DELETE FROM run_event WHERE (run_id, attempt, node, seq) = (?, ?, ?, ?)", key)
    with served(folder / "market.duckdb") as client:
        yield client


def test_the_report_changes_when_one_stored_event_is_deleted(played, tmp_path):
    said = played.result.report
    chosen = played.of(*DELETED[played.market])[0]
    with without(played, chosen, tmp_path) as client:
        changed = build(
            client, played.run["run_id"], written=said.recommendation, followed=said.recommendation,
            market=said.market, synthetic=said.synthetic, assumptions=said.assumptions,
            reference_sha256=said.proof.reference_sha256,
        )  # fmt: skip
    assert changed.run["realised"] != said.run["realised"]
    assert to_html(changed) != to_html(said)


def test_a_synthetic_market_is_named_on_every_screen_and_file(played):
    headings = re.findall(rf"^\d\. (?:{'|'.join(TITLES)}).*$", played.shown, re.MULTILINE)
    page = (played.out / "report.html").read_text()
    figures = json.loads((played.out / "figures.json").read_text())
    assert len(headings) == len(TITLES)
    assert all(("synthetic market" in heading) is played.synthetic for heading in headings)
    assert ("synthetic" in page) is played.synthetic
    assert figures["synthetic"] is played.synthetic


def test_prices_say_what_they_are_and_zone_names_stay_names(played):
    page = (played.out / "report.html").read_text()
    assert ("synthetic price" in page) is played.synthetic
    assert ("list price, not recorded" in page) is not played.synthetic
    assert ("name:us-west-2" in page) is not played.synthetic
    assert "gcp/" in page


def test_what_was_scaled_and_how_the_window_was_chosen_stands_on_screen_and_in_the_report(played):
    shown, page = " ".join(played.shown.split()), (played.out / "report.html").read_text()
    for words in ("a real second is", "Notice is best effort", "in a rehearsal"):
        assert words in shown
    for words in ("times faster than real time", "0.5 real seconds", "in a rehearsal"):
        assert words in page


def test_the_plan_in_force_stands_beside_the_report(played):
    plan = json.loads((played.out / "plan.json").read_text())
    assert plan["run_id"] == played.run["run_id"]
    assert plan["service"]["url"].startswith("http://127.0.0.1:")


def test_no_process_outlives_the_demo(played):
    alive = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(played.out) in command(path)]
    assert alive == []


def command(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # It ended meanwhile.
