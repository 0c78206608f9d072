"""`lowtide-run --data`: trains on token data, is stopped, goes on, and ends where it would have ended."""

from __future__ import annotations

import signal
import socket
from dataclasses import replace

import pytest
import torch

from trainer import token_loop, torchrun
from trainer.data import write_text
from trainer.gpt import SIZES
from trainer.launch import main
from trainer.loop import learning_rate
from trainer.runlog import notice_path, read_spool, spool_path
from trainer.token_loop import Options, TextSamples, Training
from trainer.tokens import main as tokens
from trainer.torchrun import node_name
from trainer.world import World, joined


@pytest.fixture(autouse=True)
def leave_the_process_as_it_was():
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)}
    threads = torch.get_num_threads()
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)
    for each, handler in handlers.items():
        signal.signal(each, handler)


@pytest.fixture
def words(tmp_path, make_plan):
    """A command line for one run; another name is another run."""
    (tmp_path / "text").write_bytes(write_text(1, 100))
    assert tokens(["make", str(tmp_path / "data"), str(tmp_path / "text")]) == 0
    plan = make_plan()

    def command(name, *more):
        own = replace(plan, stores=replace(plan.stores, local_dir=str(tmp_path / name / "checkpoints")))
        (tmp_path / f"{name}.json").write_text(own.to_json())
        where = ["--plan", str(tmp_path / f"{name}.json"), "--spool", str(tmp_path / name)]
        data = ["--data", str(tmp_path / "data"), "--global-batch", "4", "--micro-batch", "2"]
        return [*where, *data, "--size", "nano", "--steps", "6", *more]

    return command


def events_of(folder):
    return read_spool(spool_path(folder, 1, "0"))


def test_a_stopped_run_goes_on_to_the_same_bits(words, tmp_path, monkeypatch):
    assert main(words("whole")) == 0
    notice = notice_path(tmp_path / "cut", 1, "0")

    def warned_at_step_3(step, steps):
        if step == 3:
            notice.touch()
        return learning_rate(step, steps)

    monkeypatch.setattr(token_loop, "learning_rate", warned_at_step_3)
    assert main(words("cut")) == 75
    notice.unlink()
    monkeypatch.undo()
    assert main(words("cut")) == 0
    whole, cut = events_of(tmp_path / "whole"), events_of(tmp_path / "cut")
    losses = [[e["loss"] for e in run if e["event"] == "step"] for run in (whole, cut)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 6
    assert whole[-1]["weights_sha256"] == cut[-1]["weights_sha256"]
    assert {e["tokens"] for e in whole if e["event"] == "step"} == {4 * 16}


def test_other_data_is_another_training(words, tmp_path, capsys):
    assert main(words("run")) == 0
    (tmp_path / "text").write_bytes(write_text(2, 100))
    assert tokens(["make", str(tmp_path / "other"), str(tmp_path / "text")]) == 0
    assert main(words("run", "--data", str(tmp_path / "other"))) == 2
    assert "data was" in capsys.readouterr().err


def test_a_folder_without_data_leaves_with_2(words, tmp_path, capsys):
    assert main(words("run", "--data", str(tmp_path))) == 2
    assert "python -m trainer.tokens make" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--micro-batch", "3"), "4 samples in micro-batches of 3 does not divide over 1 rank."),
        (("--parallel", "fsdp"), "Start it with torchrun"),
        (("--device", "cuda"), "torch sees no GPU"),
    ],
)
def test_what_cannot_be_done_here_leaves_with_2(words, more, said, capsys):
    if "cuda" in more and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert main(words("run", *more)) == 2
    assert said in capsys.readouterr().err


def test_accumulated_micro_batches_train_as_one_batch_does(monkeypatch):
    monkeypatch.setitem(SIZES, "nano", replace(SIZES["nano"], dropout=0.0))  # It is drawn per micro-batch.

    def losses(micro_batch):
        torch.manual_seed(0)
        options = Options(size="nano", seed=0, steps=5, global_batch=4, micro_batch=micro_batch)
        training = Training(options, World())
        return [training.step(1e-3) for _ in range(5)]

    assert losses(1) == pytest.approx(losses(4), rel=1e-5)


def test_text_is_cut_into_samples_that_overlap_by_one():
    # 9 bytes in contexts of 4: abcde, efghi.
    samples = TextSamples(b"abcdefghi", 4)
    assert [bytes(row.tolist()) for row in samples.read([0, 1])] == [b"abcde", b"efghi"]


def test_without_torchrun_there_is_one_process():
    with joined("cpu") as world:
        assert (world.rank, world.size, world.mean(3.0)) == (0, 1, 3.0)


def test_a_process_is_named_by_its_node(monkeypatch):
    assert (node_name(None), node_name("a")) == ("0", "a")
    for name, value in {"RANK": "5", "WORLD_SIZE": "6", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    assert (node_name(None), node_name("a")) == (socket.gethostname(), "a")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert node_name("a") == "a.1"


@pytest.mark.parametrize(
    ("codes", "ours"), [({75}, 75), ({75, -15}, 75), ({2}, 2), ({4, 75}, 1), ({-9}, 1), (set(), 1)]
)
def test_torchruns_exit_code_is_what_the_processes_agree_on(codes, ours):
    assert torchrun._agreed(codes) == ours


def test_regions_meet_in_a_folder_and_one_that_was_away_follows(words, tmp_path):
    meet = ["--regions", "asia,europe", "--outer-url", str(tmp_path / "outer"), "--outer-every", "3"]
    assert main(words("asia", *meet, "--region", "asia", "--outer-patience-s", "0.1")) == 0
    assert main(words("europe", *meet, "--region", "europe", "--outer-patience-s", "0.1")) == 0
    asia, europe = events_of(tmp_path / "asia"), events_of(tmp_path / "europe")
    # Both rounds were over when europe came to the first: it took them, and had no step left to do.
    assert [sum(e["event"] == "step" for e in run) for run in (asia, europe)] == [6, 3]
    assert asia[-1]["weights_sha256"] == europe[-1]["weights_sha256"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--region", "asia"), "--outer-url, --regions is not given"),
        (
            ("--region", "a", "--regions", "a,b", "--outer-url", "outer", "--outer-every", "4"),
            "6 steps with a meeting every 4 end between two meetings",
        ),
    ],
)
def test_regions_that_could_not_meet_are_refused(words, more, said, capsys):
    assert main(words("run", *more)) == 2
    assert said in capsys.readouterr().err
