"""Whoever keeps torch's distributed checkpoints may take our stager and our storage alone."""

from __future__ import annotations

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException

from trainer.checkpoint.dcp_stager import ArenaStager
from trainer.checkpoint.dcp_storage import SafeLoadPlanner, StoreReader, StoreWriter

pytestmark = pytest.mark.filterwarnings("ignore")


def a_state(fill):
    model = torch.nn.Linear(300, 200)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(fill)
    return {
        "model": model.state_dict(),
        "moments": [{"m": torch.full((7, 5), fill)}],
        "scalar": torch.tensor(fill),
        "lr": fill / 2,
        "name": f"run {fill}",
    }


@pytest.fixture(params=["sealed", "open"])
def where(request, tmp_path):
    (tmp_path / "key").write_text("ab" * 32)
    key_ref = f"file:{tmp_path}/key" if request.param == "sealed" else None
    return {"url": str(tmp_path / "store"), "run_id": "run-1", "key_ref": key_ref}


def load(where, state, step=None):
    dcp.load(
        state,
        checkpoint_id=step,
        storage_reader=StoreReader(**where),
        planner=SafeLoadPlanner(),
        no_dist=True,
    )
    return state


def assert_is(state, fill):
    assert (state["model"]["weight"] == fill).all()
    assert (state["moments"][0]["m"] == fill).all()
    assert state["scalar"] == fill
    assert (state["lr"], state["name"]) == (fill / 2, f"run {fill}")


def test_a_state_comes_back_of_the_newest_step_and_of_any(where):
    writer = StoreWriter(**where)
    for step in (1, 2):
        dcp.save(a_state(float(step)), checkpoint_id=str(step), storage_writer=writer, no_dist=True)
    assert_is(load(where, a_state(0.0)), 2.0)
    assert_is(load(where, a_state(0.0), "1"), 1.0)
    assert writer.committed.manifest.step == 2


def test_saved_beside_the_training_it_is_the_state_at_the_call(where):
    stager, writer, state = ArenaStager(), StoreWriter(**where), a_state(5.0)
    for step in (1, 2):
        state["model"]["weight"].fill_(step)
        answer = dcp.async_save(
            state, checkpoint_id=str(step), storage_writer=writer, async_stager=stager, no_dist=True
        )
        answer.staging_completion.result()
        state["model"]["weight"].zero_()  # What the optimizer's next step may do from here on.
        answer.upload_completion.result()
    stager.close()
    assert (load(where, a_state(0.0), "1")["model"]["weight"] == 1).all()
    assert (load(where, a_state(0.0))["model"]["weight"] == 2).all()


def test_a_changed_byte_is_noticed(where, tmp_path):
    writer = StoreWriter(**where)
    dcp.save(a_state(1.0), checkpoint_id="1", storage_writer=writer, no_dist=True)
    blob = max((tmp_path / "store" / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    raw = bytearray(blob.read_bytes())
    raw[len(raw) // 2] ^= 1
    blob.write_bytes(raw)
    with pytest.raises(CheckpointException, match="block"):
        load(where, a_state(0.0))


class Evil:
    def __reduce__(self):
        return (print, ("this ran",))


def test_a_pickle_that_runs_code_is_not_read(where, capsys):
    dcp.save({"evil": Evil()}, checkpoint_id="1", storage_writer=StoreWriter(**where), no_dist=True)
    capsys.readouterr()
    with pytest.raises(CheckpointException, match=r"weights_only|Unsupported|WeightsUnpickler|global"):
        load(where, {"evil": None})
    assert "this ran" not in capsys.readouterr().out


def test_torchs_own_planner_gets_no_pickle_that_anybody_could_have_written(tmp_path):
    where = {"url": str(tmp_path / "store"), "run_id": "run-1"}
    dcp.save({"lr": 0.5}, checkpoint_id="1", storage_writer=StoreWriter(**where), no_dist=True)
    with pytest.raises(CheckpointException, match="SafeLoadPlanner"):
        dcp.load({"lr": 0.0}, storage_reader=StoreReader(**where), no_dist=True)


def test_no_checkpoint_of_a_step_is_said(where):
    dcp.save(a_state(1.0), checkpoint_id="1", storage_writer=StoreWriter(**where), no_dist=True)
    with pytest.raises(CheckpointException, match="holds no checkpoint of step 7"):
        load(where, a_state(0.0), "7")
