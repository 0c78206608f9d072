"""Were we right, as a page shows it: numbers with intervals, a chart with its table, or what to type."""

from __future__ import annotations

from dashboard import quality
from dashboard.palette import DARK, LIGHT

FIGURE = {
    "figure": "brier", "unit": "per forecast", "better": "lower", "pool_id": None, "horizon_hours": 1.0,
    "baseline": "climatology", "value": 0.1201, "low": 0.1089, "high": 0.1324, "n": 13401, "days": 16,
    "baseline_value": 0.1954, "apart_low": -0.09, "apart_high": -0.06,
}  # fmt: skip
BIN = {
    "horizon_hours": 1.0, "forecast": "ours", "low": 0.2, "high": 0.3, "count": 120, "chance": 0.25,
    "came": 0.3, "came_low": 0.2, "came_high": 0.4,
}  # fmt: skip
UNUSED = {**BIN, "low": 0.3, "count": 0, "chance": None, "came": None, "came_low": None, "came_high": None}


def row(**changes):
    (found,) = quality.figures_table([{**FIGURE, **changes}]).to_dict("records")
    return found


def test_a_figure_is_shown_with_interval_baseline_verdict_and_what_it_rests_on():
    assert row() == {
        "Figure": "Brier score 1 h ahead, per forecast",
        "Ours (90 %)": "0.1201 (0.1089 – 0.1324)",
        "Baseline": "climatology 0.1954",
        "Against it": "better",
        "Rests on": "13,401 on 16 days",
    }


def test_better_is_said_only_where_the_interval_of_the_difference_says_so():
    assert row(apart_high=0.01)["Against it"] == "no difference shown"
    assert row(apart_low=0.01, apart_high=0.02)["Against it"] == "worse"
    assert row(better="higher", apart_low=0.01, apart_high=0.02)["Against it"] == "better"
    assert row(apart_low=None, apart_high=None)["Against it"] == "–"
    assert row(better="nominal")["Against it"] == "–"


def test_an_empty_bin_is_no_dot_and_no_row():
    baseline = {**BIN, "forecast": "climatology"}
    assert len(quality.calibration_frame([BIN, UNUSED, baseline])) == 1
    (said,) = quality.calibration_table([BIN, UNUSED, baseline]).to_dict("records")
    assert said == {"Ahead": "1 h", "We said": "25 %", "It came": "30 % (20 % – 40 %)", "Times": "120"}


def test_the_chart_draws_on_both_papers_and_tells_horizons_apart_by_shape():
    frame = quality.calibration_frame([BIN, {**BIN, "horizon_hours": 24.0}])
    for ink in (LIGHT, DARK):
        drawn = quality.calibration(frame, ink).to_dict()
        assert drawn["layer"][2]["encoding"]["shape"]["field"] == "horizon"
        assert drawn["layer"][0]["mark"]["strokeDash"]
