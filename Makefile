# Needs Python 3.11 or newer, make and a package registry. Everything else is made on demand in .venv.

VENV        ?= .venv
STUDIO_VENV ?= .venv-studio
CLIENT_VENV ?= .venv-client
BIN         := $(VENV)/bin
STUDIO_BIN  := $(STUDIO_VENV)/bin
ARGS        ?=
IN_PROCESSES := $(addprefix tests/integration/,api cli module examples)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run venv dev test test-postgres test-processes check format bench soak studio lock wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## start the server and the web page (ARGS="--port 8000")
	$(BIN)/duologue serve --delay 0.3 $(ARGS) # the demo bot thinks a moment, so that one can watch

test: $(VENV)/.dev ## unit and integration tests: no network, no key (ARGS="-k stop")
	$(BIN)/python -m pytest -n auto --dist loadfile -m 'not postgres' tests/unit tests/contract tests/integration \
	  $(addprefix --ignore=,$(IN_PROCESSES)) $(ARGS)

test-postgres: $(VENV)/.dev ## storage and engine on a Postgres that the tests start (ARGS=tests/integration/api)
	TEST_DATABASE=postgres $(BIN)/python -m pytest -n auto --dist loadfile \
	  tests/contract tests/integration/engine $(ARGS)

test-processes: $(VENV)/.dev ## servers, the command, the module and the examples in processes of their own
	$(BIN)/python -m pytest -n auto --dist loadfile $(IN_PROCESSES) $(ARGS)

check: $(VENV)/.dev ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format and repair what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure the promises (QUICK=1 for a short round)
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

soak: $(VENV)/.dev ## half an hour of kills, wrong clocks, full disks (ARGS="--minutes 60")
	$(BIN)/python -m bench.soak $(ARGS)
	EXPERIMENT_KILLS=20 $(BIN)/python -m pytest -q tests/faults/test_experiment_kills.py
	PLAYED_TALKS=200 $(BIN)/python -m pytest -q tests/integration/engine/test_many_played.py

studio: $(STUDIO_VENV)/.studio ## LangGraph's local server with the graph; says where Studio is
	LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=true $(STUDIO_BIN)/langgraph dev \
	  --no-browser --host 127.0.0.1 --n-jobs-per-worker 10 $(if $(RELOAD),,--no-reload) $(ARGS)

venv: $(VENV)/.run ## make .venv with what the product needs
dev: $(VENV)/.dev ## make .venv with the development tools too

# --- environments: a stamp per step, so that a second call does nothing ------------------------

# The first Python on the PATH that is new enough and can make environments.
find_python = for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo $$python; exit 0; fi; done; \
	  echo 'Duologue needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv).' >&2; \
	  exit 1

# Bytecode is made here and not at the first start, which would wait for it: some machines keep none.
# uv is quick but does not read pip's configuration; where it cannot reach a registry, pip may.
# $(1) environment, $(2) arguments
install = $(1)/bin/uv pip install --quiet --compile-bytecode --python $(1)/bin/python $(2) \
	  || $(1)/bin/python -m pip install --quiet $(2)

%/.made:
	@python=$$($(find_python)) && set -x && $$python -m venv --clear $*
	@touch $@

%/.tools: requirements/tools.txt %/.made
	$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

%/.run: requirements/run.txt pyproject.toml %/.tools
	$(call install,$*,--require-hashes -r $<)
	$(call install,$*,--no-deps --no-build-isolation -e .)
	$*/bin/python -m compileall -q core nodes demo graph evaluation reports duologue api ui cli
	@touch $@

%/.dev: requirements/dev.txt %/.run
	$(call install,$*,--require-hashes -r $<)
	@touch $@

%/.studio: requirements/studio.txt pyproject.toml %/.tools
	$(call install,$*,--require-hashes -r $<)
	$(call install,$*,--no-deps --no-build-isolation -e .)
	@touch $@

%/.client: requirements/client.txt %/.tools
	$(call install,$*,--require-hashes -r $<)
	@touch $@

.PRECIOUS: %/.made %/.tools %/.run

lock: $(VENV)/.tools ## write requirements/*.txt anew (UPGRADE=1 for newer versions)
	UV=$(abspath $(BIN))/uv UPGRADE=$(UPGRADE) requirements/lock

wheel: $(VENV)/.tools ## build dist/*.whl
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist

clean: ## remove the environments, caches and builds
	rm -rf $(VENV) $(STUDIO_VENV) $(CLIENT_VENV) .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
