# netdaemon: two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRIAL := $(BIN)/python -m twisted.trial --temp-directory=_trial_temp
# A core each; trial gives every worker its own folder.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# What the tests talk to besides ourselves and the standard library: real programs, by their Debian packages.
PEERS := curl openssl rdate lynx w3m chromium chromium-driver procps unzip nghttp2-client nghttp2-server lftp ncftp tnftp wget vsftpd \
  gopher fetchmail mpop mutt swaks libnet-ssleay-perl libauthen-sasl-perl msmtp s-nail postfix dovecot-pop3d
BENCH_PEERS := nginx-light lighttpd apache2-bin xinetd wrk nghttp2-client nghttp2-server vsftpd gophernicus tinyproxy squid \
  dovecot-pop3d postfix

.DEFAULT_GOAL := help
.PHONY: help run test check fmt lint types tests tests-reactors curl-tests soak bench bench-peers docs clean peers

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/installed ## start the demo on loopback high ports and say what to try
	@$(BIN)/netdaemon -c conf/demo.ini demo

test: check peers tests ## check + all tests (what CI runs)

check: lint types ## lint, format and types; needs no network once installed

lint: $(VENV)/developing ## ruff: lint and format, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/developing ## mypy, strict, with mypy-zope
	@$(BIN)/mypy

tests: $(VENV)/developing ## the tests alone (ONLY=tests.wire for a part)
	@$(TRIAL) -j$(JOBS) $(or $(ONLY),tests)

tests-reactors: $(VENV)/developing ## the tests again on the stock epoll reactor, and on asyncio's
	@for name in epoll asyncio; do \
	  NETDAEMON_REACTOR=$$name $(TRIAL) --reactor $$name $(or $(ONLY),tests) || exit 1; \
	done

curl-tests: $(VENV)/developing ## curl's own test cases against our clients (CURL=.../src/curl of a built tree)
	@test -x "$(CURL)" || { echo "make curl-tests CURL=/path/to/curl/src/curl: curl's tree, with its test servers built"; exit 2; }
	@$(BIN)/python -m tests.curl.run $(CURL) -j $(JOBS) $(ONLY)

soak: $(VENV)/developing ## 10,000 deliveries to a daemon that is killed fifty times: nothing is lost, nothing doubled
	@$(BIN)/python -m tests.soak $(SOAK)

fmt: $(VENV)/developing ## format and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/developing ## measure beside the real peers, writing docs/performance.md (ONLY=http for a part)
	@$(BIN)/python -m tests.bench $(ONLY)

docs: $(VENV)/developing ## generate conf/netdaemon.ini and docs/reference.md from the settings
	@$(BIN)/netdaemon config reference --ini > conf/netdaemon.ini
	@$(BIN)/netdaemon config reference --markdown > docs/reference.md

clean: ## remove what was made: .venv, caches, the demo's state
	@rm -rf $(VENV) _trial_temp* .mypy_cache .ruff_cache .hypothesis build *.egg-info demo-state
	@find . -name __pycache__ -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------------------

# A Debian python3 has no ensurepip until python3-venv is there; root can mend that, others are told.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "netdaemon wants Python 3.11 or newer; try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { rm -rf $(VENV); test "$$(id -u)" = 0 && apt-get -qq update && apt-get -qq install -y python3-venv && $(PYTHON) -m venv $(VENV); } \
	  || { echo "netdaemon: $(PYTHON) -m venv does not work here; install python3-venv (or your system's name for it)" >&2; rm -rf $(VENV); exit 1; }

# editable_mode=compat: any other hides the twistd plugin from twisted.plugin.
$(VENV)/installed: $(VENV)/bin/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --config-settings editable_mode=compat
	@$(BIN)/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'
	@touch $@

$(VENV)/developing: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --config-settings editable_mode=compat
	@touch $@

# Installed where that is possible; elsewhere the tests that want a missing program say so and are skipped.
peers:
	@sh tests/peers.sh $(PEERS)

bench-peers: ## install the servers that `make bench` compares with
	@sh tests/peers.sh $(BENCH_PEERS)
