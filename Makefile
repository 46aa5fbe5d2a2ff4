# `make dev` starts Dagster's UI, `make test` runs the tests, `make load` runs the main job in the terminal.
PYTHON ?= python3
PORT ?= 3000
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME := $(CURDIR)/.dagster_home
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.PHONY: dev test load check install clean reset

dev: install
	$(BIN)/dagster dev --port $(PORT)

test: install
	$(BIN)/python -m pytest

load: install
	$(BIN)/dg launch --job load_dimensions

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed $(DAGSTER_HOME)/dagster.yaml

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fabric_assets needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# History in SQLite below this folder; nothing is sent anywhere, nobody is asked for an address (nux).
$(DAGSTER_HOME)/dagster.yaml:
	@mkdir -p $(DAGSTER_HOME)
	@printf 'telemetry:\n  enabled: false\nnux:\n  enabled: false\n' > $@

clean:
	rm -rf $(VENV)

# Forgets history, notebooks and tables of the local Fabric.
reset: install
	$(BIN)/fabric-assets local --stop
	rm -rf $(DAGSTER_HOME) .fabric_local
