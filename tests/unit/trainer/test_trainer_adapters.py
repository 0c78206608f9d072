"""Other frameworks' trainings, stopped by a notice and started again, end as if nothing had happened."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.notice import NoticeWatch
from trainer.runlog import RunLog

pytestmark = pytest.mark.filterwarnings("ignore")
STEPS = 12


class Told(NoticeWatch):
    """Hears of a notice when a step was counted."""

    def __init__(self, after):
        super().__init__()
        self.after, self.asked = after, 0

    def listen(self, signals=()):
        pass

    def heard(self):
        self.asked += 1
        return "SIGTERM" if self.after is not None and self.asked > self.after else None


@pytest.fixture
def world(tmp_path, make_plan):
    """Return the plan, log and notice of one attempt in a folder; `after` steps a notice comes."""

    def make(name, attempt, after=None):
        plan = make_plan(attempt=attempt)
        plan = replace(plan, stores=replace(plan.stores, local_dir=str(tmp_path / name)))
        log = RunLog(tmp_path / name / "spool", plan.run_id, attempt, "0")
        return plan, {"log": log, "notice": Told(after)}

    return make


def saved(tmp_path, name):
    return [row.step for row in list_checkpoints(open_store(str(tmp_path / name))) if row.valid]


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, number):
        torch_number = torch.full((8,), number / 64)
        return {"x": torch_number, "labels": torch_number.sum().reshape(1)}


def test_hugging_face_goes_on_to_the_same_weights(tmp_path, world):
    transformers = pytest.importorskip("transformers", reason="the hf extra is not installed")
    pytest.importorskip("accelerate", reason="the hf extra is not installed")
    from trainer.adapters.hf import SpotCallback

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.dropout = torch.nn.Linear(8, 1), torch.nn.Dropout(0.3)

        def forward(self, x, labels=None):
            out = self.layer(self.dropout(x))
            return {"loss": (out - labels).pow(2).mean(), "logits": out}

    def run(name, attempt, after=None):
        transformers.set_seed(1)
        plan, more = world(name, attempt, after)
        args = transformers.TrainingArguments(
            output_dir=str(tmp_path / name / "hf"), max_steps=STEPS, per_device_train_batch_size=4,
            save_strategy="no", logging_steps=1, report_to=[], use_cpu=True, disable_tqdm=True, seed=1,
        )  # fmt: skip
        spot = SpotCallback(plan, **more)
        trainer = transformers.Trainer(model=Model(), args=args, train_dataset=Numbers(), callbacks=[spot])
        spot.attach(trainer)
        with spot:
            trainer.train(resume_from_checkpoint=spot.resume_from)
        return trainer.model.layer.weight.detach().clone()

    calm = run("calm", 1)
    with pytest.raises(SystemExit) as left:
        run("struck", 1, after=6)
    assert left.value.code == 75
    assert saved(tmp_path, "struck") != []
    assert torch.equal(run("struck", 2), calm)


def test_lightning_goes_on_from_where_it_was(tmp_path, world):
    pytest.importorskip("lightning", reason="the lightning extra is not installed")
    from lightning.pytorch import LightningModule, Trainer

    from trainer.adapters.lightning import SpotCallback

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(8, 1)

        def training_step(self, batch, _):
            return (self.layer(batch["x"]) - batch["labels"]).pow(2).mean()

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=0.01)

    def run(name, attempt, after=None):
        torch.manual_seed(1)
        plan, more = world(name, attempt, after)
        spot, module = SpotCallback(plan, **more), Module()
        trainer = Trainer(
            max_steps=STEPS, callbacks=[spot], enable_checkpointing=False, logger=False, accelerator="cpu",
            enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=str(tmp_path / name / "pl"),
        )  # fmt: skip
        same = torch.utils.data.DataLoader([Numbers()[3]] * 64, batch_size=4)  # The same batch in any order.
        with spot:
            trainer.fit(module, same, ckpt_path=spot.ckpt_path)
        return module.layer.weight.detach().clone()

    calm = run("calm", 1)
    with pytest.raises(SystemExit) as left:
        run("struck", 1, after=6)
    assert left.value.code == 75
    assert torch.equal(run("struck", 2), calm)


class Engine:
    """What an adapter needs of a DeepSpeed engine; the real one wants a compiler and a GPU's tools."""

    def __init__(self):
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(8, 1)
        self.optimizer = torch.optim.AdamW(self.layer.parameters(), lr=0.01)

    def train(self, x):
        loss = (self.layer(x) - x.sum(1, keepdim=True)).pow(2).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    def save_checkpoint(self, folder, tag):
        from pathlib import Path

        place = Path(folder) / tag
        place.mkdir()
        torch.save([self.layer.state_dict(), self.optimizer.state_dict()], place / "states.pt")
        (Path(folder) / "latest").write_text(tag)

    def load_checkpoint(self, folder, tag):
        layer, optimizer = torch.load(f"{folder}/{tag}/states.pt")
        self.layer.load_state_dict(layer)
        self.optimizer.load_state_dict(optimizer)


def test_an_engine_that_saves_as_deepspeed_does_goes_on_to_the_same_weights(tmp_path, world):
    from trainer.adapters.deepspeed import SpotEngine

    def run(name, attempt, after=None):
        plan, more = world(name, attempt, after)
        engine = Engine()
        with SpotEngine(plan, engine, **more) as spot:
            while spot.step < STEPS:
                spot.begin_step()
                loss = engine.train(torch.randn(4, 8))
                spot.end_step(loss=loss, tokens=4)
        return engine.layer.weight.detach().clone()

    calm = run("calm", 1)
    with pytest.raises(SystemExit) as left:
        run("struck", 1, after=6)
    assert left.value.code == 75
    assert torch.equal(run("struck", 2), calm)
