# Two commands for a fresh machine: `make demo` and `make test`. Everything else is a convenience.
# Nothing has to be prepared but Python 3.11 or newer and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# uv is several times faster than pip. It does not read pip's settings, so a local wheel folder is passed on.
INSTALL = if $(BIN)/python -m pip install -q -U pip uv 2>/dev/null && $(BIN)/uv --version >/dev/null 2>&1; then \
	    UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/uv pip install -q -p $(BIN)/python -e '.[all,dev]' \
	    || $(BIN)/python -m pip install -q -e '.[all,dev]'; \
	  else $(BIN)/python -m pip install -q -e '.[all,dev]'; fi

.PHONY: demo test lint types layers unit chromium bench soak schemas documents clean

demo: $(STAMP)
	$(BIN)/lowtide demo $(ARGS)

test: $(STAMP) chromium lint types layers unit

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("Lowtide needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Type: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Lowtide into $(VENV) …"
	@$(INSTALL)
	@touch $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# By file on several cores. The whole demos run alone: they are real markets at many times their speed, and what
# loads the machine beside them takes hours from theirs.
unit: $(STAMP)
	$(BIN)/pytest -n 3 --dist loadfile --durations=25 --ignore tests/crash --ignore tests/e2e $(ARGS)
	$(BIN)/pytest -n 2 --dist loadfile --durations=25 --deselect tests/e2e/test_demo_whole.py tests/crash tests/e2e $(ARGS)
	$(BIN)/pytest --durations=5 tests/e2e/test_demo_whole.py $(ARGS)

# Browser tests drive the system's Chromium. Where it is missing and apt is usable, it is installed;
# where it is not, those tests skip by name, and fail when CI=true.
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	 { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium …" && \
	   apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	 echo "Chromium is missing and cannot be installed here; browser tests will say so."

bench: $(STAMP)
	$(BIN)/python bench/run_all.py $(ARGS)

# The fault programmes of tests/crash, ten times as long and over every combination: some five thousand
# faults. What they came to is written into docs/performance.md.
soak: $(STAMP)
	$(BIN)/python bench/soak.py --times $(or $(TIMES),10) $(ARGS)

schemas: $(STAMP)
	$(BIN)/python -m trainer.plan --schema > trainer/plan.schema.json
	$(BIN)/python -m trainer.runlog --schema > trainer/runlog.schema.json

# Fills the marked blocks of README.md and docs/ with what the program prints.
documents: $(STAMP)
	$(BIN)/python tests/unit/house/test_readme.py

clean:
	rm -rf $(VENV) demo-out
