# Everything a person types. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first Python here that is new enough; PYTHON=… on the command line overrides it.
PYTHON ?= $(firstword $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
DATA ?= data
SEEDS ?= 2000
# Many tests wait for real programs, so there are twice as many processes as cores, at most eight.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 4 ? 2 * n : 8)))

.PHONY: help run test check format bench simulate proofs messages lock wheel clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.runs ## install and start everything with the demo organisation on http://127.0.0.1:8000
	@$(BIN)/tocsin run --demo --data $(DATA) $(ARGS)

test: $(VENV)/.develops ## the whole test suite; ARGS="tests/stories -x" for a part of it
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.develops ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.develops ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.develops ## measure against Debian's prometheus-alertmanager; ARGS="--scale 0.1" for a quick look
	@$(BIN)/python -m bench.schedules
	@$(BIN)/python -m bench.coverage
	@$(BIN)/python -m bench.run $(ARGS)

simulate: $(VENV)/.develops ## the simulator over SEEDS=2000 seeds, over SEEDS=17-42, or over the one SEEDS==17
	@$(BIN)/python -m tocsin.testing.simulate --seeds $(SEEDS) $(ARGS)

proofs: $(VENV)/.develops ## the counted proofs of docs/trust.md as often as it says: ten thousand races, …
	@TOCSIN_PROOFS=whole $(BIN)/python -m pytest -m counted $(ARGS)

messages: $(VENV)/.develops ## take new texts into src/tocsin/locale, and compile it
	@$(BIN)/python -m tests.languages.catalogues

wheel: $(VENV)/.develops ## build dist/tocsin-*.whl
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

# Locks carry hashes for every platform and name no index, so that they hold wherever packages come from.
lock: ## resolve the dependencies anew
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed.'; exit 1; }
	@test -x .lock-venv/bin/uv || { $(PYTHON) -m venv .lock-venv && .lock-venv/bin/pip install --quiet 'uv>=0.8'; }
	.lock-venv/bin/uv pip compile $(UV_FLAGS) --group build -o requirements.lock pyproject.toml
	.lock-venv/bin/uv pip compile $(UV_FLAGS) --group build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
UV_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --upgrade

clean: ## remove what was built; the data folder stays
	rm -rf $(VENV) .lock-venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Stamps: made when a step is finished, older than what it was made from when it has to be done again.
$(VENV)/.made:
	@test -n '$(PYTHON)' || { echo 'Tocsin needs Python 3.11 or newer. On Debian or Ubuntu: apt-get install python3 python3-venv'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'Python cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv'; exit 1; }
	@touch $@

$(VENV)/.runs: $(VENV)/.made requirements.lock pyproject.toml
	@echo 'Installing Tocsin into $(VENV) (a minute, once) …'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.develops: $(VENV)/.runs requirements-dev.lock
	@echo 'Installing what tests and checks need …'
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
