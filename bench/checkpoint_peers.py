"""torch.distributed.checkpoint as its documentation says to use it, by default and at its best."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path

import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from checkpoint_training import Saver, Training
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from torch.distributed.checkpoint.state_dict_saver import AsyncCheckpointerType, AsyncSaveResponse


def join_group(room: Path) -> None:
    """Be a process group of one, which saving from another process asks for."""
    dist.init_process_group("gloo", init_method=f"file://{room}/group", rank=0, world_size=1)


class DefaultAsync(Saver):
    """`dcp.async_save(state, checkpoint_id=…)` and nothing else."""

    def __init__(self, room: Path) -> None:
        self._room, self._count = room, 0
        self._durable: Future[object] | None = None
        self._staged: Future[object] | None = None

    def _where(self) -> Path:
        self._count += 1
        return self._room / f"{self._count:04d}"

    def begin(self, training: Training) -> None:
        self._path = self._where()
        self._take(dcp.async_save(training.state(), checkpoint_id=self._path))

    def _take(self, answer: object) -> None:
        if isinstance(answer, AsyncSaveResponse):
            self._staged, self._durable = answer.staging_completion, answer.upload_completion
        else:
            self._durable = answer  # type: ignore[assignment]

    def before_update(self) -> None:
        if self._staged is not None:
            self._staged.result()
            self._staged = None

    def is_durable(self) -> bool:
        assert self._durable is not None
        return self._durable.done()

    def end(self) -> None:
        assert self._durable is not None
        self._durable.result()
        shutil.rmtree(self._path)


class ProcessShared(DefaultAsync):
    """In a process, through shared memory, with one stager for all saves that stages beside the training."""

    def __init__(self, room: Path) -> None:
        super().__init__(room)
        self._stager = DefaultStager(
            StagingOptions(
                use_pinned_memory=False,
                use_shared_memory=True,
                use_async_staging=True,
                use_non_blocking_copy=False,
            )
        )

    def begin(self, training: Training) -> None:
        self._path = self._where()
        self._take(
            dcp.async_save(
                training.state(),
                checkpoint_id=self._path,
                async_checkpointer_type=AsyncCheckpointerType.PROCESS,
                async_stager=self._stager,
            )
        )

    def close(self) -> None:
        self._stager.close()
