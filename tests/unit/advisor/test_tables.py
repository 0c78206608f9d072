"""What the terminal shows: the on-demand option always, rejections by rule, the worked example."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from advisor.tables import (
    Ranking,
    hazard_words,
    ingest_renderable,
    recommendation_renderable,
    rejected_table,
    shown_options,
)
from advisor.tables_article import article_text
from model.article import ArticleCase

SPREAD = {"mean": 12.4, "p10": 11.9, "p50": 12.3, "p90": 13.6}
PARTS = {"price": 12.0, "stall": 0.1, "rerun": 0.2, "restart": 0.1, "waiting": 0.0, "egress": 0.0}


def option(rank: int, capacity: str = "spot") -> dict[str, object]:
    return {
        "rank": rank,
        "pool_id": f"aws/us-east-1/name:us-east-1a/p{rank}/{capacity}",
        "provider": "aws",
        "region": "us-east-1",
        "zone": "name:us-east-1a",
        "sku": f"p{rank}",
        "capacity_type": capacity,
        "effective_usd_per_gpu_hour": SPREAD,
        "cost_usd": SPREAD,
        "finish_hours": SPREAD,
        "p_deadline": 0.93,
        "saving": 0.4,
        "hazard": {"per_hour": 0.021, "evidence": "probes"},
        "parts": PARTS,
        "reasons": [f"Reason {rank} with [brackets]."],
    }


def shown(renderable, width: int = 200) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_the_on_demand_option_shows_however_low_it_ranks():
    options = [option(rank) for rank in range(1, 10)] + [option(10, "on_demand"), option(11, "on_demand")]
    assert [each["rank"] for each in shown_options(options, 3)] == [1, 2, 3, 10]


def test_the_ranking_shows_intervals_reasons_parts_and_whether_it_is_synthetic():
    answer = {
        "recommendation_id": "rec-0000000000000001",
        "as_of": "2026-01-31T12:00:00Z",
        "age_s": 600.0,
        "synthetic": True,
        "spec": {"job": {"name": "llm", "gpus": 64, "useful_hours": 24.0}},
        "options": [option(1), option(2, "on_demand")],
        "rejected": [],
    }
    text = shown(recommendation_renderable(answer))
    assert "SYNTHETIC market" in text
    assert "$12.40" in text
    assert "(11.90 – 13.60)" in text
    assert "Reason 1 with [brackets]." in text
    assert "$12.4000" in text  # By hand: 12.0 + 0.1 + 0.2 + 0.1, the sum of the parts.
    assert "rerun" in text
    assert "waiting" not in text  # A part of 0 adds nothing, and is not told.
    assert "No pool was rejected." in text


def test_rejections_are_counted_by_rule_with_one_reason():
    rejected = [
        {"pool_id": f"aws/r/z{number}/s/spot", "rule": "stale_price", "reason": "Too old."}
        for number in (1, 2)
    ]
    text = shown(rejected_table(rejected))
    assert "stale price" in text
    assert "2" in text
    assert "aws/r/z1/s/spot" in text


def test_reports_of_one_source_are_one_row_and_trouble_is_told():
    report = {
        "source_id": "traces",
        "origin": "a.json",
        "rows_in": 10,
        "rows_new": 7,
        "rows_duplicate": 2,
        "rows_quarantined": 1,
        "from_at": "2023-02-01T00:00:00Z",
        "until_at": "2023-02-02T00:00:00Z",
        "trouble": None,
    }
    bad = {**report, "origin": "b.json", "trouble": "It is truncated.", "from_at": None, "until_at": None}
    text = shown(ingest_renderable([report, bad]))
    assert text.count("traces") == 1
    assert "20" in text
    assert "b.json: It is truncated." in text


@pytest.mark.parametrize("rerun", ["on_demand", "spot"])
def test_the_worked_example_shows_both_ways_to_rerun(rerun):
    # By hand: 24 h at 20 $ is 480 $; 24 * 6 + 2 * 20 = 184 $, 1 - 184/480 = 61.67 %; 24 * 6 + 2 * 6 = 156 $,
    # 67.50 %; spot stops paying at (480 - 144) / 20 = 16.8 h, or / 6 = 56 h.
    case = ArticleCase(
        hours=Decimal(24),
        price_spot=Decimal(6),
        price_on_demand=Decimal(20),
        lost_hours=Decimal(2),
        rerun=rerun,
    )
    text = article_text(case)
    for figure in ("$480.00", "$184.00", "61.67 %", "$156.00", "67.50 %", "16.8 lost", "56 lost", "26 h"):
        assert figure in text


def test_a_narrow_terminal_breaks_no_number_and_a_wide_one_has_every_column():
    answer = {"options": [option(1)]}
    narrow, wide = shown(Ranking(answer), width=80), shown(Ranking(answer), width=120)
    for text in (narrow, wide):
        assert "$12.40" in text
        assert "(11.90 – 13.60)" in text
    assert "Hazard" not in narrow
    assert "0.021/h" in wide


def test_a_published_hazard_shows_both_its_ends():
    hazard = {"evidence": "published", "per_hour": 0.036, "p10_per_hour": 7.6e-5, "p90_per_hour": 0.105}
    assert hazard_words(hazard) == "7.6e-05 – 0.105/h\npublished"


def test_the_data_column_gives_way_first_on_a_narrow_terminal_and_older_answers_show_a_dash():
    graded = option(1) | {"grade": {"letter": "B", "words": "8 drops of its own"}, "p_first_apart": 0.634}
    answer = {"options": [graded, option(2)]}
    text = shown(Ranking(answer), 120)
    assert "B" in text.split("Data")[1]
    assert "1st in 63 %" in text
    assert "Data" not in shown(Ranking(answer), 100)
    assert "Hazard" in shown(Ranking(answer), 100)


def test_grade_sensitivity_and_screening_are_told_below_the_ranking():
    graded = option(1) | {"grade": {"letter": "B", "words": "8 drops of its own"}, "p_first_apart": 0.634}
    lever = {
        "name": "preemption_rate", "unit": "per instance-hour", "now": 0.02, "factor": 2.0,
        "effective_usd_per_gpu_hour": 13.1, "keeps_rank_1": False, "loses_rank_1_above": 0.031,
    }  # fmt: skip
    never = lever | {
        "name": "price",
        "now": 4.0,
        "factor": 1.1,
        "keeps_rank_1": True,
        "loses_rank_1_above": None,
    }
    answer = {
        "recommendation_id": "rec-0000000000000001",
        "as_of": "2026-01-31T12:00:00Z",
        "age_s": 600.0,
        "synthetic": False,
        "spec": {"job": {"name": "llm", "gpus": 64, "useful_hours": 24.0}},
        "options": [graded, option(2)],
        "rejected": [],
        "sensitivity": {"against": "x", "method": "closed_form", "levers": [lever, never]},
        "screening": {
            "method": "closed_form", "screened": 20000, "estimated": 51, "screened_out": 19949,
            "best": [{"pool_id": "aws/x", "reason": "Dearer."}],
        },
    }  # fmt: skip
    text = shown(recommendation_renderable(answer))
    assert "Data B: 8 drops of its own." in text
    assert "preemption rate ×2" in text
    assert "0.031/h" in text
    assert "price +10 %" in text
    assert "20,000 pools were screened by the closed form, 51 of them estimated, 19,949 left out." in text
    assert "The best of those: aws/x. Dearer." in text
