"""Bytes of light saves against a full one, and of a second full save over a frozen base."""

from __future__ import annotations

from pathlib import Path

import torch
from checkpoint_ours import keeper_of, plan_in
from checkpoint_training import WIDTH
from harness import Bench

from trainer.adamw import AdamW, clip_gradients
from trainer.checkpoint.keeper import Keeper
from trainer.data import TextWindows, write_text
from trainer.gpt import Gpt, GptSize

SIZE = GptSize(layers=4, heads=4, width=192, context=64, batch=8)  # 1.8 M parameters.
WARM_STEPS, THEN_STEPS = 400, 10
GOALS = {3e-4: (0.07, 0.05), 1e-5: (0.03, 0.02)}


def figures(bench: Bench, room: Path) -> None:
    """Print the figures."""
    warm = 60 if bench.options.quick else WARM_STEPS
    for lr, (must, aim) in GOALS.items():
        full, keyframe, delta = light_bytes(room / f"light-{lr:g}", lr, warm, bench.options.seed)
        if lr == 3e-4:
            bench.figure(
                "light save, keyframe, against the raw full state", keyframe / full, unit="times",
                better="lower", must=0.12, aim=0.11,
            )  # fmt: skip
        bench.figure(
            f"light save, delta after {THEN_STEPS} steps at lr {lr:g}, against the raw full state",
            delta / full, unit="times", better="lower", must=must, aim=aim,
        )  # fmt: skip
    first, second, share = adapter_bytes(room / "adapter", bench.options.seed)
    bench.figure(
        "second full save over a frozen base, against the first, above the adapter's share",
        second / first - share, unit="times", better="lower", must=0.01, aim=0.001,
        adapter_share=round(share, 4),
    )  # fmt: skip


def light_bytes(room: Path, lr: float, warm: int, seed: int) -> tuple[int, int, int]:
    """Train a small GPT, save light, train on, save light again; return bytes: full raw, keyframe, delta."""
    room.mkdir()
    torch.manual_seed(seed)
    model = Gpt(SIZE)
    optimizer = AdamW(model, lr=1e-3)
    text = TextWindows(write_text(seed), seed=seed, batch=SIZE.batch, context=SIZE.context)
    keeper = _opened(model, optimizer, room)

    def train(first: int, count: int) -> None:
        for step in range(first, first + count):
            model.loss(text.batch(step)).backward()  # type: ignore[no-untyped-call]
            clip_gradients(model, 1.0)
            optimizer.step()
            optimizer.zero_grad()

    train(0, warm)
    optimizer.lr = lr
    keyframe = _stored(keeper, room, warm, "W")
    train(warm, THEN_STEPS)
    delta = _stored(keeper, room, warm + THEN_STEPS, "W")
    keeper.close()
    return 3 * sum(p.numel() * 4 for p in model.parameters()), keyframe, delta


def adapter_bytes(room: Path, seed: int) -> tuple[int, int, float]:
    """Save a frozen base with a small adapter twice; return the bytes of both, and the adapter's share."""
    room.mkdir()
    torch.manual_seed(seed)
    base = torch.nn.Sequential(*[torch.nn.Linear(WIDTH, WIDTH) for _ in range(80)]).requires_grad_(False)
    adapter = torch.nn.Sequential(torch.nn.Linear(WIDTH, 128), torch.nn.Linear(128, WIDTH))
    model = torch.nn.ModuleList([base, adapter])
    optimizer = torch.optim.AdamW(adapter.parameters())
    keeper = _opened(model, optimizer, room)
    sizes = []
    for step in (1, 2):
        x = torch.randn(4, WIDTH)
        (adapter(base(x)) - x).square().mean().backward()
        optimizer.step()
        sizes.append(_stored(keeper, room, step, "F"))
    keeper.close()
    of_adapter = 3 * sum(p.numel() * 4 for p in adapter.parameters())
    of_base = sum(p.numel() * 4 for p in base.parameters())
    return sizes[0], sizes[1], of_adapter / (of_base + of_adapter)


def _opened(model: object, optimizer: object, room: Path) -> Keeper:
    keeper = keeper_of(model, optimizer, plan_in(room, asynchronous=False, retention=9), room)
    keeper.restore()
    return keeper


def _stored(keeper: Keeper, room: Path, step: int, tier: str) -> int:
    """Save, and return what that added to the store."""
    before = _size(room)
    keeper.save(step, tier)  # type: ignore[arg-type]
    return _size(room) - before


def _size(room: Path) -> int:
    return sum(path.stat().st_size for path in (room / "checkpoints").rglob("*") if path.is_file())
