"""The bundled training: its text, its batches, its optimizer, its model and its report."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import torch

from trainer.adamw import AdamW
from trainer.data import TextWindows, write_text
from trainer.gpt import SIZES, Gpt
from trainer.launch import SIZE_NAMES, main
from trainer.loop import PEAK_LR, learning_rate
from trainer.report import process_born_at, report


def test_the_same_seed_writes_the_same_text_and_another_another():
    assert write_text(1, 10) == write_text(1, 10)
    assert write_text(1, 10) != write_text(2, 10)
    assert all(line.endswith(" times.") for line in write_text(1, 10).decode().split("\n"))


def windows(seed=0, batch=4, context=7):
    return TextWindows(bytes(range(8)) * 100, seed=seed, batch=batch, context=context)


def test_an_epoch_sees_every_window_once_whatever_the_restarts():
    # 800 bytes in windows of 8 are 100 windows; in batches of 4 an epoch is 25 steps.
    first_half = [window for step in range(13) for window in windows().windows_of(step)]
    rest_after_restart = [window for step in range(13, 25) for window in windows().windows_of(step)]
    assert sorted(first_half + rest_after_restart) == list(range(100))


def test_the_next_epoch_has_an_order_of_its_own():
    text = windows()
    assert text.windows_of(0) != text.windows_of(25)


def test_a_batch_is_tokens_and_one_more():
    assert windows().batch(0).shape == (4, 8)
    assert windows().batch(3).tolist() == windows().batch(3).tolist()


def test_a_position_sees_nothing_behind_it():
    torch.manual_seed(0)
    model = Gpt(SIZES["nano"]).eval()
    one = torch.zeros(1, 16, dtype=torch.long)
    other = one.clone()
    other[0, 9] = 5
    assert torch.equal(model(one)[0, :9], model(other)[0, :9])
    assert not torch.equal(model(one)[0, 9:], model(other)[0, 9:])


def test_a_new_model_knows_nothing():
    # The loss of an even guess among 256 bytes is ln 256 = 5.545 nats.
    torch.manual_seed(0)
    model = Gpt(SIZES["nano"])
    assert model.loss(torch.randint(0, 256, (8, 17))).item() == pytest.approx(5.545, abs=0.05)


def test_our_adamw_is_torchs_bit_for_bit():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    mine = AdamW(ours, lr=1e-2)
    peer = torch.optim.AdamW(theirs.parameters(), lr=1e-2, weight_decay=0.1, betas=(0.9, 0.95), foreach=True)
    for _ in range(10):
        batch = torch.rand(4, 5)
        for model, optimizer in ((ours, mine), (theirs, peer)):
            optimizer.zero_grad()
            model(batch).pow(2).sum().backward()
            optimizer.step()
    assert torch.equal(ours.weight, theirs.weight)


def test_the_rate_warms_up_and_falls_to_a_tenth():
    assert learning_rate(0, 300) == pytest.approx(PEAK_LR / 10)
    assert learning_rate(10, 300) == pytest.approx(PEAK_LR)
    assert learning_rate(155, 300) == pytest.approx(0.55 * PEAK_LR)  # Half-way: the mean of 1 and 0.1.
    assert learning_rate(300, 300) == pytest.approx(PEAK_LR / 10)


def test_the_command_line_offers_the_sizes_there_are():
    assert set(SIZE_NAMES) == set(SIZES)


def test_the_plain_loop_waits_for_nothing_that_only_several_ranks_need(tmp_path, make_plan):
    # torch._dynamo and DTensor take seconds to import, which each restart would pay.
    (tmp_path / "plan.json").write_text(make_plan().to_json())
    program = (
        "import sys; from trainer.launch import main\n"
        f"main(['--plan', {str(tmp_path / 'plan.json')!r}, '--spool', {str(tmp_path)!r}, "
        "'--size', 'nano', '--steps', '2'])\n"
        "late = {'torch._dynamo', 'torch.distributed.tensor', 'trainer.token_loop'}\n"
        "print(sorted(late & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_process_knows_when_it_was_born():
    born = time.time()
    child = os.fork()
    if child == 0:
        os._exit(int(abs(process_born_at() - born) > 1))
    assert os.waitpid(child, 0)[1] == 0


def event(kind, at, **fields):
    return {"event": kind, "at": f"2026-01-31T12:00:{at:09.6f}Z", **fields}


def test_a_report_is_drawn_from_the_last_process_alone():
    noon = 1769860800.0  # 2026-01-31T12:00:00Z
    spool = [
        event("started", 0),
        event("step", 1, step=1, seconds=9.0, loss=9.0),
        event("started", 12),
        event("restored", 13, seconds=1.0),
        event("step", 15, step=2, seconds=0.5, loss=3.0),
        event("step", 16, step=3, seconds=0.7, loss=2.0),
        event("captured", 17, seconds=0.2),
        event("ended", 18, step=3, weights_sha256="ab"),
    ]
    # Born at 10 s, first step begun at 15 - 0.5 s, of which 1 s was restoring: 3.5 s of boot.
    found = report(spool, born_at=noon + 10)
    assert found["boot_seconds"] == pytest.approx(3.5)
    assert found["restore_seconds"] == 1.0
    assert found["step_seconds_median"] == pytest.approx(0.6)
    assert found["pause_seconds_median"] == 0.2
    assert (found["steps"], found["final_loss"], found["weights_sha256"]) == (3, 2.0, "ab")


@pytest.mark.parametrize(
    "options", [[], ["--plan", "p.json"], ["--plan", "p", "--spool", "s", "--steps", "0"]]
)
def test_a_command_line_that_makes_no_sense_leaves_with_2(options):
    with pytest.raises(SystemExit) as left:
        main(options)
    assert left.value.code == 2


def test_a_plan_that_is_none_leaves_with_2_and_one_sentence(tmp_path, capsys):
    (tmp_path / "plan.json").write_text('{"schema_version": 9}')
    assert main(["--plan", str(tmp_path / "plan.json"), "--spool", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("lowtide-run: PlanError: The plan has schema version 9;")


def test_a_disk_that_cannot_be_written_leaves_with_4(tmp_path, make_plan, capsys):
    (tmp_path / "plan.json").write_text(make_plan().to_json())
    (tmp_path / "spool").write_text("a file where a folder belongs")
    assert main(["--plan", str(tmp_path / "plan.json"), "--spool", str(tmp_path / "spool")]) == 4
    assert "Make room or give access" in capsys.readouterr().err
