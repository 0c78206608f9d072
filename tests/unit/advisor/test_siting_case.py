"""The worked case: 9 days against 28 and 68 % saved come out of its stated inputs."""

from __future__ import annotations

import json
import tomllib

import pytest
from click.testing import CliRunner

from advisor.casefile import CaseFile, solve
from advisor.commands.estimate import command
from advisor.jobfile import example, read, read_spec
from model.errors import ImpossibleInput, InsufficientHistory


@pytest.fixture(scope="module")
def written():
    return tomllib.loads(example("case-30b.toml").read_text())


def compared(content):
    return {each.name: each for each in solve(CaseFile.model_validate(content)).compared}


def test_nine_days_against_twenty_eight_and_68_percent_saved(written):
    found = compared(written)
    away, home = found["reseller"], found["home"]
    # Billed on both: 215 h of work, 540 s of boot, restore and warm-up, one save of 20 s + 100 s: 215.183 h.
    billed = 215 + (540 + 120) / 3600
    assert away.option.estimate.billed_hours.mean == pytest.approx(billed)
    assert home.option.estimate.billed_hours.mean == pytest.approx(billed)
    # Away: 2 TB at 1 GB/s are 0.556 h, so 215.739 h = 8.99 days. At home: 456 h of waiting, 671.18 h = 27.97.
    away_hours, home_hours = billed + 2000 / 3600, billed + 456
    assert away.option.estimate.finish_hours.mean == pytest.approx(away_hours)
    assert home.option.estimate.finish_hours.mean == pytest.approx(home_hours, rel=1e-4)
    assert (round(away_hours / 24), round(home_hours / 24)) == (9, 28)
    # Money away: 8 x 24 x 215.183 + 2,000 x 0.09 + (1,080 + 2,000) GB x 0.023 / 730 x 215.739 = 41,516.1.
    spent = 8 * 24 * billed + 180 + 3080 * 0.023 / 730 * away_hours
    assert away.option.estimate.cost_usd.mean == pytest.approx(spent)
    # In all at home: 8 x 60 x 215.183 + 1,080 x 0.023 / 730 x 671.183 + 60 x 456 = 130,670.8.
    waited = 8 * 60 * billed + 1080 * 0.023 / 730 * home_hours + 60 * 456
    assert home.all_in_usd == pytest.approx(waited, rel=1e-4)
    assert away.saved_in_all == pytest.approx(1 - spent / waited, abs=1e-4)
    assert round(away.saved_in_all, 2) == 0.68
    assert round(away.saved_money, 2) == 0.60


def test_the_saving_follows_the_inputs_and_is_written_nowhere(written):
    # With no value put on waiting only the price is saved: 1 - 41,516 / 103,311 = 60 %.
    idle = {**written, "job": {**written["job"], "value_of_time_usd_per_hour": 0.0}}
    found = compared(idle)["reseller"]
    assert found.saved_in_all == pytest.approx(found.saved_money)
    # With 50,000 GB to bring, 50,000 x 0.09 = 4,500 USD and 13.9 h are paid for going away.
    heavy = {**written, "data": {**written["data"], "dataset_bytes": 5e13}}
    found = compared(heavy)["reseller"]
    assert found.option.side.egress_usd == pytest.approx(4500)
    assert found.option.side.egress_hours == pytest.approx(50_000 / 3600)


def test_every_figure_is_said_to_be_the_cases_own(written):
    found = solve(CaseFile.model_validate(written)).found
    moved = {figure.name: figure for figure in found.figures if figure.name.startswith(("egress", "storage"))}
    assert moved
    assert all(figure.own and figure.source == "the case file" for figure in moved.values())


def test_the_command_reproduces_the_case():
    path = str(example("case-30b.toml"))
    shown = CliRunner().invoke(command, [path])
    assert shown.exit_code == 0
    assert "not market data" in " ".join(shown.output.split())
    lines = json.loads(CliRunner().invoke(command, [path, "--json"]).output)["compared"]
    best, home = lines
    assert (best["name"], home["name"]) == ("reseller", "home")
    assert (round(best["finish_days"]), round(home["finish_days"])) == (9, 28)
    assert round(best["saved_in_all"], 2) == 0.68
    assert home["saved_in_all"] == 0


def test_a_wait_is_paid_at_the_start_alone_where_a_machine_is_kept(written):
    # By hand: on-demand is not taken back, so there is one wait of 456 h and no second.
    estimate = compared(written)["home"].option.estimate
    assert estimate.preemptions.mean == 0
    assert estimate.finish_hours.mean - estimate.billed_hours.mean == pytest.approx(456, rel=1e-3)


def test_a_case_that_compares_with_nothing_is_refused(written):
    with pytest.raises(ImpossibleInput, match="compares with 'moon'"):
        compared({**written, "case": {**written["case"], "against": "moon"}})
    with pytest.raises(ImpossibleInput, match="2 pools, some of one name"):
        compared({**written, "pool": [written["pool"][0]] * 2})


def test_spot_without_exposure_is_refused_for_want_of_history(written):
    spot = [{**each, "capacity_type": "spot"} for each in written["pool"]]
    with pytest.raises(InsufficientHistory):
        compared({**written, "pool": spot})


def test_a_case_is_not_asked_of_the_market():
    assert isinstance(read(example("case-30b.toml")), CaseFile)
    with pytest.raises(ImpossibleInput, match="worked case"):
        read_spec(example("case-30b.toml"))
