"""A save that cannot be finished within the notice is given up by all ranks, whichever of them is slow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("give_up_script.py")
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """What two ranks under torchrun leave behind."""
    room = tmp_path_factory.mktemp("room")
    for stopped in ("0", "1"):
        (room / stopped).mkdir()
        (room / stopped / "key").write_text("11" * 32 + "\n")
    how = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [*how, str(SCRIPT), str(room)]
    with open(room / "output.txt", "wb") as output:  # A pipe would wait for a writer that stands still.
        try:
            done = subprocess.run(words, env=environment, timeout=PATIENCE_S, stdout=output, stderr=output)
        finally:
            for path in room.glob("*/stopped.pid"):
                with suppress(ProcessLookupError):
                    os.kill(int(path.read_text()), signal.SIGKILL)
    assert done.returncode == 0, (room / "output.txt").read_text()[-4000:]
    return room


@pytest.mark.parametrize("stopped", [0, 1])
def test_where_the_writer_of_one_rank_stands_still_all_save_what_still_fits_and_leave(room, stopped):
    told = [json.loads((room / f"{stopped}-{rank}.json").read_text()) for rank in (0, 1)]
    assert [each["left"] for each in told] == [75, 75]
    assert [each["step"] for each in told] == [3, 3]
    assert [each["new writer"] for each in told] == [True, True]
    ring = Keyring.read(f"file:{room}/{stopped}/key")
    rows = list_checkpoints(open_store(str(room / str(stopped) / "checkpoints")), ring)
    # The exact save of step 2 never came to be; of step 3 there are the weights.
    assert [(row.step, row.tier, row.valid) for row in rows] == [(3, "E", True), (1, "F", True)]
