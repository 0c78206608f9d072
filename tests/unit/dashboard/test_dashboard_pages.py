"""The pages as a reader gets them, drawn by Streamlit's own test harness against a fake service."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import dashboard

APP = Path(dashboard.__file__).with_name("app.py")
ZERO_DOLLARS = re.compile(r"\$0(\.0+)?(?![.\d])")
Open = Callable[..., tuple[AppTest, Any]]
Answer = dict[str, Any]


@pytest.fixture
def open_page(fake_service: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a page in a world of the fake service; yield the drawn page and the world."""
    with ExitStack() as served:

        def opened(world: str, instead: dict[str, Any] | None = None, **query: str) -> tuple[AppTest, Any]:
            address, service = served.enter_context(fake_service.serving(world))
            service.instead.update(instead or {})
            return drawn(address, **query), service

        def drawn(address: str, **query: str) -> AppTest:
            monkeypatch.setattr(sys, "argv", ["app.py", "--url", address])
            page = AppTest.from_file(str(APP), default_timeout=60)
            for name, value in query.items():
                page.query_params[name] = value
            return page.run()

        opened.at = drawn  # type: ignore[attr-defined]
        yield opened


def said(page: AppTest) -> str:
    """Everything a page says in words, with the escapes of Markdown taken off."""
    kinds = ("title", "header", "markdown", "caption", "error", "warning", "info", "code")
    texts = [str(element.value) for kind in kinds for element in getattr(page, kind)]
    texts += [f"{tile.label}: {tile.value}" for tile in page.metric]
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])", "", "\n".join(texts))


def tiles(page: AppTest) -> dict[str, str]:
    return {tile.label: tile.value for tile in page.metric}


def test_the_finance_lead_reads_the_saving_its_baseline_and_what_it_leaves_out(open_page: Open) -> None:
    page, _ = open_page("full")
    assert not page.exception
    assert tiles(page)["Saved, realised"] == "$660.73"
    assert tiles(page)["On-demand would have cost"] == "$979.20"
    assert "runs counted: 1 of 2" in said(page)
    assert "hours lost to preemptions are in what was paid and not in the baseline" in said(page)
    assert "run-00000000000000b2: not done; its cost is not final" in said(page)


def test_the_ml_lead_reads_where_to_launch_with_the_interval(
    open_page: Open, fake_service: ModuleType
) -> None:
    page, _ = open_page("full", page="where_to_run", recommendation=fake_service.RECOMMENDATION)
    assert not page.exception
    told = said(page)
    assert "Launch llm-30b on aws name:us-east-1a · p3.16xlarge · spot" in told
    assert "P10 $0.933 – P90 $0.971" in told
    assert tiles(page)["Chance of the deadline"] == "97 %"
    assert "lowtide plan job.toml --rank 1" in told
    assert "Not ranked: 3 pools" in told


def test_another_option_brings_its_own_reasons_and_command(open_page: Open, fake_service: ModuleType) -> None:
    page, _ = open_page("full", page="where_to_run", recommendation=fake_service.RECOMMENDATION)
    choice = next(box for box in page.selectbox if box.label == "Option")
    choice.set_value(3).run()
    assert not page.exception
    assert "borrowed from 9 other pools" in said(page)
    assert "--rank 4" in said(page)


def test_a_first_pool_without_capacity_names_the_first_that_has_some(
    open_page: Open, ranking: Answer
) -> None:
    ranking["options"][0]["availability"].update(now=False, gap_hours=1.5)
    page = ranked(open_page, ranking)
    assert "No capacity there at the last look; a wait lasts 90 min on average" in said(page)
    assert "The first pool that had some: 2 aws name:us-west-2b" in said(page)


def test_a_deadline_no_pool_is_likely_to_meet_is_said_first(open_page: Open, ranking: Answer) -> None:
    ranking["options"][0]["meets_deadline"] = False
    assert "No ranked pool is likely to meet the deadline" in said(ranked(open_page, ranking))


def test_a_job_without_a_deadline_has_no_chance_of_one(open_page: Open, ranking: Answer) -> None:
    ranking["spec"]["job"]["deadline_hours"] = None
    for option in ranking["options"]:
        option["p_deadline"] = None
    page = ranked(open_page, ranking)
    assert tiles(page)["Chance of the deadline"] == "–"
    assert "the job states no deadline" in said(page)


def test_many_rejected_pools_are_folded_by_their_rule(open_page: Open, ranking: Answer) -> None:
    ranking["rejected"] = [{**ranking["rejected"][0], "rule": "gpu_model"}] * 30 + ranking["rejected"]
    page = ranked(open_page, ranking)
    assert "Not ranked: 33 pools" in said(page)
    assert "gpu\\_model: 30" in {fold.label for fold in page.expander}


def test_a_long_ranking_draws_the_best_and_lists_all(open_page: Open, ranking: Answer) -> None:
    ranking["options"] = [{**ranking["options"][0], "rank": rank} for rank in range(1, 187)]
    page = ranked(open_page, ranking)
    assert "All 186 ranked pools" in {fold.label for fold in page.expander}
    assert len(page.dataframe[0].value) == 186
    assert max(len(table.value) for table in page.table) <= 30  # Long tables as text make a browser slow.


def test_history_that_ended_long_ago_is_asked_about_as_of_its_own_end(
    open_page: Open, recorded: Callable[[str], Any]
) -> None:
    old = [{**source, "age_s": 1e8} for source in recorded("sources") if source["last_effective_at"]]
    quality = {"as_of": "2027-01-01T00:00:00Z", "age_s": 1e8, "sources": old, "synthetic": False}
    page, service = open_page("full", {"/v1/quality": quality}, page="where_to_run")
    next(box for box in page.selectbox if box.label == "GPU model").set_value("V100-16GB")
    rank(page).click().run()
    assert service.asked[0]["as_of"] == "2024-03-01T10:30:00Z"  # The end of the source with most rows.


def ranked(open_page: Open, answer: Answer) -> AppTest:
    """The page of a ranking of the test's own."""
    name = answer["recommendation_id"]
    instead = {f"/v1/recommendations/{name}": answer}
    page, _ = open_page("full", instead, page="where_to_run", recommendation=name)
    assert not page.exception
    return page


def test_the_form_asks_the_service_and_the_address_names_the_answer(
    open_page: Open, fake_service: ModuleType
) -> None:
    page, service = open_page("full", page="where_to_run")
    assert "No ranking yet." in said(page)
    next(box for box in page.selectbox if box.label == "GPU model").set_value("V100-16GB")
    rank(page).click().run()
    assert not page.exception
    assert service.asked[0]["spec"]["job"]["throughput"] == {"V100-16GB": 1.0}
    assert service.asked[0]["as_of"] is None  # The data is 90 minutes old: ask about now.
    assert page.query_params["recommendation"] == fake_service.RECOMMENDATION


def rank(page: AppTest) -> Any:
    return next(button for button in page.button if button.label == "Rank pools")


def test_a_refused_job_shows_the_services_sentence_and_keeps_the_form(open_page: Open) -> None:
    page, _ = open_page("full", page="where_to_run")
    next(box for box in page.selectbox if box.label == "GPU model").set_value("H100-80GB")
    rank(page).click().run()
    assert not page.exception
    assert "No pool with H100-80GB can be ranked." in said(page)
    assert "Next: Collect its history" in said(page).replace("*", "")
    assert rank(page)


def test_a_finished_run_shows_what_came_out_against_what_was_predicted(open_page: Open) -> None:
    page, _ = open_page("full", page="runs", run="run-00000000000000a1")
    assert not page.exception
    assert tiles(page)["Paid"] == "$318.47"
    assert "predicted $298.56 – $310.72 (P10 – P90)" in said(page)
    assert tiles(page)["Saving"] == "67.5 %"
    assert tiles(page)["Checkpoint"] == "step 4,280"


def test_an_unknown_saving_is_a_dash_with_its_reason_and_never_zero(open_page: Open) -> None:
    page, _ = open_page("full", page="runs", run="run-00000000000000b2")
    assert not page.exception
    assert tiles(page)["Saving"] == "–"
    assert "no on-demand price is known" in said(page)
    assert "Paid so far: $61.20" in said(page)
    assert "The run is not done" in said(page)
    assert not ZERO_DOLLARS.search(said(page))


def test_a_run_that_is_not_there_is_ignored_with_a_note(open_page: Open) -> None:
    page, _ = open_page("full", page="runs", run="run-ffffffffffffffff")
    assert not page.exception
    assert "There is no run run-ffffffffffffffff here" in said(page)
    assert tiles(page)["Paid"] == "$318.47"


def test_a_page_that_is_not_there_is_ignored_with_a_note(open_page: Open) -> None:
    page, _ = open_page("full", page="allocations")
    assert not page.exception
    assert "There is no page called allocations" in said(page)
    assert page.title[0].value == "Overview"


@pytest.mark.parametrize("name", ["overview", "where_to_run", "runs"])
def test_an_empty_service_says_why_and_one_action_and_no_zero_money(open_page: Open, name: str) -> None:
    page, _ = open_page("empty", page=name)
    assert not page.exception
    assert "no market data yet" in said(page)
    assert "lowtide " in said(page)
    assert not ZERO_DOLLARS.search(said(page))


@pytest.mark.parametrize("name", ["overview", "where_to_run", "runs"])
def test_every_page_says_as_of_when_and_how_old(open_page: Open, name: str) -> None:
    page, _ = open_page("full", page=name)
    assert "As of **2024-03-01 12:00 UTC**" in said(page)
    assert "90 min old" in said(page)
    assert "gcp-pricing-weekly" in said(page)


@pytest.mark.parametrize("name", ["overview", "where_to_run", "runs"])
def test_a_synthetic_market_is_named_on_every_page(open_page: Open, name: str) -> None:
    page, _ = open_page("synthetic", page=name)
    assert "Synthetic market." in said(page)


def test_a_recorded_market_is_not_called_synthetic(open_page: Open) -> None:
    page, _ = open_page("full")
    assert "Synthetic" not in said(page)


@pytest.mark.parametrize("name", ["overview", "where_to_run", "runs"])
def test_a_service_in_trouble_is_a_sentence_with_its_fix(open_page: Open, name: str) -> None:
    page, _ = open_page("broken", page=name)
    assert not page.exception
    assert "The store's disk is full (0 B free)." in said(page)
    assert "Free 1 GB, then ask again." in said(page)


def test_a_service_that_is_down_brings_the_command_to_type(open_page: Open) -> None:
    page = open_page.at("http://127.0.0.1:9")  # type: ignore[attr-defined]  # Nobody listens on discard.
    assert not page.exception
    assert "http://127.0.0.1:9 does not answer" in said(page)
    assert "lowtide serve" in [code.value for code in page.code]


def test_an_answer_of_another_shape_does_not_blank_the_page(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard import reads

    monkeypatch.setattr(reads, "runs", lambda url: [{"run_id": "run-1"}])
    monkeypatch.setattr(reads, "run", lambda url, run_id: {"sources": []})
    page, _ = open_page("full")
    assert not page.exception
    assert "This part could not be drawn (KeyError" in said(page)
    assert "spot-traces" in said(page)  # The margin still tells how fresh the data is.


BACKTEST = {
    "backtest_id": None,
    "why": "No backtest was made yet.",
}


def test_trust_says_that_nothing_was_scored_and_what_to_type(open_page: Open) -> None:
    quality = {"as_of": "2027-01-01T00:00:00Z", "age_s": 1.0, "sources": [], "synthetic": False}
    page, _ = open_page("full", {"/v1/quality": {**quality, "backtest": BACKTEST}}, page="trust")
    assert not page.exception
    assert "No backtest was made yet." in said(page)
    assert "lowtide backtest" in " ".join(code.value for code in page.code)


def test_trust_bears_a_service_that_tells_of_no_backtest(open_page: Open) -> None:
    page, _ = open_page("empty", page="trust")
    assert not page.exception
    assert "This service tells of no backtest." in said(page)
