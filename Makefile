# Everything a checkout can do. `make` prints this list; every target makes the environment it needs, in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help venv dev quickstart test lint types docs docs-check index bench nightly system clean

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
TIMEOUT ?= 120
# one thread per test worker: two workers on two cores must not fight for them
ONE := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
# the environment is rebuilt when what it was made from changes
KEY := $(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
PIP := $(BIN)/python -m pip --disable-pip-version-check

help:  ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

venv: $(VENV)/.stamp-run-$(KEY)  ## the environment to use guerdon, in .venv

$(VENV)/.stamp-run-$(KEY):
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt torch
	$(PIP) install --quiet -c constraints.txt --editable .
	@rm -f $(VENV)/.stamp-run-*
	@touch $@

dev: $(VENV)/.stamp-dev-$(KEY)  ## the environment to work on guerdon, in .venv

$(VENV)/.stamp-dev-$(KEY): $(VENV)/.stamp-run-$(KEY)
	$(PIP) install --quiet -c constraints.txt --editable '.[dev]'
	@rm -f $(VENV)/.stamp-dev-*
	@touch $@

quickstart: venv  ## train a small policy on the CPU and write its report; the last line is the path of the report
	@n=1; while test -e runs/quickstart-$$n; do n=$$((n + 1)); done; run=runs/quickstart-$$n; \
	$(BIN)/guerdon train quickstart --out $$run; \
	$(BIN)/guerdon report $$run --out $$run/report.html > /dev/null; \
	echo $$PWD/$$run/report.html

system:
	@missing=(); \
	command -v chromium > /dev/null || missing+=(chromium); \
	command -v bwrap > /dev/null || missing+=(bubblewrap); \
	test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf || missing+=(fonts-dejavu-core); \
	if (( $${#missing[@]} )); then \
		if [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$${missing[@]}"; } \
			> /dev/null < /dev/null || echo "could not install $${missing[*]}: tests that need them are skipped"; \
		else \
			echo "not on this machine: $${missing[*]}; tests that need them are skipped"; \
		fi; \
	fi

test: system dev lint types docs-check  ## every check and every test that is not nightly, under 12 minutes on 2 cores
	$(ONE) $(BIN)/python -m pytest --doctest-modules src/guerdon -q -p no:cacheprovider
	$(ONE) $(BIN)/python -m pytest -n $(WORKERS) --timeout $(TIMEOUT) -q

lint: dev  ## style, formatting, layers, freshness of the index
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(ONE) $(BIN)/python -m guerdon.registry --check

types: dev  ## pyright
	$(BIN)/pyright

docs: dev index  ## write the generated pages, the pictures and the site
	$(ONE) $(BIN)/python -m guerdon.docs_build.readme
	$(ONE) $(BIN)/python -m guerdon.docs_build

docs-check: dev
	$(ONE) $(BIN)/python -m guerdon.docs_build.readme --check
	$(ONE) $(BIN)/python -m guerdon.docs_build --check

index: dev
	$(ONE) $(BIN)/python -m guerdon.registry

bench: dev  ## run the benchmarks: start-up, vocabulary statistics, overhead
	$(BIN)/python benchmarks/run.py startup
	$(BIN)/python benchmarks/run.py vocab_stats
	$(BIN)/python benchmarks/run.py overhead

nightly: system dev  ## the long tests
	$(ONE) GUERDON_PROFILE=nightly $(BIN)/python -m pytest -n $(WORKERS) --timeout 3600 -m nightly

clean:  ## remove the environment, caches and generated sites, never runs/
	rm -rf $(VENV) site .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
