# One entry point for people and for CI. Everything runs in .venv, made by scripts/bootstrap.sh.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
CORE := gateway/policy/*,gateway/protocol/*,gateway/pki/*,gateway/enrollment.py,gateway/enrollment_policy.py,gateway/transition/guard.py

DOMAIN := tests/integration/kerberos

SECONDS := 4
MODULE := gateway/policy/*.py

.PHONY: help run check lint unit examples test coverage fuzz mutants domain chart bench format lock samba clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(if $(AD),.venv/kerberos samba,.venv/run) ## the lab and the gateway before it, and enroll (AD=1: with a domain; ONCE=1: exit)
	@.venv/bin/ces-gateway lab $(if $(AD),--ad) $(if $(ONCE),--once)

check: lint unit examples ## format, lint, types, import contracts, unit and conformance tests, examples of policies: some two minutes

lint: .venv/dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo | tail -n 1

unit: .venv/dev
	@$(PY) -m pytest -q tests/unit tests/conformance

examples: .venv/dev
	@.venv/bin/ces-gateway policy test policies

test: lint chart examples coverage fuzz domain ## everything, in an Active Directory domain too; prints the branch coverage of the core

coverage: .venv/dev
	@$(PY) -m pytest -q --cov --cov-report= --ignore=$(DOMAIN) tests/unit tests/conformance tests/integration
	@$(PY) -m coverage report --include='$(CORE)'

fuzz: .venv/dev ## hostile bytes for every parser, SECONDS=4 for each; a finding fails
	@$(PY) scripts/fuzz.py --seconds $(SECONDS)

mutants: .venv/dev ## changes that no test objects to, in MODULE=gateway/policy/*.py: two seconds for each change
	@$(PY) scripts/mutants.py $(MODULE)

domain: .venv/dev samba ## the tests against a real directory: ten thousand enrollments among them, some minutes
	@$(PY) -m pytest -q $(DOMAIN)

chart: .venv/dev ## lint, render and schema-check the Helm chart
	@$(PY) scripts/chart.py

bench: .venv/dev $(if $(AD),samba) ## CPU per enrollment as a ratio to nginx, latency, memory (AD=1: Kerberos, POLICIES=1: judging)
	@$(PY) -m tests.bench$(if $(AD),.kerberos)$(if $(POLICIES),.policies)

format: .venv/dev ## rewrite the code as `make check` wants it
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

# Extras stay in the names: without, pip would look past the lock for `coverage[toml]` once a newer release is out.
LOCK := .venv/bin/uv pip compile -q --upgrade --no-strip-extras --generate-hashes --universal --python-version 3.11 --no-header --no-annotate

lock: .venv/dev ## resolve the dependencies anew into the lock files: to run, to test, to build, and the extra
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --group build -c requirements-dev.lock -o requirements-build.lock
	@printf '%s\n' bonsai gssapi krb5 | $(LOCK) - -c requirements-dev.lock -o requirements-kerberos.lock

BOOTSTRAP := pyproject.toml requirements-build.lock $(wildcard scripts/*.sh)

.venv/run: $(BOOTSTRAP) requirements.lock
	@scripts/bootstrap.sh run

.venv/kerberos: $(BOOTSTRAP) requirements.lock requirements-kerberos.lock
	@scripts/bootstrap.sh kerberos

.venv/dev: $(BOOTSTRAP) requirements-dev.lock requirements-kerberos.lock
	@scripts/bootstrap.sh dev

samba: ## Samba for the domain of `make test` and `make run AD=1`, as a program and not as a service
	@scripts/bootstrap.sh samba

clean: ## remove everything that make made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage lab-state tests/bench/run
