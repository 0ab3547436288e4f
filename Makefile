# Everything a fresh checkout needs: `make demo` and `make test` set up what they use.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

.PHONY: help demo test lint typecheck unit kernel vm pythons bench system clean

help:
	@echo "make demo       run opensnoop for some seconds on events of its own"
	@echo "make test       install what the tests need and run everything"
	@echo "make lint typecheck unit kernel vm pythons bench   the parts"
	@echo "make clean      remove the environments and build products"

$(VENV)/.demo: pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer was found; install one or run make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --editable .
	@$(BIN)/python -m compileall -q pybpfc stdlib # as pip does for what it copies
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install "pytest>=8" "hypothesis>=6.100" "ruff>=0.6" "mypy>=1.11" "pyright>=1.1.380" "hatchling>=1.25" "numpy>=1.26"
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

# System packages that tests compare with or boot; without apt or root those tests are skipped and say so.
system:
	@sh tests/install-system-packages.sh

lint: $(VENV)/.dev
	$(BIN)/ruff check .

typecheck: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/unit tests/golden tests/ui tests/typing tests/exec tests/packaging

kernel: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/kernel

vm: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/vm

pythons: $(VENV)/.dev
	sh tests/other-pythons.sh

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

test: system lint typecheck pythons
	$(BIN)/python -m pytest -q

clean:
	rm -rf $(VENV) .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .vm
