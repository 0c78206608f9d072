"""Starts the writer process under a name of its own, whatever else is called `trainer` where it starts."""

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "lowtide_trainer"


def load() -> None:
    """Load the folder this file is in as `lowtide_trainer`."""
    folder = Path(__file__).parents[1]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load()
    importlib.import_module(f"{PACKAGE}.checkpoint.worker").main(int(sys.argv[1]))
