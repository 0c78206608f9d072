"""`lowtide demo`: the whole loop on this machine, from market history to a run that survived it.

Market → ranking → plan → a real training run that is really killed → predicted against realised,
and proof that the final weights are those of a run left alone. It goes through `lowtide serve` in
a process of its own, over HTTP. Nothing is staged: the seed changes market, ranking, window and
kills. What is scaled for the sake of three minutes is stated on screen and in the report.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from . import format as fmt
from . import tables
from .client import Client
from .demo_market import Records, choose_window, collect
from .demo_measure import measure
from .demo_report import build, write
from .demo_result import DemoResult
from .demo_room import clear
from .demo_screen import Screen
from .demo_service import served
from .demo_stand_in import StandIn, assumptions, make_stand_in
from .demo_training import Teller, options, reference
from .executor import LocalExecutor
from .jobfile import example, read_spec
from .launch import Launcher
from .progress import RunClock
from .replay import NOTICE_S, ReplayCloud
from .report import Report
from .standby import Standby
from .windows import Window

USEFUL_S = 60.0  # Real seconds of work; restarts and lost work come on top.
SLACK_S = 45.0  # Real seconds for restarts and lost work in a rehearsal; the demo has three minutes.
SYNTHETIC_JOB, RECORDED_JOB = "llm-30b.toml", "v100-recorded.toml"


def run_demo(
    *, data: Path | None = None, seed: int = 1, out: Path, job: Path | None = None,
    useful_s: float = USEFUL_S, slack_s: float = SLACK_S, as_json: bool = False,
) -> DemoResult:  # fmt: skip
    """Play the demo and return what it came to.

    Args:
        data: Folder of recorded history; None takes the embedded, synthetic market.
        seed: Changes market, ranking, window and kills.
        out: Folder for the report and everything behind it; a former demo's is cleared.
        job: Job file; by default the example that fits the market.
        useful_s: Real seconds of work that stand for the job's useful hours.
        slack_s: Real seconds that a rehearsal of the window may take beyond them.
        as_json: Keep standard output free: show everything on standard error.

    Raises:
        ImpossibleInput: `out` holds something else.
        EnvironmentTrouble: The service or the trainer does not run here.
    """
    began = time.monotonic()
    screen = Screen(_console(as_json))
    clear(out)
    job = job or example(SYNTHETIC_JOB if data is None else RECORDED_JOB)
    with served(out / "market.duckdb") as client, Standby() as standby:
        demo = Demo(client, screen, standby, out=out, seed=seed)
        demo.market(data)
        stand_in = demo.stand_in(job, useful_s)
        window = demo.window(stand_in, slack_s)
        written = demo.rank(job, window)
        followed, run_id, sha256 = demo.train(stand_in, window)
        report = demo.report(run_id, written, followed, stand_in, window, sha256)
    result = DemoResult(
        report=report, page=write(report, out), seed=seed, seconds=time.monotonic() - began,
        compression=stand_in.compression, steps=stand_in.steps, window=window,
    )  # fmt: skip
    screen.say(f"The report is {result.page}. The demo took {result.seconds:.0f} s.")
    return result


def _console(as_json: bool) -> Console:
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = 120  # A log file has no width of its own.
    return console


class Demo:
    """The parts of the demo, in their order.

    Args:
        client: The service.
        screen: The terminal.
        standby: Starts trainers.
        out: The demo's folder.
        seed: Changes everything that is drawn.
    """

    def __init__(self, client: Client, screen: Screen, standby: Standby, *, out: Path, seed: int) -> None:
        self._client, self._screen, self._out, self._seed = client, screen, out, seed
        self._standby = standby
        self._market = ""
        self._records: Records

    def market(self, data: Path | None) -> None:
        """Collect the market's history."""
        self._screen.synthetic = data is None
        self._market = (
            f"Synthetic market of seed {self._seed}: drawn by a generator calibrated on published figures, "
            "not recorded anywhere."
            if data is None
            else f"Recorded history in {data}."
        )
        self._screen.heading("The market")
        self._screen.say(self._market)
        with self._screen.line("reading the history into the store"):
            reports = collect(self._client, data, self._seed)
        self._screen.console.print(tables.ingest_renderable(reports))
        status = self._client.status()
        self._screen.synthetic = status["synthetic"]
        last = datetime.fromisoformat(status["span"]["last"])
        self._records = Records(self._client, last)

    def stand_in(self, job: Path, useful_s: float) -> StandIn:
        """Measure the trainer here and set up the job that it stands in for."""
        self._screen.heading("The stand-in: what this machine can train in a minute")
        with self._screen.line("timing steps, saves and restarts"):
            measured = measure(
                self._out / "measure", starter=self._standby.start, beside=self._standby.start_behind
            )
        spec = read_spec(job).model_dump(mode="json", exclude_none=True)
        found = make_stand_in(spec, measured, useful_s)
        self._screen.say(found.sentence())
        return found

    def window(self, stand_in: StandIn, slack_s: float) -> Window:
        """Choose the stretch of history that is replayed."""
        self._screen.heading("The stretch of history to replay")
        longest_s = stand_in.steps * stand_in.measured.step_s + slack_s
        with self._screen.line("rehearsing possible starts") as line:
            window = choose_window(
                self._client, stand_in.spec, self._records,
                useful=stand_in.useful, restart=stand_in.restart,
                longest=timedelta(seconds=longest_s * stand_in.compression), seed=self._seed,
                told=lambda done, total: line.at(done, f"ranking {done} of {total} along history"),
            )  # fmt: skip
        self._screen.say(f"It starts {fmt.instant(window.start_at)}. {window.sentence()}")
        return window

    def rank(self, job: Path, window: Window) -> dict[str, Any]:
        """Rank the pools for the job as its file says it, as of the start."""
        self._screen.heading(f"Where to run {job.stem}, as of {fmt.instant(window.start_at)}")
        found = self._client.recommend(read_spec(job), as_of=window.start_at, seed=self._seed)
        (self._out / "recommendation.json").write_text(json.dumps(found, indent=2) + "\n")
        self._screen.console.print(tables.recommendation_renderable(found))
        return found

    def train(self, stand_in: StandIn, window: Window) -> tuple[dict[str, Any], str, str | None]:
        """Train the stand-in under the replayed market, and beside it a run that is left alone.

        Returns:
            The recommendation that was followed, the run, and the hash of the uninterrupted weights.
        """
        self._screen.heading("Training, while the market takes machines back")
        followed = self._client.recommend(stand_in.spec, as_of=window.start_at, seed=self._seed)
        best = followed["options"][0]
        self._screen.say(
            f"With this machine's overheads the first choice is {best['pool_id']}: cost "
            f"{fmt.spread_usd(best['cost_usd'])}, done after {fmt.spread_hours(best['finish_hours'])}, "
            f"a save every {fmt.seconds(best['interval_s'])}."
        )
        self._screen.say(
            f"Notice is best effort: of five strikes at work three come without (SIGKILL), two with "
            f"{NOTICE_S:g} real seconds ahead (SIGTERM)."
        )
        words = options(stand_in.steps, self._seed)
        save_every_s = best["interval_s"] / stand_in.compression
        with (
            reference(
                self._out / "reference", words, save_every_s=save_every_s, starter=self._standby.start_behind
            ) as left_alone,
            self._screen.line("training", total=stand_in.steps) as line,
        ):
            clock = RunClock(
                market_origin_at=window.start_at,
                wall_origin_at=datetime.now(UTC),
                compression=stand_in.compression,
            )
            cloud = ReplayCloud(self._records.of, clock=clock, seed=self._seed)
            launcher = Launcher(
                self._client,
                cloud,
                LocalExecutor(words, starter=self._standby.start),
                clock=clock,
                room=self._out,
                watch=Teller(line, stand_in.steps),
            )
            outcome = launcher.run(followed["recommendation_id"])
            line.at(stand_in.steps, "waiting for the uninterrupted run")
            return followed, outcome.run_id, left_alone.finish()

    def report(
        self, run_id: str, written: dict[str, Any], followed: dict[str, Any], stand_in: StandIn,
        window: Window, reference_sha256: str | None,
    ) -> Report:  # fmt: skip
        """Compare what was predicted with what the stored events say."""
        self._screen.heading("Predicted against realised")
        report = build(
            self._client, run_id, written=written, followed=followed, market=self._market,
            synthetic=self._screen.synthetic, reference_sha256=reference_sha256,
            assumptions=assumptions(stand_in, window),
        )  # fmt: skip
        head = ("", "Predicted, P50", "P10 to P90", "Realised", "")
        rows = [(row.name, row.predicted, row.interval, row.realised, row.verdict) for row in report.rows]
        self._screen.table(head, rows, numbers=(1, 2, 3))
        found, proof = report.strikes, report.proof
        self._screen.say(found.sentence())
        self._screen.say(f"Weights of the struck run         {proof.struck_sha256}")
        self._screen.say(f"Weights of the uninterrupted run  {proof.reference_sha256}")
        self._screen.say(proof.sentence())
        return report
