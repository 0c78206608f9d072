"""What a plain loop has to change, and what an adapter refuses or says where its library is absent."""

from __future__ import annotations

import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "trainer" / "examples"
LIBRARIES = {
    "hf_callback": "transformers",
    "lightning_callback": "lightning",
    "deepspeed_engine": "deepspeed",
}


def lines_of(name: str) -> list[str]:
    """The lines of an example's `main`, without their indentation."""
    text = (EXAMPLES / name).read_text()
    return [line.strip() for line in text[text.index("def main") :].splitlines() if line.strip()]


def test_a_plain_loop_changes_by_three_lines():
    before, after = lines_of("plain_loop_before.py"), lines_of("plain_loop.py")
    changes = [line for line in difflib.ndiff(before, after) if line[:2] in ("+ ", "- ")]
    added = [line[2:] for line in changes if line.startswith("+")]
    assert [line.split("(")[0] for line in added] == [
        "with SpotSession",
        "for step in session.steps",
        "session.tick",
    ]
    assert [line for line in changes if line.startswith("-")] == ["- for step in range(STEPS):"]


@pytest.mark.parametrize("name", LIBRARIES)
def test_an_adapter_whose_library_is_absent_says_which_one_is(name):
    if importlib.util.find_spec(LIBRARIES[name]) is not None:
        pytest.skip(f"{LIBRARIES[name]} is installed here")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"No module named '{LIBRARIES[name]}'" in done.stderr


def test_a_resumable_loader_goes_on_behind_the_last_batch_in_the_order_of_its_epoch():
    pytest.importorskip("lightning", reason="extra lightning is not installed")
    import torch

    from trainer.adapters.lightning import ResumableLoader

    def loader():
        numbers = torch.utils.data.TensorDataset(torch.arange(12))
        chance = torch.Generator()
        return ResumableLoader(torch.utils.data.DataLoader(numbers, 3, shuffle=True, generator=chance))

    whole = loader()
    epochs = [[tuple(batch[0].tolist()) for batch in whole] for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    for epoch in range(3):
        for batch in range(1, 5):
            other = loader()
            for _ in range(epoch):
                list(other)
            begun = iter(other)
            for _ in range(batch):
                next(begun)
            again = loader()
            again.load_state_dict(other.state_dict())
            iter(again)  # Begun and left before the first batch is not begun.
            rest = [tuple(each[0].tolist()) for each in again]
            expected = epochs[epoch][batch:] if batch < 4 else (epochs[epoch + 1] if epoch < 2 else rest)
            assert rest == expected
