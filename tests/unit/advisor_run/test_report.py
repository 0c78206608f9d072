"""The report says what the stored events say, needs nothing but itself, and names a synthetic market."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from advisor.report import Proof, Report, table, to_html
from advisor.report_charts import Choice, cost_over_time, progress, ranking, short, timeline
from advisor.report_data import Course, choices, compared, strikes
from advisor.report_svg import ticks

WALL = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARKET = datetime(2023, 3, 1, tzinfo=UTC)
SPOT = "aws/us-west-2/name:us-west-2a/p3.2xlarge/spot"
OTHER = "aws/us-west-2/name:us-west-2b/p3.2xlarge/spot"


def event(second: float, attempt: int, node: str, kind: str, **fields) -> dict:
    at = (WALL + timedelta(seconds=second)).isoformat()
    return {"at": at, "attempt": attempt, "node": node, "event": kind, **fields}


# One real second is one market hour. Steps take a second. Saved after step 2, killed in step 4,
# restored to 2 elsewhere, and done with step 5 at hour 12.
EVENTS = [
    event(0, 1, "launcher", "started", pool_id=SPOT),
    *(event(1 + n, 1, "0", "step", step=n, seconds=1.0) for n in (1, 2, 3)),
    event(5, 1, "launcher", "preempted", pool_id=SPOT, with_notice=False, signal="SIGKILL", phase="step"),
    event(5, 1, "launcher", "ended", reason="preempted", weights_sha256=None),
    event(6, 2, "launcher", "started", pool_id=OTHER),
    event(8, 2, "0", "restored", step=2, seconds=0.5),
    *(event(6 + n, 2, "0", "step", step=n, seconds=1.0) for n in (3, 4, 5)),
    event(12, 2, "launcher", "ended", reason="done", weights_sha256="cafe"),
]  # fmt: skip


def spread(p10: float, p50: float, p90: float) -> dict:
    return {"mean": p50, "p10": p10, "p50": p50, "p90": p90}


def option(pool_id: str, rank: int, p50: float = 1.0) -> dict:
    return {
        "rank": rank, "pool_id": pool_id, "provider": "aws", "nodes": 1,
        "capacity_type": pool_id.rsplit("/", 1)[1],
        "effective_usd_per_gpu_hour": spread(p50 / 2, p50, 2 * p50), "cost_usd": spread(8, 10, 12),
        "finish_hours": spread(9, 10, 11), "billed_hours": spread(9, 10, 11),
        "lost_work_hours": spread(0, 0.5, 0.8), "preemptions": spread(0, 1, 3), "saving": 0.7,
        "price": {"usd_per_hour": 0.918, "label": "list price, not recorded"}, "p_deadline": 0.99,
        "hazard": {"per_hour": 0.2, "evidence": "probes"}, "reasons": ["It is the <cheapest>."],
    }  # fmt: skip


RUN = {
    "run_id": "run-1",
    "name": "tiny",
    "opened_at": WALL.isoformat(),
    "clock": {
        "market_origin_at": MARKET.isoformat(), "wall_origin_at": WALL.isoformat(), "compression": 3600.0,
    },
    "timeline": [
        {"attempt": 1, "pool_id": SPOT, "kind": "run", "from_at": (MARKET + timedelta(hours=1)).isoformat(),
         "until_at": (MARKET + timedelta(hours=3)).isoformat()},
    ],
    "predicted": option(SPOT, 1),
    "realised": {
        "cost_usd": 13.0, "effective_usd_per_gpu_hour": 2.6, "wall_hours": 10.5, "billed_hours": 8.0,
        "lost_work_hours": 0.5, "preemptions": 1, "preemptions_with_notice": 0, "saving": None,
        "on_demand_cost_usd": None, "useful_hours": 5.0,
    },
}  # fmt: skip
RECOMMENDATION = {
    "options": [option(SPOT, 1), option(OTHER, 2)], "rejected": [], "figures": [],
    "as_of": MARKET.isoformat(), "recommendation_id": "rec-1", "code_version": "0",
    "sources": ["spot-traces"],
}  # fmt: skip


def page(*, synthetic: bool = False, events=EVENTS, reference: str | None = "cafe") -> str:
    course = Course(RUN, events)
    losses = course.losses()
    charts = (
        timeline(course.spans(), losses), progress(course.steps(), losses),
        cost_over_time(course.paid(lambda *_: 5.0), [(0.0, 0.0), (5.0, 15.0)], (8, 10, 12), losses),
        ranking(choices(RECOMMENDATION, [SPOT])),
    )  # fmt: skip
    return to_html(
        Report(
            title="tiny", market="Recorded.", synthetic=synthetic, recommendation=RECOMMENDATION, run=RUN,
            rows=tuple(compared(RUN)), strikes=strikes(events), charts=charts,
            assumptions=(("Time", "Fast."),),
            proof=Proof(struck_sha256="cafe", reference_sha256=reference),
        )
    )  # fmt: skip


def test_a_realised_figure_is_placed_against_its_interval():
    verdicts = {row.name: row.verdict for row in compared(RUN)}
    # Cost 13 over P90 12; billed 8 under P10 9; 10.5 h within 9 to 11.
    assert verdicts["Cost"] == "above"
    assert verdicts["Billed time"] == "below"
    assert verdicts["Start to done"] == "inside"


def test_an_unknown_realised_figure_is_a_dash_and_not_zero():
    saving = next(row for row in compared(RUN) if row.name.startswith("Saving"))
    assert (saving.predicted, saving.realised) == ("70.0 %", "–")


def test_strikes_are_counted_by_signal_and_by_what_they_hit():
    def lost(signal, phase):
        return event(
            1, 1, "launcher", "preempted", pool_id=SPOT, with_notice=False, signal=signal, phase=phase
        )

    found = strikes(
        [
            lost("SIGKILL", "step"),
            lost("SIGKILL", "boot"),
            lost("SIGTERM", "save"),
            lost("SIGTERM", "restore"),
        ]
    )
    assert (found.sigkill, found.sigterm) == (2, 2)
    assert (found.sigkill_at_work, found.sigterm_at_work) == (1, 1)
    assert (found.mid_step, found.mid_save, found.in_boot) == (1, 1, 2)


def test_losses_and_bills_are_on_the_markets_clock():
    course = Course(RUN, EVENTS)
    (loss,) = course.losses()
    # Killed 5 real seconds in, with 3 steps completed: hour 5.
    assert (loss.at_h, loss.step, loss.signal) == (5.0, 3, "SIGKILL")
    assert [(pool, (until - start) / timedelta(hours=1)) for pool, start, until in course.bills()] == [
        (SPOT, 5.0), (OTHER, 6.0),
    ]  # fmt: skip


def test_cost_over_time_adds_up_what_each_machine_was_billed():
    paid = Course(RUN, EVENTS).paid(lambda pool, start, until: (until - start) / timedelta(hours=1))
    # 5 h and 6 h at one dollar: 5 by hour 5, nothing until hour 6, 11 by hour 12.
    assert paid == [(0, 0), (0, 0), (5, 5), (6, 5), (12, 11)]


def test_the_report_changes_when_an_event_is_taken_away():
    without = [each for each in EVENTS if each["event"] != "preempted"]
    assert page() != page(events=without)
    assert "Struck 1 times" in page()
    assert "Struck 0 times" in page(events=without)


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_synthetic_market_is_named_in_title_head_and_foot(synthetic):
    found = page(synthetic=synthetic)
    assert found.count("synthetic") == (3 if synthetic else 0)


def test_the_page_needs_nothing_but_itself():
    found = page()
    assert not re.search(r"<script|https?://|@import|url\((?!#)|<link|<img", found)
    assert "prefers-color-scheme: dark" in found


def test_what_others_wrote_is_escaped():
    assert "It is the &lt;cheapest&gt;." in page()
    assert table(["a"], [["<b>"]]).count("&lt;b&gt;") == 1


def test_every_chart_has_its_table():
    found = page()
    assert found.count("<svg") == 4
    assert found.count("The same as a table") == 4


def test_unequal_weights_are_said_loudly():
    assert "bit for bit" in page()
    assert "NOT EQUAL" in page(reference="beef")
    assert "NOT EQUAL" in page(reference=None)


def test_two_unknown_hashes_are_not_equal():
    assert not Proof(struck_sha256=None, reference_sha256=None).equal


def test_a_pools_short_name_keeps_place_and_kind():
    assert short(SPOT) == "us-west-2a p3.2xlarge"
    assert short("gcp/us-central1/-/a3-highgpu-8g/on_demand") == "us-central1 a3-highgpu-8g on-demand"


def test_ticks_are_round_and_within():
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.5, 0.5) == [0.5]
    assert all(0.13 <= value <= 0.29 for value in ticks(0.13, 0.29))


def test_one_ranked_pool_with_no_spread_can_be_drawn():
    choice = Choice(rank=1, pool_id=SPOT, p10=1.0, p50=1.0, p90=1.0, ran=True)
    assert "<svg" in ranking([choice]).svg
