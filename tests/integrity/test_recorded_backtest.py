"""On recorded availability the forecasts beat their baselines, and a backtest of the store says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from advisor.serving import open_service
from advisor.wire import CollectRequest
from advisor.wire_quality import BacktestRequest

pytestmark = [pytest.mark.recorded, pytest.mark.slow]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def figures(recorded_data):
    folder = recorded_data / "spot-traces" / "availability" / "1-node"
    if not folder.is_dir():
        pytest.skip(f"recorded availability is absent ({folder})")
    with open_service(None, clock=lambda: NOW) as service:
        service.collect(CollectRequest(source="recorded", path=str(folder)))
        made = service.backtesting.run(BacktestRequest(every_hours=48.0, engine="here"))
    return {(f["figure"], f["horizon_hours"], f["baseline"]): f for f in made["figures"]}


@pytest.mark.parametrize("hours", [0.25, 1.0, 6.0, 24.0])
@pytest.mark.parametrize("score", ["brier", "log_loss"])
def test_forecasts_of_recorded_zones_are_better_than_their_baselines(figures, score, hours):
    for baseline in ("climatology", "2-state Markov"):
        assert figures[score, hours, baseline]["value"] < figures[score, hours, baseline]["baseline_value"]


def test_lives_of_recorded_zones_are_believed_better_than_by_a_constant_hazard(figures):
    for score, better in (("life_crps_24h", -1), ("life_log_likelihood", 1)):
        figure = figures[score, None, "constant hazard"]
        assert better * (figure["value"] - figure["baseline_value"]) > 0
    inside = figures["life_coverage_80", None, "constant hazard"]
    assert abs(inside["value"] - 0.8) < abs(inside["baseline_value"] - 0.8)
