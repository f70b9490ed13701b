# `make demo` and `make test` need Python >= 3.11 (with venv and pip) and make; they set up everything else.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   ?= demo-data
TESTS  ?=
# As pip does for a package that it does not leave in its folder: else each process may compile all it imports.
COMPILED = $(BIN)/python -m compileall -q client daemon || true

export PIP_DISABLE_PIP_VERSION_CHECK = 1
.DEFAULT_GOAL := help
.PHONY: help install demo test loaders lint check bench bench-quick soak lock docs clean

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fontmill needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): requirements.lock pyproject.toml hatch_build.py daemon/fontmilld/native $(wildcard daemon/fontmilld/native/*.[ch]) daemon/fontmilld/native/stamp.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'from fontmilld.native import core; core or print("The core was not compiled: rendering will be slower. `pip install -v --no-deps .` says why.")'
	@$(COMPILED)
	@touch $@

install: $(STAMP)  ## Make .venv with fontmill and its tools in it.

demo: $(STAMP)  ## Make a small dataset of several scripts in demo-data, and a contact sheet of it.
	@$(BIN)/python demo/run.py $(DEMO)

test: $(STAMP)  ## Run the tests (TESTS="-k name" narrows them).
	$(BIN)/python -m pytest $(TESTS)

$(VENV)-loaders/.installed: tests/loaders/requirements.lock | $(BIN)/python
	$(PYTHON) -m venv $(VENV)-loaders
	$(VENV)-loaders/bin/python -m pip install --quiet --require-hashes -r tests/loaders/requirements.lock
	@touch $@

loaders: $(STAMP) $(VENV)-loaders/.installed  ## Load trees with datasets and mlcroissant, in a Python of their own.
	FONTMILL_LOADERS_PYTHON=$(VENV)-loaders/bin/python $(BIN)/python -m pytest tests/loaders $(TESTS)

lint: $(STAMP)  ## Style, types, import directions, generated pages.
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m fontmill.cli.reference --check docs/
	$(BIN)/python -m fontmilld.reference --check docs/
	$(BIN)/fontmilld --config systemd/fontmill.toml --check
	@if command -v systemd-analyze >/dev/null; then systemd-analyze security --no-pager --offline=true --threshold=10 systemd/fontmilld.service | tail -n 1; else echo 'systemd-analyze is not here: the unit is not checked'; fi

check: lint test  ## lint and test.

bench: $(STAMP)  ## Every question in bench/, one JSON line an answer, in about 25 minutes.
	@$(COMPILED)
	$(BIN)/python bench/suite.py

bench-quick: $(STAMP)  ## The same with next to no work, to see that it runs; its figures mean nothing.
	$(BIN)/python bench/suite.py --quick

soak: $(STAMP)  ## The long versions of the tests.
	$(BIN)/python -m pytest -m soak $(TESTS)

docs: $(STAMP)  ## Make the generated pages anew.
	$(BIN)/python -m fontmill.cli.reference --write docs/
	$(BIN)/python -m fontmilld.reference --write docs/

lock: $(STAMP)  ## Resolve requirements.lock anew.
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 --generate-hashes --no-header --upgrade -o $(VENV)/lock
	{ sed -n 1p requirements.lock; cat $(VENV)/lock; } > $(VENV)/lock.new
	mv $(VENV)/lock.new requirements.lock
	{ echo '# Made by `make lock`: what `make loaders` needs.'; $(BIN)/uv pip compile tests/loaders/requirements.in --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade; } > $(VENV)/lock.new
	mv $(VENV)/lock.new tests/loaders/requirements.lock

clean:  ## Remove .venv, caches and the demo's dataset.
	rm -rf $(VENV) $(VENV)-loaders $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find client daemon tests bench -name __pycache__ -prune -not -path '*/.envs/*' -exec rm -rf {} +
