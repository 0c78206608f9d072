"""Adapters under loops whose length nobody knows, streams and endless epochs; frameworks are stand-ins."""

from __future__ import annotations

import importlib
import math
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from trainer.adapters.driving import steps_in_all, steps_per_epoch
from trainer.runlog import read_spool


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(range(4))


@pytest.fixture
def adapter(monkeypatch):
    """Import an adapter over a framework that is not there."""

    def imported(name, framework, **names):
        stand_in = ModuleType(framework)
        vars(stand_in).update(names)
        monkeypatch.setitem(sys.modules, framework.partition(".")[0], ModuleType("stand_in"))
        monkeypatch.setitem(sys.modules, framework, stand_in)
        monkeypatch.delitem(sys.modules, f"trainer.adapters.{name}", raising=False)
        made.append(importlib.import_module(f"trainer.adapters.{name}"))
        return made[-1]

    made = []
    yield imported
    for module in made:  # Nobody else is to meet it.
        del sys.modules[module.__name__]


def test_an_epoch_has_the_steps_of_its_batches_and_a_stream_all_there_are():
    assert steps_per_epoch([0] * 7, accumulation=2, most=100) == 4
    assert steps_per_epoch([], accumulation=2, most=100) == 1
    assert steps_per_epoch(iter([0] * 7), accumulation=2, most=100) == 100
    assert steps_per_epoch(torch.utils.data.DataLoader(Stream()), accumulation=2, most=100) == 100


def test_epochs_without_an_end_have_no_number_of_steps():
    assert (steps_in_all(12), steps_in_all(math.inf)) == (12, None)


@pytest.mark.parametrize("step", [0, 3])
def test_hugging_faces_trainer_may_train_on_a_stream(adapter, step):
    hf = adapter("hf", "transformers", Trainer=object, TrainerCallback=object)
    session = SimpleNamespace(step=step, steps=lambda total: iter(range(step, total)))
    callback = hf.SpotCallback(session, SimpleNamespace(apply=lambda: None), None)
    state, args = SimpleNamespace(max_steps=10), SimpleNamespace(gradient_accumulation_steps=1)
    callback.on_train_begin(args, state, None, train_dataloader=torch.utils.data.DataLoader(Stream()))
    assert (callback._random is not None) == (step > 0)  # Its one epoch is then under way.


def test_lightning_may_train_for_endless_epochs(adapter, make_plan, tmp_path):
    names = {"Callback": object, "LightningModule": object, "Trainer": object}
    lightning = adapter("lightning", "lightning.pytorch", **names)
    model = torch.nn.Linear(1, 1)
    trainer = SimpleNamespace(
        optimizers=[torch.optim.SGD(model.parameters(), lr=0.1)],
        strategy=None,
        estimated_stepping_batches=math.inf,
        lr_scheduler_configs=[],
        fit_loop=SimpleNamespace(state_dict=dict),
        train_dataloader=None,
        global_step=0,
        is_last_batch=False,
    )
    callback = lightning.SpotCallback(make_plan())
    callback.on_fit_start(trainer, model)
    for batch in range(2):
        callback.on_train_batch_start(trainer, model, None, batch)
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, model, torch.tensor(0.5), None, batch)
    callback.on_fit_end(trainer, model)
    spool = tmp_path / "checkpoints" / "spool" / "attempt-1-node-0.jsonl"
    assert [event["step"] for event in read_spool(spool) if event["event"] == "committed"] == [2]
