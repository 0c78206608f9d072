"""Charts as specifications: what stands where, and that no mark is told apart by colour alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dashboard import charts, palette, run_charts, run_tables, tables

Answer = dict[str, Any]


def layers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every leaf layer of a chart."""
    for layer in spec.get("layer", ()):
        yield from layers(layer)
    if "mark" in spec:
        yield spec


def marks(chart: Any, kind: str) -> list[dict[str, Any]]:
    return [layer for layer in layers(chart.to_dict()) if layer["mark"]["type"] == kind]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ink", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_every_colour_can_be_seen_on_its_paper(ink: palette.Ink) -> None:
    for name in ("baseline", "blue", "vermillion", "green", "purple"):
        assert contrast(getattr(ink, name), ink.paper) >= 3.0, name
    assert contrast(ink.text, ink.paper) >= 4.5


def test_black_on_white_has_the_contrast_the_standard_gives() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)


def test_an_unknown_theme_is_read_on_light_paper() -> None:
    assert palette.ink(None) is palette.LIGHT
    assert palette.ink("dark") is palette.DARK


def test_an_interval_runs_from_p10_to_p90_with_its_dot_at_the_mean(ranking: Answer) -> None:
    chart = charts.intervals(tables.options_frame(ranking["options"]), palette.LIGHT)
    (line,) = marks(chart, "rule")
    assert line["encoding"]["x"]["field"] == "effective_p10"
    assert line["encoding"]["x2"]["field"] == "effective_p90"
    assert {dot["encoding"]["x"]["field"] for dot in marks(chart, "point")} == {"effective_mean"}


def test_a_borrowed_hazard_is_a_hollow_dot(ranking: Answer) -> None:
    chart = charts.intervals(tables.options_frame(ranking["options"]), palette.LIGHT)
    known, hollow = marks(chart, "point")
    assert known["mark"]["filled"] is True
    assert hollow["mark"]["fill"] == palette.LIGHT.paper
    assert hollow["transform"] == [{"filter": "datum.borrowed"}]


def test_spot_and_on_demand_differ_in_shape_as_well_as_colour(ranking: Answer) -> None:
    chart = charts.cost_and_finish(tables.options_frame(ranking["options"]), palette.DARK, 60.0)
    scale = marks(chart, "point")[0]["encoding"]["shape"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "spot": "circle",
        "on-demand": "square",
    }


def test_the_cross_of_an_option_is_both_its_intervals(ranking: Answer) -> None:
    chart = charts.cost_and_finish(tables.options_frame(ranking["options"]), palette.LIGHT, None)
    across, upward = marks(chart, "rule")
    assert (across["encoding"]["x"]["field"], across["encoding"]["x2"]["field"]) == (
        "finish_p10",
        "finish_p90",
    )
    assert (upward["encoding"]["y"]["field"], upward["encoding"]["y2"]["field"]) == ("cost_p10", "cost_p90")


def test_a_deadline_is_a_dashed_line_with_its_word_and_is_absent_without_one(ranking: Answer) -> None:
    frame = tables.options_frame(ranking["options"])
    with_one = charts.cost_and_finish(frame, palette.LIGHT, 60.0)
    assert any(rule["mark"].get("strokeDash") for rule in marks(with_one, "rule"))
    assert any(text["encoding"]["text"]["field"] == "text" for text in marks(with_one, "text"))
    assert not any(
        r["mark"].get("strokeDash") for r in marks(charts.cost_and_finish(frame, palette.LIGHT, None), "rule")
    )


def test_stacked_parts_come_in_the_order_of_their_legend(ranking: Answer) -> None:
    frame = tables.parts_frame(ranking["options"])
    (bars,) = marks(charts.parts(frame, palette.LIGHT), "bar")
    assert bars["encoding"]["color"]["scale"]["domain"] == [
        "Price",
        "Saves",
        "Preemptions",
        "Data and storage",
    ]
    assert bars["encoding"]["order"]["field"] == "order"
    assert bars["mark"]["stroke"] == palette.LIGHT.paper  # A gap between neighbours, for eyes without colour.


def test_a_chart_draws_one_option_whose_interval_is_a_point(ranking: Answer) -> None:
    option = ranking["options"][0]
    option["effective_usd_per_gpu_hour"] = dict.fromkeys(("mean", "p10", "p50", "p90"), 1.0)
    chart = charts.intervals(tables.options_frame([option]), palette.LIGHT)
    low, high = marks(chart, "point")[0]["encoding"]["x"]["scale"]["domain"]
    assert low < 1.0 < high


def test_kinds_of_time_differ_in_height_hatching_and_dash(done: Answer) -> None:
    chart = timeline(done)
    places = [(top, bottom) for kind, (_, _, top, bottom) in run_charts.KINDS.items() if kind != "lost"]
    assert len(set(places)) == len(places)
    assert any(rule["mark"].get("strokeDash") for rule in marks(chart, "rule"))  # Waiting.
    hatches = next(rule for rule in marks(chart, "rule") if "y2" in rule["encoding"])
    assert hatches["encoding"]["x2"]["field"] == "x2"
    legend = marks(chart, "rect")[0]["encoding"]["color"]["scale"]["domain"]
    assert "lost work (hatched)" in legend


def test_every_kind_has_a_mark_in_the_chart_and_a_column_in_the_table() -> None:
    assert set(run_charts.KINDS) == set(run_tables.KINDS)


def test_hatching_lies_inside_the_lost_work(done: Answer) -> None:
    frame = run_tables.timeline_frame(done)
    lost = frame[frame["kind"] == "lost"]
    drawn = [rows for rows in timeline(done).to_dict()["datasets"].values() if rows and "x2" in rows[0]]
    (hatches,) = drawn
    # By hand: .9 h + .9 h lost of 45.2 h, 110 lines across the whole: 2.2 + 2.2, each begun is drawn.
    assert len(hatches) == 6
    assert max(line["x2"] for line in hatches) <= lost["until_at"].max().isoformat()


def test_a_run_that_lost_nothing_has_no_hatching(done: Answer) -> None:
    done["timeline"] = [stretch for stretch in done["timeline"] if stretch["kind"] != "lost"]
    assert not any(rows and "x2" in rows[0] for rows in timeline(done).to_dict()["datasets"].values())


def test_every_lane_is_named_however_many_there_are(done: Answer) -> None:
    stretch = done["timeline"][0]
    done["timeline"] = [{**stretch, "attempt": attempt} for attempt in range(1, 41)]
    axis = marks(timeline(done), "rect")[0]["encoding"]["y"]["axis"]
    assert axis["tickCount"] == len(axis["values"]) == 40


def timeline(run: Answer) -> Any:
    return run_charts.timeline(run_tables.drawable(run_tables.timeline_frame(run)), palette.LIGHT)


def test_outside_the_prediction_is_a_diamond_and_inside_a_circle(done: Answer) -> None:
    (mark,) = marks(run_charts.compared(run_tables.compared_frame(done), palette.LIGHT), "point")
    scale = mark["encoding"]["shape"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "inside P10 – P90": "circle", "outside P10 – P90": "diamond",
    }  # fmt: skip


def test_on_demand_is_a_dashed_outline_around_what_was_paid(done: Answer) -> None:
    chart = run_charts.savings(run_tables.savings_frame([done]), palette.LIGHT)
    outline, paid = marks(chart, "bar")
    assert outline["mark"]["strokeDash"]
    assert outline["encoding"]["x"]["field"] == "on_demand"
    assert paid["encoding"]["x"]["field"] == "paid"
