"""The public face for user code: `from lowtide import SpotSession, Plan`.

A user's script often stands next to a `trainer.py` or `model.py` of its own, and Python would find
those first. So our trainer is loaded from beside this very file and under a name of its own,
which works because it uses relative imports only. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.adapters.deepspeed import SpotEngine
    from trainer.adapters.driving import ranks_here
    from trainer.adapters.hf import spot_train
    from trainer.adapters.lightning import ResumableLoader, SpotCallback
    from trainer.clock import Clock
    from trainer.errors import TrainerError
    from trainer.plan import Plan, PlanError
    from trainer.session import SpotSession

__all__ = [
    "Clock",
    "Plan",
    "PlanError",
    "ResumableLoader",  # Lightning, extra `lightning`.
    "SpotCallback",
    "SpotEngine",  # DeepSpeed, extra `deepspeed`.
    "SpotSession",
    "TrainerError",
    "ranks_here",  # For a loop of one's own under torchrun.
    "spot_train",  # Hugging Face, extra `hf`.
]

_PACKAGE = "lowtide_trainer"
_HOME = {
    "Clock": "clock",
    "Plan": "plan",
    "PlanError": "errors",
    "ResumableLoader": "adapters.lightning",
    "SpotCallback": "adapters.lightning",
    "SpotEngine": "adapters.deepspeed",
    "SpotSession": "session",
    "TrainerError": "errors",
    "ranks_here": "adapters.driving",
    "spot_train": "adapters.hf",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lowtide' has no attribute {name!r}")
    _load_package()
    return getattr(importlib.import_module(f"{_PACKAGE}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__


def _load_package() -> None:
    """Load our `trainer` folder as `lowtide_trainer`, whatever else is called `trainer`."""
    if _PACKAGE in sys.modules:
        return
    folder = Path(__file__).parent / "trainer"
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"lowtide's trainer is missing at {folder}; install lowtide anew.")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)
