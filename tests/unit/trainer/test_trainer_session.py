"""A session restores, saves when due, and leaves when told, with everything committed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.directive import Directive
from trainer.errors import NoValidCheckpoint, PlanError, TrainerError
from trainer.notice import NoticeWatch
from trainer.plan import PlanService
from trainer.runlog import RunLog, read_phase, read_spool
from trainer.session import SpotSession


class Told(NoticeWatch):
    """A notice that can be given by hand; it takes no signals."""

    source = None

    def listen(self, signals=()):
        pass

    def heard(self):
        return self.source


class Directives:
    """Directives that can be given by hand."""

    directive = None

    def take(self):
        given, self.directive = self.directive, None
        return given


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def start(tmp_path, told):
    """Start a session on a small model; each attempt has its own log."""

    def start_one(plan, model=None, **more):
        torch.manual_seed(0)
        model = model or torch.nn.Linear(8, 8)
        log = RunLog(tmp_path / "spool", plan.run_id, plan.attempt, "0")
        return SpotSession(plan, model=model, optimizer=AdamW(model), log=log, notice=told, **more)

    return start_one


def train(session, total, *, at_step=None, do=None):
    """Train; once `at_step` steps are done, call `do` in the middle of the next."""
    with session:
        for step in session.steps(total):
            if step == at_step:
                do()
            session.tick(loss=1.0 / (step + 1), tokens=4)


def listed(tmp_path):
    return list_checkpoints(open_store(str(tmp_path / "checkpoints")))


def events(tmp_path, attempt=1, kind=None):
    found = read_spool(tmp_path / "spool" / f"attempt-{attempt}-node-0.jsonl")
    return [event for event in found if kind in (None, event["event"])]


def test_a_run_says_what_it_did_in_order(tmp_path, start, make_plan):
    train(start(make_plan()), 3)
    told = [event["event"] for event in events(tmp_path)]
    assert told == ["started", "planned", "step", "step", "step", "committed", "captured", "ended"]
    ended = events(tmp_path)[-1]
    assert (ended["reason"], ended["exit_code"], ended["step"]) == ("done", 0, 3)
    assert len(ended["weights_sha256"]) == 64
    assert read_phase(tmp_path / "spool" / "attempt-1-node-0.phase") == ("done", 3)


def test_a_pause_is_the_whole_standstill_and_holds_the_commit(tmp_path, start, make_plan):
    train(start(make_plan()), 3)
    assert events(tmp_path, kind="captured")[0]["seconds"] >= events(tmp_path, kind="committed")[0]["seconds"]


def test_a_save_is_made_when_it_is_due(tmp_path, start, make_plan):
    train(start(make_plan(full_every_s=1e-9)), 3)  # Due after any work at all.
    assert [event["step"] for event in events(tmp_path, kind="committed")] == [1, 2, 3]
    assert [row.generation for row in listed(tmp_path)] == [3, 2, 1]


def test_an_asynchronous_run_saves_beside_its_steps_and_ends_with_the_last(tmp_path, start, make_plan):
    plan = make_plan(full_every_s=1e-9, asynchronous=True)
    session = start(plan)
    with session:
        for step in session.steps(40):
            session._keeper.join()  # As the optimizer's hook does.
            session.tick(loss=1.0 / (step + 1), tokens=4)
    committed = [event["step"] for event in events(tmp_path, kind="committed")]
    assert committed[0] == 1
    assert committed == sorted(set(committed))
    assert committed[-1] == 40  # The save of the end, whatever was on its way.
    assert listed(tmp_path)[0].valid


def test_what_is_copied_late_is_the_state_at_the_tick(tmp_path, told, make_plan):
    """Weights change in every step; each checkpoint holds those of its own step and no others."""
    model = torch.nn.Linear(512, 512, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    plan = make_plan(full_every_s=1e-9, asynchronous=True, retention=100)
    log = RunLog(tmp_path / "spool", plan.run_id, 1, "0")
    with torch.no_grad():
        model.weight.zero_()
    with SpotSession(plan, model=model, optimizer=optimizer, log=log, notice=told) as session:
        for _ in session.steps(30):
            model.weight.grad = -torch.ones_like(model.weight)  # Each step adds one to every weight.
            optimizer.step()
            session.tick(loss=0.0, tokens=1)
    saved = sorted(row.step for row in listed(tmp_path))
    assert len(saved) > 1
    for step in saved:
        keep_only(tmp_path, step)
        again = SpotSession(make_plan(attempt=2), model=model, optimizer=optimizer, log=log, notice=told)
        again._keeper.restore()
        assert (model.weight == step).all()


def keep_only(tmp_path, step):
    """Hide every manifest but that of one step."""
    rows = {row.step: row.generation for row in listed(tmp_path)}
    hidden = tmp_path / "hidden"
    hidden.mkdir(exist_ok=True)
    manifests = tmp_path / "checkpoints" / "manifests"
    for path in [*hidden.iterdir()]:
        path.rename(manifests / path.name)
    rows = {row.step: row.generation for row in listed(tmp_path)}
    for path in [*manifests.iterdir()]:
        if path.stem != f"{rows[step]:09d}":
            path.rename(hidden / path.name)


def test_light_saves_come_between_full_ones(tmp_path, start, make_plan):
    train(start(make_plan(full_every_s=1e9, light_every_s=1e-9)), 3)
    assert [(e["step"], e["tier"], e["exact"]) for e in events(tmp_path, kind="committed")] == [
        (1, "W", False),
        (2, "W", False),
        (3, "F", True),  # The end is saved exactly.
    ]


def test_a_start_from_a_light_save_says_so(tmp_path, start, told, make_plan):
    with pytest.raises(ZeroDivisionError):
        train(start(make_plan(light_every_s=1e-9)), 9, at_step=4, do=lambda: 1 / 0)
    session = start(make_plan(attempt=2, allow_inexact=True))
    train(session, 5)
    assert session.is_inexact
    assert events(tmp_path, 2, "restored")[0]["step"] == 4


def test_with_little_notice_the_best_that_fits_is_saved_and_the_next_start_warms_up(
    tmp_path, start, told, make_plan
):
    # 288 bytes of weights, 576 of moments, 5056 of torch's generator: 5.9 kB exactly, 5.2 kB of bf16 weights.
    # At 1000 bytes/s, and 7.3 s less a quarter, 5.5 kB fit.
    def run(attempt, **more):
        plan = make_plan(attempt=attempt, allow_inexact=True)
        session = start(replace(plan, notice=replace(plan.notice, assumed_s=7.3)), **more)
        session._keeper.ledger.took("F", 1000, 1.0)
        return session

    session = run(1)
    with pytest.raises(SystemExit):
        train(session, 10, at_step=4, do=lambda: setattr(told, "source", "SIGTERM"))
    assert [(e["tier"], e["exact"]) for e in events(tmp_path, kind="committed")] == [("E", False)]
    told.source = None
    again = run(2)
    factors = []
    with again:
        for step in again.steps(10):
            factors.append(again.lr_factor)
            again.tick(loss=1.0 / (step + 1), tokens=4)
    assert events(tmp_path, 2, "restored")[0]["step"] == 5
    assert factors == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])  # A hundred steps to full.


def test_where_only_exact_checkpoints_may_be_restored_the_exact_one_is_tried(
    tmp_path, start, told, make_plan
):
    session = start(make_plan())
    session._keeper.ledger.took("F", 1, 1.0)  # Nothing would fit.
    with pytest.raises(SystemExit):
        train(session, 10, at_step=4, do=lambda: setattr(told, "source", "SIGTERM"))
    assert [(e["tier"], e["exact"]) for e in events(tmp_path, kind="committed")] == [("F", True)]


def test_a_scheduler_and_a_scaler_are_carried_over(tmp_path, start, told, make_plan):
    class Part:
        def __init__(self, value):
            self.value = value

        def state_dict(self):
            return {"value": self.value}

        def load_state_dict(self, state_dict):
            self.value = state_dict["value"]

    train(start(make_plan(), scheduler=Part(3), scaler=Part(1024.0)), 2)
    scheduler, scaler = Part(0), Part(0.0)
    train(start(make_plan(attempt=2), scheduler=scheduler, scaler=scaler), 2)
    assert (scheduler.value, scaler.value) == (3, 1024.0)


def test_retention_is_the_plans(tmp_path, start, make_plan):
    train(start(make_plan(full_every_s=1e-9, retention=2)), 5)
    assert [row.step for row in listed(tmp_path)] == [5, 4]


def test_a_notice_in_mid_step_saves_commits_and_leaves_with_75(tmp_path, start, told, make_plan):
    with pytest.raises(SystemExit) as left:
        train(start(make_plan()), 10, at_step=4, do=lambda: setattr(told, "source", "SIGTERM"))
    assert left.value.code == 75
    assert events(tmp_path, kind="notice")[0]["source"] == "SIGTERM"
    assert events(tmp_path, kind="committed")[0]["step"] == 5  # The step it struck was finished.
    assert events(tmp_path)[-1]["reason"] == "preempted"
    assert listed(tmp_path)[0].valid


def test_a_notice_before_the_first_step_leaves_without_a_save(tmp_path, start, told, make_plan):
    told.source = "file"
    with pytest.raises(SystemExit):
        train(start(make_plan()), 10)
    assert [event["event"] for event in events(tmp_path)] == ["started", "planned", "notice", "ended"]


def test_a_notice_in_the_last_step_is_too_late_to_matter(tmp_path, start, told, make_plan):
    train(start(make_plan()), 3, at_step=2, do=lambda: setattr(told, "source", "SIGTERM"))
    assert events(tmp_path)[-1]["reason"] == "done"


def test_the_next_attempt_goes_on_where_the_last_one_left(tmp_path, start, told, make_plan):
    with pytest.raises(SystemExit):
        train(start(make_plan()), 10, at_step=4, do=lambda: setattr(told, "source", "SIGTERM"))
    told.source = None
    train(start(make_plan(attempt=2)), 10)
    restored = events(tmp_path, 2, "restored")[0]
    committed = events(tmp_path, 1, "committed")[0]
    assert restored["step"] == 5
    assert restored["sha256"] == committed["sha256"]
    assert restored["from_url"] == committed["manifest_url"]
    assert [event["step"] for event in events(tmp_path, 2, "step")] == [6, 7, 8, 9, 10]


def test_a_run_that_is_done_is_done_again_without_a_step(tmp_path, start, make_plan):
    train(start(make_plan()), 3)
    train(start(make_plan(attempt=2)), 3)
    assert [event["event"] for event in events(tmp_path, 2)] == ["started", "restored", "planned", "ended"]
    assert events(tmp_path, 2)[-1]["weights_sha256"] == events(tmp_path, 1)[-1]["weights_sha256"]


def test_with_no_valid_checkpoint_the_session_fails_and_trains_nothing(tmp_path, start, make_plan):
    train(start(make_plan()), 3)
    next((tmp_path / "checkpoints" / "manifests").iterdir()).write_bytes(b"torn")
    with pytest.raises(NoValidCheckpoint):
        train(start(make_plan(attempt=2)), 3)
    ended = events(tmp_path, 2)[-1]
    assert (ended["event"], ended["reason"], ended["exit_code"]) == ("ended", "failed", 5)


def test_a_users_mistake_ends_the_attempt_as_failed_and_is_not_saved(tmp_path, start, make_plan):
    with pytest.raises(ZeroDivisionError):
        train(start(make_plan()), 3, at_step=1, do=lambda: 1 / 0)
    assert events(tmp_path)[-1]["reason"] == "failed"
    assert listed(tmp_path) == []


def test_a_step_without_a_tick_is_refused(start, make_plan):
    with pytest.raises(TrainerError, match="without a tick"), start(make_plan()) as session:
        list(session.steps(3))


def test_what_is_saved_with_the_model_is_refused_when_it_cannot_be(tmp_path, start, make_plan):
    class Odd:
        def state_dict(self):
            return {"file": open}

        def load_state_dict(self, state_dict):
            raise AssertionError("nothing was saved")

    with pytest.raises(TrainerError, match=r"data.file is a builtin_function_or_method"):
        train(start(make_plan(), data=Odd()), 1)


def test_an_expired_plan_does_not_start(start, make_plan):
    plan = make_plan()
    with pytest.raises(PlanError, match="expired"):
        start(replace(plan, expires_at=plan.provenance.as_of.replace(year=2020)))


def service_that_says(directive):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(directive)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer({"accepted": 0, "duplicates": 0, "rejected": []})

        def answer(self, value):
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_a_directive_to_move_saves_commits_and_leaves_with_75(tmp_path, start, make_plan, monkeypatch):
    monkeypatch.setattr("trainer.directive.LEAST_S", 0.01)
    monkeypatch.setenv("TOKEN", "secret")
    said = {"directive": "continue", "full_every_s": None, "reason": "cheaper elsewhere"}
    server = service_that_says(said)
    url = f"http://127.0.0.1:{server.server_port}"
    plan = make_plan(service=PlanService(url=url, token_env="TOKEN", directive_every_s=0.01))
    with pytest.raises(SystemExit) as left:
        train(start(plan), 10**9, at_step=1, do=lambda: said.update(directive="migrate"))
    server.shutdown()
    server.server_close()
    assert left.value.code == 75
    assert events(tmp_path)[-1]["reason"] == "stopped"
    newest = listed(tmp_path)[0]
    assert newest.step == events(tmp_path, kind="step")[-1]["step"]


def test_checkpoint_now_saves_after_the_step_and_goes_on(tmp_path, start, make_plan):
    session = start(make_plan())
    session._orders.directives = directives = Directives()
    now = Directive(word="checkpoint_now", full_every_s=None, light_every_s=None, reason="")
    train(session, 3, at_step=0, do=lambda: setattr(directives, "directive", now))
    assert [event["step"] for event in events(tmp_path, kind="committed")] == [1, 3]


def test_a_directive_may_shorten_the_interval(tmp_path, start, make_plan):
    session = start(make_plan())
    session._orders.directives = directives = Directives()
    often = Directive(word="continue", full_every_s=1e-9, light_every_s=None, reason="")
    train(session, 4, at_step=1, do=lambda: setattr(directives, "directive", often))
    assert [event["step"] for event in events(tmp_path, kind="committed")] == [2, 3, 4]


def test_torchs_own_optimizer_and_a_data_cursor_are_carried_over(tmp_path, make_plan, told):
    class Cursor:
        place = 0

        def state_dict(self):
            return {"place": self.place}

        def load_state_dict(self, state_dict):
            self.place = state_dict["place"]

    def run(attempt, total, stop_at=None):
        torch.manual_seed(attempt)
        model, cursor = torch.nn.Linear(8, 8), Cursor()
        optimizer = torch.optim.AdamW(model.parameters())
        plan = make_plan(attempt=attempt)
        log = RunLog(tmp_path / "spool", plan.run_id, attempt, "0")
        session = SpotSession(plan, model=model, optimizer=optimizer, data=cursor, log=log, notice=told)
        try:
            with session:
                for step in session.steps(total):
                    told.source = "SIGTERM" if step == stop_at else None
                    loss = model(torch.rand(2, 8)).sum()
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()
                    cursor.place += 1
                    session.tick(loss=loss, tokens=2)
        except SystemExit:
            pass
        return model, optimizer, cursor

    model, optimizer, cursor = run(1, 10, stop_at=4)
    again, its_optimizer, its_cursor = run(2, 5)
    assert its_cursor.place == cursor.place == 5
    assert torch.equal(again.weight, model.weight)
    for one, other in zip(optimizer.state.values(), its_optimizer.state.values(), strict=True):
        assert torch.equal(one["exp_avg_sq"], other["exp_avg_sq"])
        assert one["step"] == other["step"] == 5
