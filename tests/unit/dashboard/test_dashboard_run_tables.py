"""Runs as tables: realised against predicted, and a saving that counts only what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboard import run_tables

Run = dict[str, Any]


def test_a_quantity_stands_where_it_came_out_in_its_interval(done: Run) -> None:
    # By hand: cost 318.47 in 298.56 – 310.72 is (318.47 - 298.56) / 12.16 = 1.637 interval widths.
    rows = run_tables.compared_frame(done).set_index("quantity")
    assert rows["place"]["Cost"] == pytest.approx(1.637, abs=1e-3)
    assert rows["verdict"]["Cost"] == "outside P10 – P90"
    # 45.2 h in 41.0 – 47.6 h is 4.2 / 6.6 = 0.636.
    assert rows["place"]["Start to done"] == pytest.approx(0.636, abs=1e-3)
    assert rows["verdict"]["Start to done"] == "inside P10 – P90"


def test_far_outside_stands_at_the_edge_and_its_words_say_how_far(done: Run) -> None:
    done["realised"]["lost_work_hours"] = 90.0
    row = run_tables.compared_frame(done).set_index("quantity").loc["Lost work"]
    assert row["place"] == 1 + run_tables.EDGE
    assert row["text"].startswith("90.0 h, predicted")


def test_a_prediction_without_spread_is_left_to_the_table(done: Run) -> None:
    done["predicted"]["preemptions"] = {"mean": 0.0, "p10": 0.0, "p50": 0.0, "p90": 0.0}
    assert "Preemptions" not in set(run_tables.compared_frame(done)["quantity"])
    assert "Preemptions" in set(run_tables.compared_table(done)["Quantity"])


def test_what_was_never_realised_is_not_compared(done: Run) -> None:
    done["realised"]["effective_usd_per_gpu_hour"] = None
    assert "Effective price" not in set(run_tables.compared_table(done)["Quantity"])


def test_the_comparison_gives_every_quantile(done: Run) -> None:
    row = run_tables.compared_table(done).set_index("Quantity").loc["Cost"]
    assert list(row) == ["$304.00", "$298.56", "$303.04", "$310.72", "$318.47", "outside P10 – P90"]


def test_a_saving_is_baseline_minus_paid_to_the_cent(done: Run) -> None:
    # By hand: 979.20 - 318.47 = 660.73, and 660.73 / 979.20 = 67.48 %.
    found = run_tables.savings([done])
    assert found.saved_usd == Decimal("660.73")
    assert found.share == pytest.approx(0.6748, abs=1e-4)


def test_ten_cents_ten_times_are_a_dollar(done: Run) -> None:
    done["realised"].update(cost_usd=0.1, on_demand_cost_usd=0.2)
    assert run_tables.savings([done] * 10).paid_usd == Decimal("1.0")


def test_every_run_is_counted_or_left_out_with_a_reason(done: Run, live: Run) -> None:
    found = run_tables.savings([done, live])
    assert [run["run_id"] for run in found.counted] == [done["run_id"]]
    assert found.left_out == ((live["run_id"], "not done; its cost is not final"),)


@pytest.mark.parametrize(
    ("field", "reason"),
    [("on_demand_cost_usd", "no on-demand price known"), ("cost_usd", "no price was recorded")],
)
def test_a_run_of_unknown_money_is_left_out_and_not_taken_as_zero(done: Run, field: str, reason: str) -> None:
    done["realised"][field] = None
    found = run_tables.savings([done])
    assert not found.counted
    assert found.share is None
    assert reason in found.left_out[0][1]


def test_a_run_dearer_than_on_demand_saves_a_negative_amount(done: Run) -> None:
    done["realised"]["cost_usd"] = 1000.0
    assert run_tables.savings([done]).saved_usd == Decimal("-20.8")
    assert run_tables.savings_table([done])["Saved"].iloc[0] == "-$20.80"


def test_a_timeline_has_one_lane_per_attempt_and_its_hours(done: Run) -> None:
    frame = run_tables.timeline_frame(done)
    assert list(frame["lane_name"].unique())[1] == "2  aws name:us-east-1c · p3.16xlarge · spot"
    assert frame[frame["kind"] == "lost"]["hours"].sum() == pytest.approx(1.8)


def test_an_attempt_that_never_began_leaves_no_empty_lane(done: Run) -> None:
    done["timeline"] = [stretch for stretch in done["timeline"] if stretch["attempt"] != 2]
    frame = run_tables.timeline_frame(done)
    assert dict(zip(frame["lane"], frame["attempt"], strict=True)) == {1: 1, 2: 3}


def test_the_table_of_a_timeline_gives_the_hours_of_each_kind(done: Run) -> None:
    # By hand, attempt 1: three runs of 4.4 h and one of .4 h, three saves of .1 h, .9 h lost.
    row = run_tables.timeline_table(done).iloc[0]
    assert (row["Run"], row["Save"], row["Lost work"]) == ("13.6 h", "18 min", "54 min")
    assert (row["From"], row["Until"]) == ("2024-03-01 12:00 UTC", "2024-03-02 03:00 UTC")


def replayed(steps: int, pause_s: float) -> Run:
    """A run of hour-long steps with a pause between each two."""
    began, stretches = datetime(2024, 3, 1, tzinfo=UTC), []
    for step in range(steps):
        at = began + step * timedelta(hours=1, seconds=pause_s)
        until = at + timedelta(hours=1)
        pause = until + timedelta(seconds=pause_s)
        for kind, start, end in (("run", at, until), ("idle", until, pause)):
            stretch = {"attempt": 1, "pool_id": "a/b/-/c/spot", "kind": kind}
            stretches.append({**stretch, "from_at": start.isoformat(), "until_at": end.isoformat()})
    return {"timeline": stretches}


def test_blinks_between_steps_are_joined_in_the_drawing_alone() -> None:
    run = replayed(steps=50, pause_s=1.0)
    assert len(run_tables.drawable(run_tables.timeline_frame(run))) == 1
    assert run_tables.timeline_table(run)["Billed, not working"].iloc[0] == "50 s"


def test_a_pause_that_can_be_seen_is_drawn() -> None:
    drawn = run_tables.drawable(run_tables.timeline_frame(replayed(steps=5, pause_s=600.0)))
    assert list(drawn["kind"]) == ["run", "idle"] * 5


def test_joining_keeps_the_span_of_a_run(done: Run) -> None:
    whole = run_tables.timeline_frame(done)
    drawn = run_tables.drawable(whole)
    assert drawn["from_at"].min() == whole["from_at"].min()
    assert drawn["until_at"].max() == whole["until_at"].max()
    assert drawn["hours"].sum() == pytest.approx(whole["hours"].sum())


def test_a_run_without_events_has_an_empty_timeline(done: Run) -> None:
    done["timeline"] = []
    assert run_tables.timeline_frame(done).empty


def test_waiting_before_any_pool_is_a_lane_without_a_pool(done: Run) -> None:
    done["timeline"][0]["pool_id"] = None
    assert run_tables.timeline_frame(done)["lane_name"].iloc[0] == "1  no pool"


def test_the_list_names_state_and_newest_pool(done: Run) -> None:
    row = run_tables.runs_table([{**done, "pool_id": None, "attempt": None}]).iloc[0]
    assert (row["State"], row["Attempt"], row["Newest pool"]) == ("done", "–", "–")
