# Two commands matter: `make lake-build` and `make test`. Each does all of its own set-up.

.DEFAULT_GOAL := help
.PHONY: help lake-build lake-check nightly backtest test test-long check bench lab clean

# The first Python on this machine that is new enough; say `make PYTHON=… ` for another.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# As an address, because pip splits a plain path at its blanks.
empty :=
export PIP_CONSTRAINT := file://$(subst $(empty) $(empty),%20,$(CURDIR))/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lake-build: $(VENV)/.core ## Build the demo lake in ./lake: 7 cities, 14 event days, no keys (ARGS="--days 3").
	@$(BIN)/kwx lake build --demo $(ARGS)

lake-check: $(VENV)/.core ## Hold the lake against its promises; exit 3 when one is broken.
	@$(BIN)/kwx lake check $(ARGS)

nightly: $(VENV)/.core ## Do what is due after an event date: from ingest to the report (ARGS="--dry-run").
	@$(BIN)/kwx nightly $(ARGS)

backtest: $(VENV)/.core ## Run a strategy through the lake's days (ARGS="--strategy fused --city chicago").
	@$(BIN)/kwx backtest --strategy accel $(ARGS)

test: $(VENV)/.dev ## Run the test suite, one process for each core (ARGS="-k publish").
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-long: $(VENV)/.dev ## Run the tests that take minutes each: worlds of months, years of real reports.
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m slow $(ARGS)

check: $(VENV)/.dev ## Lint, format and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.dev ## Measure every heavy path against an independent baseline (ARGS="dense").
	@$(BIN)/python tests/bench/run.py $(ARGS)

lab: $(VENV)/.lab ## Open the notebooks.
	@$(BIN)/marimo edit notebooks

clean: ## Remove the virtual environment and caches; the lake stays.
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer with venv was found" >&2; \
		echo "hint:  install one (Debian: python3 python3-venv), or say: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1), and 3.11 or newer is needed" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(VENV) is of $$($(BIN)/python -V), and 3.11 or newer is needed" >&2; \
		echo "hint:  make clean, then make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@echo "installing the pinned dependencies into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "installing what the tests need" >&2
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.lab: $(VENV)/.core
	@echo "installing what the notebooks need" >&2
	@$(BIN)/python -m pip install --quiet --editable '.[lab]'
	@touch $@
