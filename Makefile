# Two commands for a newcomer: `make demo` and `make test`. The rest is listed by `make help`.

UV_VERSION := 0.13.9
TOOLS := var/tools
UV := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
PYTHON ?= python3
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test check env env-test env-load bench bench-bank load load-locust faults races soak mutants screenshots pictures reference coverage clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: env ## set up, load the demo, start it on 127.0.0.1, say where to click
	@.venv/bin/jikao demo

demo-reset: env ## forget the demo's data and start over
	@.venv/bin/jikao demo --reset

test: env-test ## everything that must hold before a change lands
	@.ci/check

check: env-test ## formatting, lint, types and import contracts only
	@.ci/check --static

env: .venv/.ready ## the product's environment from the lock file

.venv/.ready: uv.lock pyproject.toml | python-found
	@test -x "$(UV)" || { $(PYTHON) -m venv $(TOOLS) && $(TOOLS)/bin/pip install -qq --disable-pip-version-check uv==$(UV_VERSION); }
	@$(UV) sync --quiet --frozen --no-managed-python --no-default-groups
	@env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c 'import server.app, server.cli' # compiled: back twice as soon
	@touch $@

.PHONY: python-found
python-found:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Jikao needs Python 3.11 or newer: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

env-test: env
	@$(UV) sync --quiet --frozen --no-managed-python
	@.ci/prepare

env-load: env
	@$(UV) sync --quiet --frozen --no-managed-python --all-groups

bench: env-test ## speed figures of the main job, to var/bench/main.json
	@.venv/bin/python -m loadtests.bench

bench-bank: env-test ## speed figures of the item bank, each with its check, to var/bench/bank.json
	@.venv/bin/python -m loadtests.bench_bank

load: env-test ## figures under load: 2,000 and 10,000 candidates, storms, outage, to var/bench/load.json (25 minutes)
	@.venv/bin/python -m loadtests.load

load-locust: env-load ## 100 candidates by locust against `jikao serve`, then the check that nothing was lost
	@.venv/bin/python -m loadtests.run

BLOWS ?= 500
MINUTES ?= 10

faults: env-test ## what an exam must survive: 5,000 power cuts, 1,000 races of each kind, BLOWS kills and stops under load
	@.venv/bin/python -m tests.faults.power
	@RACES_OF_A_KIND=1000 .venv/bin/pytest -q tests/faults/test_races.py tests/faults/test_disk_full.py
	@.venv/bin/pytest -q -m slow tests/journeys/client tests/house/test_rehearsal.py
	@.venv/bin/python -m tests.faults.held
	@.venv/bin/pytest -q -n 3 -m slow tests/faults/test_real_outages.py tests/faults/test_processes.py -k 'not chaos'
	@.venv/bin/python -m tests.faults.chaos --database sqlite --blows $$(($(BLOWS) / 2))
	@.venv/bin/python -m tests.faults.chaos --database postgresql --blows $$(($(BLOWS) - $(BLOWS) / 2))
	@.venv/bin/python -m tests.faults.processes --blows $$(($(BLOWS) / 5))
	@.venv/bin/python -m tests.faults.browser --sittings 6 --rounds 10

races: env-test ## 200 assemblies at once on a small bank, processes killed at random, on SQLite and PostgreSQL
	@.venv/bin/python -m tests.faults.assemblies

soak: env-test ## the state machine beside the reference model, and the memory of a serving process, MINUTES each on each database
	@.venv/bin/python -m tests.faults.soak --minutes $(MINUTES)

mutants: env-test ## seeded mistakes in rules, writer, short way, outages and packages, each of which the tests must notice
	@.venv/bin/python -m tests.faults.mutants

screenshots: env-test ## every page of the running demo, in both languages and themes, to var/screenshots
	@.venv/bin/pytest -q -m 'browser' tests/journeys/test_accessibility.py
	@.venv/bin/python -m tests.screenshots

coverage: env-test ## do 95 % intervals of statistics hold the truth in 92 to 98 of 100? 200 simulated exams a figure (some minutes)
	@.venv/bin/pytest -q -n 2 -m "slow or not slow" tests/itembank/test_statistics_coverage.py

pictures: env-test ## the pictures of the documents from a fresh demo, to docs/pictures
	@.venv/bin/python -m tests.pictures

reference: env-test ## write docs/reference.md from the code
	@.venv/bin/python -m tests.reference --write

clean: ## remove the environment and caches; keeps var/
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
