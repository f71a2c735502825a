# Everything this project runs; CI runs exactly these. `make help` lists them.

PYTHON ?= python3
JOBS ?= 2
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
SMOKE := build/smoke
PEER := build/peers
LOCKS := requirements
# Environments of their own: what we are compatible with, and measured against.
PEERS := kserve schemathesis fastapi mlserver bentoml evidently nannyml river airflow moto
# What the dev environment has of the package's extras. Never Feast, which wants
# older releases of what we run on: it has an environment of its own.
EXTRAS := --extra dask --extra github --extra postgres

# Every install is pinned by hash, from wheels only: nothing is built unseen.
INSTALL_LOCK := -m pip install -qq --require-hashes --only-binary :all:
INSTALL_OURS := -m pip install -qq --no-deps --no-build-isolation

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help demo test mission check peers bench smoke lock clean
.DELETE_ON_ERROR:

help: ## list what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.core ## the whole loop on simulated history, told as it goes
	@$(BIN)/breakcast demo

test: smoke ## the smoke test, all tests and doctests (PYTEST_ARGS="-k words" for some)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

mission: $(VENV)/.dev $(PEER)/airflow/.ready ## the whole mission on real processes, told as it goes: drift to a served new model
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -s tests/test_mission.py

check: $(VENV)/.dev ## lint, format, types and the rooms' contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

peers: $(PEER)/kserve/.ready $(PEER)/schemathesis/.ready $(PEER)/feast/.ready $(PEER)/airflow/.ready $(PEER)/moto/.ready ## what tests compare us with; absent, those tests are skipped

bench: $(VENV)/.dev $(PEER)/feast/.ready $(PEER)/airflow/.ready ## quality, replay, drift, renewal, serving, deliveries and stores, against the committed results
	@$(BIN)/python -m benchmarks.quality
	@$(BIN)/python -m benchmarks.replay
	@$(BIN)/python -m benchmarks.drift
	@$(BIN)/python -m benchmarks.drift.errors
	@$(BIN)/python -m benchmarks.renewal
	@$(BIN)/python -m benchmarks.renewal.scale
	@$(BIN)/python -m benchmarks.renewal.standalone
	@$(BIN)/python -m benchmarks.serving
	@$(BIN)/python -m benchmarks.scaling
	@$(BIN)/python -m benchmarks.deliveries
	@$(BIN)/python -m benchmarks.lookup
	@$(BIN)/python -m benchmarks.parity
	@$(BIN)/python -m benchmarks.feast
	@$(BIN)/python -m benchmarks.feast.answers

smoke: $(VENV)/.dev $(SMOKE)/.core ## the built wheel, installed and imported with nothing but its dependencies
	@rm -rf $(SMOKE)/wheel
	@$(BIN)/python -m pip wheel -qq --no-deps --no-build-isolation --wheel-dir $(SMOKE)/wheel .
	@$(SMOKE)/venv/bin/python $(INSTALL_OURS) --force-reinstall $(SMOKE)/wheel/*.whl
	@cd $(SMOKE) && venv/bin/python -I -W error -c "$$IMPORT_ALL"
	@$(SMOKE)/venv/bin/breakcast --help >/dev/null

# Migrations run inside Alembic only.
define IMPORT_ALL
import breakcast, importlib, pathlib
root = pathlib.Path(breakcast.__file__).parent
files = [f.relative_to(root.parent) for f in root.rglob("*.py") if "migrations" not in f.parts]
for file in files:
    importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
print(f"smoke: {len(files)} modules import from the wheel with nothing but its dependencies")
endef
export IMPORT_ALL

lock: $(VENV)/.dev ## renew the lock files from pyproject.toml, with releases a week old or more
	@$(COMPILE) --output-file $(LOCKS)/core.lock pyproject.toml
	@$(COMPILE) --output-file $(LOCKS)/build.lock --constraints $(LOCKS)/core.lock --group pyproject.toml:build
	@$(COMPILE) --output-file $(LOCKS)/image.lock --constraints $(LOCKS)/core.lock --extra github --extra postgres pyproject.toml
	@$(COMPILE) --output-file $(LOCKS)/dev.lock --constraints $(LOCKS)/core.lock --constraints $(LOCKS)/build.lock $(EXTRAS) --group pyproject.toml:dev pyproject.toml
	@$(COMPILE) --output-file $(LOCKS)/feast.lock --constraints $(LOCKS)/build.lock --extra feast --group pyproject.toml:build pyproject.toml
	@$(foreach one,$(PEERS),$(COMPILE) --output-file $(LOCKS)/$(one).lock --group pyproject.toml:$(one);)

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'

clean: ## remove what this Makefile made
	rm -rf $(VENV) build

# One environment serves all targets: `.core` marks it fit to run breakcast,
# `.dev` fit to test it as well. Both are redone when a lock file changes.

$(VENV)/.core: $(LOCKS)/core.lock $(LOCKS)/build.lock pyproject.toml
	@echo "Setting up $(VENV) with what breakcast needs to run (once, a minute or two) ..."
	@$(call make_venv,$(VENV))
	@$(BIN)/python $(INSTALL_LOCK) -r $(LOCKS)/core.lock -r $(LOCKS)/build.lock
	@$(BIN)/python $(INSTALL_OURS) --editable .
	@touch $@

$(VENV)/.dev: $(LOCKS)/dev.lock pyproject.toml
	@echo "Setting up $(VENV) with what breakcast needs to be tested (once, a minute or two) ..."
	@$(call make_venv,$(VENV))
	@$(BIN)/python $(INSTALL_LOCK) -r $(LOCKS)/dev.lock
	@$(BIN)/python $(INSTALL_OURS) --editable .
	@touch $(VENV)/.core $@

$(SMOKE)/.core: $(LOCKS)/core.lock
	@echo "Setting up $(SMOKE) with what a user of the wheel has (once) ..."
	@$(call make_venv,$(SMOKE)/venv)
	@$(SMOKE)/venv/bin/python $(INSTALL_LOCK) -r $(LOCKS)/core.lock
	@touch $@

# Feast is imported by us, not only compared with: breakcast runs inside.
$(PEER)/feast/.ready: $(LOCKS)/feast.lock pyproject.toml
	@echo "Setting up $(@D) to run breakcast with Feast (once, a minute or two) ..."
	@$(call make_venv,$(@D)/venv)
	@$(@D)/venv/bin/python $(INSTALL_LOCK) -r $<
	@$(@D)/venv/bin/python $(INSTALL_OURS) --editable .
	@touch $@

# A lock is whole: pip need not look for more, and by hash finds no extras.
$(PEER)/%/.ready: $(LOCKS)/%.lock
	@echo "Setting up $(@D) to compare ourselves with it (once, a minute) ..."
	@$(call make_venv,$(@D)/venv)
	@$(@D)/venv/bin/python $(INSTALL_LOCK) --no-deps -r $<
	@touch $@

# An interrupted set-up is begun again; a sound one is kept.
define make_venv
$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("breakcast needs Python 3.11 or newer; $(PYTHON) is %d.%d. Try: make PYTHON=python3.12 ..." % sys.version_info[:2])' \
&& { $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1); }
endef
