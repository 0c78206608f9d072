"""GPU models, which every provider spells its own way.

A model is a family and the nominal memory of one GPU, as in the catalogue: "NVIDIA H100 80GB
HBM3" with 80 GB is H100-80GB. A family that the catalogue does not know yet gets a model of
its own, so that a new GPU is there from the day it is listed. PCIe cards of families that are
sold with NVLink are slower and keep a name of their own.

A model that is in no table here is derived from the provider's words and memory by one rule,
so that a machine with a new GPU is on record from the day it is listed. `derived_note` says so
wherever the machine is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from model.market import Sku

from ..catalog import GIB, load_catalog

VENDORS: Final = r"\b(NVIDIA|TESLA|GEFORCE|AMD|INSTINCT|RADEON|QUADRO|OAM)\b"
FORMS: Final = r"\b(SXM\d?|NVL|NVLINK|PCI-?E|HBM\w*|WS|\d+ ?GB)\b|[()]"
LINKED: Final = ("H100", "H200", "B200", "B300")  # Families whose PCIe card is another machine.
NEAR: Final = 0.1  # Reported memory lies this near to the nominal: 81559 MiB of an 80 GB card.


def gpu_model(name: str, memory_gb: float) -> str:
    """The normalised model of a GPU.

    Args:
        name: As the provider spells it.
        memory_gb: Of one GPU, as reported.

    Raises:
        ValueError: No family is left of the name, or the memory is not positive.
    """
    if not memory_gb > 0:
        raise ValueError("a GPU without memory")
    family = _family(name)
    model = f"{family}-{_nominal(family, memory_gb)}GB"
    pcie = re.search(r"\bPCI-?E\b", name.upper()) and family in LINKED
    return f"{model}-PCIE" if pcie else model


def derived_model(words: str, memory_gb: float | None) -> str:
    """The model of an accelerator that no table names: `R100` of 288 GB is R100-288GB.

    Args:
        words: The provider's own name of it.
        memory_gb: Of one; None where the provider does not say, and then the model says nothing of it.

    Raises:
        ValueError: No family is left of the name, or the memory is not positive.
    """
    return _family(words) if memory_gb is None else gpu_model(words, memory_gb)


def derived_note(model: str, words: str = "the provider's own words") -> str | None:
    """What a person is told beside a model that the catalogue does not have; None where it has it."""
    return None if model in _models() else f"model name derived from {words}; in no catalogue yet"


@cache
def _models() -> frozenset[str]:
    """Every GPU model of the catalogue."""
    return frozenset(sku.gpu_model for sku in load_catalog().skus.values())


def gpu_sku(provider: str, name: str, gpu: str, count: int, memory_gb: float) -> Sku:
    """A machine with `count` of these GPUs; raises as `gpu_model`."""
    model = gpu_model(gpu, memory_gb)
    nominal = int(re.findall(r"-(\d+)GB", model)[-1])
    return Sku(provider=provider, name=name, gpu_model=model, gpu_count=count, gpu_memory_bytes=nominal * GIB)


def _family(name: str) -> str:
    """The letters and digits that name the chip: `RTX A6000` is A6000, `RTX 6000 Ada` RTX6000ADA."""
    words = re.sub(FORMS, " ", re.sub(VENDORS, " ", name.upper().replace("_", " ")))
    family = re.sub(r"[^A-Z0-9]", "", words)
    family = re.sub(r"^RTX(?=A\d)", "", family)
    if not family:
        raise ValueError("a GPU without a name")
    return family


def _nominal(family: str, memory_gb: float) -> int:
    """The catalogue's memory of this family nearest to the reported; the rounded report where none is."""
    known = [gb for gb in _known(family) if abs(gb - memory_gb) <= NEAR * gb]
    return min(known, key=lambda gb: abs(gb - memory_gb), default=round(memory_gb))


def _known(family: str) -> Iterable[int]:
    """Memory sizes in which the catalogue has this family, in GB."""
    for sku in load_catalog().skus.values():
        head, _, size = sku.gpu_model.partition("-")
        if head == family and size.split("GB")[0].isdigit():
            yield int(size.split("GB")[0])
