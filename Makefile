# Bookbag. `make run` starts it and `make test` tests it; both fetch what they need. `make help` lists the rest.
# Needed beforehand: git, make, and Python 3.11 or newer as python3 (or PYTHON=...).

PYTHON ?= python3
# uv installs the locked dependencies. A recent one on PATH is used; otherwise uv is installed into var/tools.
UV := $(shell case "$$(uv --version 2>/dev/null)" in (""|"uv 0."[0-6].*) echo var/tools/bin/uv;; (*) echo uv;; esac)
UV_HERE := $(filter var/%,$(UV))
IN_ENV := $(UV) run --quiet --no-sync
WORKERS ?= 4
# Each test file runs in one worker, so that it starts its servers once. Files are handed out in the order of
# tests/conftest.py. There are more workers than cores, because most tests wait. The summary lists first what was skipped,
# then what failed, so that failures are at the end of a long log.
PYTEST := $(IN_ENV) pytest -rsfE -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# With an explicit DATABASE_URL only that database is tested.
DATABASES := $(if $(DATABASE_URL),given,sqlite postgres)
# Runs the tests with the marks $(1) on each database. ARGS may pick no test on one of them, for which pytest exits
# with 5.
define test_on_each
	@failed=""; none=""; for database in $(DATABASES); do \
		echo "== tests on $$database: $(1)"; export BOOKBAG_TEST_DB=$$database; \
		$(PYTEST) -m "$(1)" $(ARGS) || { test $$? = 5 && none="$$none $$database"; } || failed="$$failed $$database"; \
	done; test -z "$$none" || echo "NONE picked on:$$none. \`make test\` and \`make deep\` have different tests."; \
	test -z "$$failed" || { echo "FAILED on:$$failed"; exit 1; }; test "$$none" != " $(DATABASES)"
endef
random = $$(head -c $(1) /dev/urandom | base64 | tr -d '\n')
PRODUCTION := ENV_FILE=/dev/null DEBUG=false HTTPS=true SSL_REDIRECT=true TRUST_PROXY=1 ALLOWED_HOSTS=bookbag.example \
	DATABASE_URL=sqlite://:memory: SECRET_KEY="$(call random,48)" VAULT_KEYS="k1:$(call random,32)"

.PHONY: help run test deep lint format secrets audit soak bench eval mutants manage provider-double runtime developer
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "  %-22s %s\n", $$1, $$2}'

run: runtime  ## prepare what is missing and serve Bookbag on http://127.0.0.1:8000 (HOST, PORT)
	@exec "$${UV_PROJECT_ENVIRONMENT:-.venv}/bin/python" manage.py quickstart $(ARGS)

test: developer  ## run the tests, on SQLite and on PostgreSQL, in some ten minutes (ARGS="-k words" picks some)
	$(call test_on_each,not soak and not deep)

deep: developer  ## run the tests that `make test` leaves out: deployments, kills, planted keys, texts at full size
	$(call test_on_each,deep and not soak)

lint: developer  ## check style, types, import rules, migrations and production settings
	@$(IN_ENV) ruff check
	@$(IN_ENV) ruff format --check
	@$(PRODUCTION) $(IN_ENV) mypy
	@$(IN_ENV) lint-imports --no-logo
	@$(IN_ENV) deptry . --no-ansi
	@$(PRODUCTION) $(IN_ENV) python manage.py makemigrations --check
	@$(PRODUCTION) $(IN_ENV) python manage.py check --deploy --fail-level WARNING

secrets: developer  ## look for secrets in the tracked files
	@$(IN_ENV) python -m tests.secret_scan

audit: secrets  ## look for secrets, and for known weaknesses in the locked libraries (asks the network)
	@$(UV) audit --locked --preview-features audit-command || \
		{ echo "The libraries were not found to be sound: the lines above name a weakness, or say why nobody could be asked."; exit 1; }

format: developer  ## let ruff put the code into shape
	@$(IN_ENV) ruff check --fix-only --quiet
	@$(IN_ENV) ruff format

soak: developer  ## run the long random suites, bounded in time, on both databases
	@failed=""; for database in $(DATABASES); do \
		echo "== soak on $$database"; \
		BOOKBAG_TEST_DB=$$database $(IN_ENV) pytest -rsfE -s -m soak $(ARGS) || failed="$$failed $$database"; \
	done; test -z "$$failed" || { echo "FAILED on:$$failed"; exit 1; }

bench: developer  ## measure a reply's cost beside the provider and the LiteLLM proxy
	@$(IN_ENV) python -m bench $(ARGS)

eval: developer  ## measure finding and answering on labelled questions (ARGS="--half tuned --misses" lists what is missed)
	@$(IN_ENV) python -m bench.answers $(ARGS)

mutants: developer  ## see that the tests find known faults, put in one at a time (ARGS="--only billing" picks some)
	@$(IN_ENV) python -m tests.mutants $(ARGS)

manage: runtime  ## run a command of manage.py, as in ARGS="grant_credits acme 100 --reason thanks"
	@exec "$${UV_PROJECT_ENVIRONMENT:-.venv}/bin/python" manage.py $(ARGS)

provider-double: developer  ## start the stand-in for OpenAI and Anthropic, to try keys without an account
	@$(IN_ENV) python -m tests.provider_double --port 8010 --gap-ms 30 --think-ms 2000 --verbose $(ARGS)

# --inexact keeps packages that the other target has installed.
runtime: $(UV_HERE)
	@test -d .venv || echo "Fetching Bookbag's libraries into .venv, once."
	@$(UV) sync --quiet --locked --no-default-groups --inexact

developer: $(UV_HERE)
	@$(UV) sync --quiet --locked --inexact

var/tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Bookbag needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3."; exit 1; }
	@echo "Fetching uv, which installs the rest, into var/tools."
	@$(PYTHON) -m venv var/tools || \
		{ echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv."; exit 1; }
	@var/tools/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
