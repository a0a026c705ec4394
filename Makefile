# Two commands on a fresh machine: `make demo` shows the main job, `make test` proves it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint unit benchmarks chaos clean

demo: $(VENV)/.demo
	$(BIN)/rotate demo

test: lint unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=examples/third-party $(BIN)/mypy -p example_providers
	$(BIN)/lint-imports

unit: $(VENV)/.dev node_modules/.installed
	$(BIN)/pytest -n auto --dist loadgroup

# Ratios against a bare script; docs/performance.md says what they mean.
benchmarks: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks

# Daemons that are killed, stopped and cut off, for longer than in every run of the tests; see docs/testing.md.
MONTHS ?= 8
chaos: $(VENV)/.dev
	CHAOS_MONTHS=$(MONTHS) $(BIN)/pytest tests/acceptance/test_chaos.py

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.demo: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet -e '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/pip pyproject.toml
	$(BIN)/pip install --quiet -e '.[all,demo]' --group dev
	touch $@ $(VENV)/.demo

# JupyterHub's proxy, and the vendors' command lines; where npm is missing, their tests are skipped with that reason.
node_modules/.installed: package.json
	command -v npm >/dev/null && npm install --ignore-scripts --no-audit --no-fund --silent && touch $@ || true

clean:
	rm -rf $(VENV) node_modules .demo
