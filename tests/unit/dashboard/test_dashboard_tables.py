"""A ranking as tables: every number with its interval, every unknown with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.answers import PartsOut
from dashboard import charts, tables, words

Answer = dict[str, Any]


def test_the_ranking_gives_each_prediction_with_its_interval(ranking: Answer) -> None:
    best = tables.ranking_table(ranking["options"]).iloc[0]
    assert best["Pool"] == "aws name:us-east-1a · p3.16xlarge · spot"
    assert best["USD per useful GPU-hour"] == "$0.950 ($0.933 – $0.971)"
    assert best["Cost, USD"] == "$304.00 ($298.56 – $310.72)"
    assert best["Done after"] == "43.0 h (41.0 h – 47.6 h)"
    assert best["Deadline met"] == "97 %"


def test_a_list_price_is_named_as_one(ranking: Answer) -> None:
    table = tables.ranking_table(ranking["options"])
    assert table["Price"].iloc[0] == "$7.34/h, list price, not recorded"
    assert table["Hazard"].iloc[3] == "0.09/h, 31 in 402 h, borrowed"


def test_an_unknown_saving_and_deadline_are_dashes_with_a_reason(ranking: Answer) -> None:
    option = {**ranking["options"][0], "saving": None, "p_deadline": None}
    row = tables.ranking_table([option]).iloc[0]
    assert row["Saving"] == "– no on-demand price known"
    assert row["Deadline met"] == "– no deadline stated"


def test_a_soft_deadline_says_how_late_an_option_is_and_what_that_counts(ranking: Answer) -> None:
    spread = {"mean": 1.5, "p10": 0.0, "p50": 0.0, "p90": 4.0}
    late = {**ranking["options"][0], "p_deadline": 0.4, "late_hours": spread, "late_usd": 30.0}
    row = tables.ranking_table([late]).iloc[0]
    assert row["Deadline met"] == "40 %; 90 min late on average, counted $30.00"
    never = {**late, "p_deadline": 1.0, "late_hours": {**spread, "mean": 0.0}, "late_usd": 0.0}
    assert tables.ranking_table([never]).iloc[0]["Deadline met"] == "100 %; never late"


def test_the_parts_of_an_option_add_up_to_its_price(ranking: Answer) -> None:
    # By hand, rank 1: .918 + .009 + .013 + .006 + .004 = .950.
    frame = tables.parts_frame(ranking["options"])
    first = frame[frame["label"] == "1  aws name:us-east-1a"]
    assert first["usd"].sum() == pytest.approx(0.950, abs=1e-9)
    assert first.set_index("part")["usd"]["Preemptions"] == pytest.approx(0.013 + 0.006)


def test_every_part_of_the_contract_has_a_group_and_a_word(ranking: Answer) -> None:
    grouped = {name for names in tables.PART_GROUPS.values() for name in names}
    assert grouped == set(PartsOut.model_fields) == set(words.PARTS)
    assert set(tables.PART_GROUPS) == set(charts.PARTS)
    assert set(ranking["options"][0]["parts"]) <= grouped
    assert {"Egress", "Lost work done again", "Sum"} <= set(tables.parts_table(ranking["options"]).columns)


def test_a_refund_is_shown_below_zero_and_the_parts_still_sum(ranking: Answer) -> None:
    # By hand: .918 + .009 + .013 + .006 + .002 + .004 = .952, refunds of .020: .932.
    parts = {**ranking["options"][0]["parts"], "notice": 0.002, "refund": -0.02}
    refunded = {**ranking["options"][0], "parts": parts}
    frame = tables.parts_frame([refunded, ranking["options"][1]])
    first = frame[frame["label"] == "1  aws name:us-east-1a"].set_index("part")
    assert first["usd"]["Preemptions"] == pytest.approx(0.013 + 0.006 + 0.002)
    assert first["usd"]["Refunds"] == -0.02
    assert first["usd"].sum() == pytest.approx(0.932, abs=1e-9)
    assert first["reach"].iloc[0] == pytest.approx(0.952, abs=1e-9)
    assert set(first["total_text"]) == {"$0.932"}
    row = tables.parts_table([refunded]).iloc[0]
    assert (row["Between notice and loss"], row["Refunds"], row["Sum"]) == ("$0.0020", "-$0.0200", "$0.9320")


def test_an_answer_older_than_a_part_has_none_of_it(ranking: Answer) -> None:
    assert "refund" not in ranking["options"][0]["parts"]
    assert tables.parts_table(ranking["options"]).iloc[0]["Sum"] == "$0.9500"
    assert "Refunds" not in set(tables.parts_frame(ranking["options"])["part"])


def test_a_group_that_costs_nothing_anywhere_is_not_drawn(ranking: Answer) -> None:
    assert "Waiting, late, on-demand share" not in set(tables.parts_frame(ranking["options"])["part"])


def test_a_chart_always_has_an_on_demand_row_to_compare_with(ranking: Answer) -> None:
    assert [option["rank"] for option in tables.drawn(ranking["options"], 2)] == [1, 2, 5]
    assert [option["rank"] for option in tables.drawn(ranking["options"], 9)] == [1, 2, 3, 4, 5]


def test_costs_come_with_every_quantile_and_the_moment(ranking: Answer) -> None:
    row = tables.cost_table(ranking["options"]).iloc[0]
    assert (row["Cost P10"], row["Cost P50"], row["Cost P90"]) == ("$298.56", "$303.04", "$310.72")
    assert row["Done P90"] == "2024-03-03 11:36 UTC"  # 12:00 on 1 March and 47.6 hours.


def test_rejected_pools_are_told_with_the_rule_and_why(ranking: Answer) -> None:
    table = tables.rejected_table(ranking["rejected"])
    assert list(table["Rule"]) == ["deny_regions", "exposure", "price"]
    assert "a hazard needs 48 h" in table["Why"].iloc[1]


def test_nothing_rejected_is_an_empty_table_with_its_columns() -> None:
    assert list(tables.rejected_table([]).columns) == ["Pool", "Rule", "Why"]


def test_a_deadline_is_hours_from_as_of_however_it_was_stated(ranking: Answer) -> None:
    job = ranking["spec"]["job"]
    assert tables.deadline_hours(ranking) == 60.0
    job["deadline_hours"], job["deadline_at"] = None, "2024-03-02T00:00:00Z"
    assert tables.deadline_hours(ranking) == 12.0  # From noon of the day before.
    job["deadline_at"] = None
    assert tables.deadline_hours(ranking) is None


def test_shipped_figures_keep_their_source_and_date(ranking: Answer) -> None:
    row = tables.figures_table(ranking["figures"]).iloc[0]
    assert (row["Value"], row["Unit"], row["As of"]) == ("7.344", "USD/hour", "2024-02-20")
