"""What a live run is told is reckoned as the recommendation it came from was: one path, the same numbers."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from advisor.recommend import recommend
from advisor.run_choices import asked_of
from advisor.wire import JobSpec, RecommendationRequest, to_job

from .conftest import EAST, NOW, WEST

DRAWS = 1000  # As many as a decision on the way takes.


@pytest.fixture
def opened_on(service, http):
    """Open a run on the best option of a spec, at 1 March."""

    def open_run(spec):
        request = RecommendationRequest.model_validate_json(
            json.dumps({"spec": spec, "draws": DRAWS, "simulate": False})
        )
        answer = json.loads(service.recommend(request))
        body = {"recommendation_id": answer["recommendation_id"], "stores": {"local_dir": "/tmp/c"}}
        return answer, http.post("/v1/runs", json=body).json()["run_id"]

    return open_run


def options_of(service, run_id, *, at=NOW):
    """The options behind next-pool, as the service estimates them."""
    run = service.runs._load(run_id)
    left = run.what_is_left(at, committed_only=True)
    return service.runs._options(run, asked_of(run, left, at, holds=False))


def test_at_the_start_of_a_run_its_options_are_those_of_the_recommendation(service, spec, opened_on):
    answer, run_id = opened_on(spec)
    told = {option["pool_id"]: option for option in answer["options"]}
    live = options_of(service, run_id)
    assert {EAST, WEST} <= {option.pool.key for option in live}
    for option in live:
        before, found = told[option.pool.key], option.estimate
        for name in ("cost_usd", "finish_hours", "effective_usd_per_gpu_hour"):
            spread = getattr(found, name)
            assert before[name] == {q: getattr(spread, q) for q in ("mean", "p10", "p50", "p90")}
        assert before["p_deadline"] == found.p_deadline
        assert before["interval_s"] == found.interval_s


def test_prices_ahead_notices_and_first_waits_reach_a_live_run(service, spec, opened_on):
    _, run_id = opened_on(spec)
    live = {option.pool.key: option.estimate.statistics for option in options_of(service, run_id)}
    tariffs = service.tariffs
    assert live[EAST].prices is not None
    assert live[EAST].prices.words
    assert live[EAST].notice_s == tariffs.notice_s("aws").value
    assert live[WEST].first_wait_hours is not None  # West is away: a forecast mends its wait.


def test_next_pool_tells_what_the_recommendation_told_of_each_pool(http, spec, opened_on):
    answer, run_id = opened_on(spec)
    told = {option["pool_id"]: option["effective_usd_per_gpu_hour"]["mean"] for option in answer["options"]}
    body = {"attempt": 1, "as_of": "2023-03-01T00:00:00Z"}
    found = http.post(f"/v1/runs/{run_id}/next-pool", json=body).json()
    assert found["alternatives"]
    for each in found["alternatives"]:
        assert each["effective_usd_per_gpu_hour"] == told[each["pool_id"]]


def test_the_directive_saves_as_often_as_the_recommendation(http, spec, opened_on):
    emergency = {"emergency_save_s": 40.0, "notice_delivered_share": 0.8}  # So that the notice counts.
    noted = {**spec, "overheads": {**spec["overheads"], **emergency}}
    answer, run_id = opened_on(noted)
    first = answer["options"][0]
    assert first["interval_law"]["saved_on_notice_share"] > 0
    told = http.get(f"/v1/runs/{run_id}/directive", params={"as_of": "2023-03-01T00:00:00Z"}).json()
    assert told["full_every_s"] == first["interval_s"]
    assert told["light_every_s"] is None


def test_light_saves_of_a_directive_follow_what_is_left(http, spec, opened_on):
    light = {"light_pause_s": 1.0, "light_survives_share": 0.8}
    answer, run_id = opened_on({**spec, "overheads": {**spec["overheads"], "pause_s": 60.0, **light}})
    law = answer["options"][0]["interval_law"]
    assert law["full_every"] > 1
    told = http.get(f"/v1/runs/{run_id}/directive", params={"as_of": "2023-03-01T00:00:00Z"}).json()
    assert told["light_every_s"] == law["light_every_s"]
    assert told["full_every_s"] == pytest.approx(law["light_every_s"] * law["full_every"])


def test_a_recommendation_and_a_live_run_ask_the_same_foresight(service, spec):
    job = to_job(JobSpec.model_validate_json(json.dumps(spec)), NOW)
    known, refused = service.statistics(job, NOW, 720.0)
    seen = []
    foresight = service.recommending.foresight

    class Watched(type(foresight)):
        def ahead(self, pools):
            seen.extend(pools)
            return super().ahead(pools)

    watched = Watched(tariffs=foresight.tariffs, outlook=foresight.outlook, waits=foresight.waits)
    recommend(job, known, refused, service.tariffs, as_of=NOW, draws=100, foresight=watched)
    assert {each.pool.key for each in seen} >= {EAST, WEST}


def test_a_run_may_be_prepared_again_and_again_and_answers_the_same(service, http, spec, opened_on):
    _, run_id = opened_on(spec)
    at = {"as_of": (NOW + timedelta(minutes=30)).isoformat()}
    once = http.get(f"/v1/runs/{run_id}/directive", params=at).json()
    service.runs.prepare(run_id)
    service.runs.tend(run_id)
    assert http.get(f"/v1/runs/{run_id}/directive", params=at).json() == once


def test_prices_read_for_one_run_bring_the_others_up_to_date(service, spec, opened_on):
    _, one = opened_on(spec)
    _, other = opened_on({**spec, "job": {**spec["job"], "name": "another"}})
    for run_id in (one, other):
        service.runs.directive(run_id, None, NOW)
    decided = []
    desk = service.runs._desk
    decide = desk.decide

    def counted(asked, sides, **more):
        decided.append(asked.run_id)
        return decide(asked, sides, **more)

    desk.decide = counted
    try:
        later = NOW + timedelta(minutes=40)  # Prices are held for half an hour.
        service.runs.directive(one, None, later)
        decided.clear()
        service.runs.tend(one)
    finally:
        del desk.decide
    assert decided[0] == one
    assert other in decided
