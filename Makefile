# One entry point for people and for CI. Everything runs in .venv, made by scripts/bootstrap.sh.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
CORE := gateway/policy/*,gateway/protocol/*,gateway/pki/*,gateway/enrollment.py,gateway/enrollment_policy.py

.PHONY: help run check lint unit test coverage chart bench format lock clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## the embedded lab and the gateway before it, with one enrollment through it (ONCE=1: then exit)
	@.venv/bin/ces-gateway lab $(if $(ONCE),--once)

check: lint unit ## format, lint, types, import contracts, unit and conformance tests: under a minute

lint: .venv/dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo | tail -n 1

unit: .venv/dev
	@$(PY) -m pytest -q tests/unit tests/conformance

test: lint chart coverage ## everything, with what it needs installed; prints the branch coverage of the core

coverage: .venv/dev
	@$(PY) -m pytest -q --cov --cov-report= tests/unit tests/conformance tests/integration
	@$(PY) -m coverage report --include='$(CORE)'

chart: .venv/dev ## lint, render and schema-check the Helm chart
	@$(PY) scripts/chart.py

bench: .venv/dev ## CPU per enrollment as a ratio to nginx, latency, memory
	@$(PY) -m tests.bench

format: .venv/dev ## rewrite the code as `make check` wants it
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

LOCK := .venv/bin/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 --no-header --no-annotate

lock: .venv/dev ## resolve the dependencies anew into the lock files: to run, to test, to build the image
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) pyproject.toml --extra dev -o requirements-dev.lock
	@printf 'hatchling>=1.27\n' | $(LOCK) - -o requirements-build.lock

.venv/run: pyproject.toml requirements.lock scripts/bootstrap.sh
	@scripts/bootstrap.sh run

.venv/dev: pyproject.toml requirements-dev.lock scripts/bootstrap.sh
	@scripts/bootstrap.sh dev

clean: ## remove everything that make made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage lab-state tests/bench/run
