# hitscanner: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
SHELL_FILES := bootstrap.sh .ci/run $(wildcard tests/shell/*.sh)
CACHE := $(or $(HITSCANNER_CACHE),$(HOME)/.cache/hitscanner)
export CARGO_TERM_COLOR := never
export CARGO_TARGET_DIR := $(CACHE)/cargo

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z0-9_-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: setup ## Everything that .ci/run runs
	$(MAKE) --jobs 2 --output-sync=target test-system lint rust test-parts

.PHONY: setup
setup: ## Install what the tests need: packages, virtual environment, binary
	./bootstrap.sh setup --dev

.PHONY: lint
lint: ## ruff, mypy --strict, import contracts, shellcheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=include:plugins $(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_FILES)

.PHONY: rust
rust: ## cargo fmt, clippy, test
	cd transform_rs && cargo fmt --check
	cd transform_rs && cargo clippy --release --locked --all-targets -- -D warnings
	cd transform_rs && cargo test --release --locked

.PHONY: transform
transform: ## Build the hs-transform binary
	./bootstrap.sh setup --only transform

.PHONY: unit
unit: ## Python tests that need no Airflow run and no root
	$(BIN)/pytest tests/unit include -m "not root"

.PHONY: test
test: test-parts test-system ## All Python tests of `make check`: two halves that take as long

NOT_RANDOM := -m "not chaos and not long and not cluster"

.PHONY: test-parts
test-parts: ## Every part alone: units, documentation examples, drives, bootstrap.sh
	$(BIN)/pytest $(NOT_RANDOM) tests/unit tests/drives tests/shell tests/helm tests/cluster include

.PHONY: test-system
test-system: ## The parts together: Airflow, the demo and its failures, the browser, kills
	$(BIN)/pytest $(NOT_RANDOM) tests/dags tests/contract tests/e2e

.PHONY: e2e
e2e: ## The demo, its failures, the browser, ten simulated Internets, three runs of a seed
	$(BIN)/pytest tests/e2e

.PHONY: drives
drives: ## Load onto real servers: every fault, random kills, and 2 GB beside `rclone copy`
	$(BIN)/pytest tests/drives
	PYTHONPATH=include:plugins:. $(BIN)/python -m tests.drives.acceptance

.PHONY: cluster-up
cluster-up: ## Make the hosts of the test cluster; docs/test-cluster.md
	$(BIN)/python -m tests.cluster up

.PHONY: cluster-down
cluster-down: ## Remove the test cluster, also after a crash
	$(BIN)/python -m tests.cluster down

.PHONY: charts
charts: ## Charts, values and the admission policy, on a real API server too (builds it once)
	$(BIN)/pytest tests/helm

.PHONY: cluster
cluster: ## Join, faults, removal and more on real hosts with real Kubernetes
	$(BIN)/pytest tests/cluster -m cluster

.PHONY: bench
bench: transform ## Speed of hs-transform beside its peers, as ratios of one run
	cd transform_rs && ../$(BIN)/python bench/run.py --rounds 5

FUZZ_S := 60

.PHONY: bench-fuzz
bench-fuzz: ## Fuzz each input of hs-transform for FUZZ_S seconds (needs `cargo install cargo-fuzz`)
	cd transform_rs && for target in $$(cargo fuzz list); do \
		mkdir -p fuzz/corpus/$$target && bash fuzz/seed.sh $$target && \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --target-dir "$(CACHE)/fuzz" --sanitizer none $$target -- \
			-max_total_time=$(FUZZ_S) -max_len=65536 -rss_limit_mb=512 -timeout=10; done

.PHONY: transform-image
transform-image: ## Build hs-transform with everything inside it, and an image FROM scratch with it
	docker/transform/build.sh

.PHONY: bench-simulator
bench-simulator: ## How much the simulated Internet answers; needs root and a quiet machine
	$(BIN)/python -m tests.bench.simulator

.PHONY: bench-fleet
bench-fleet: ## How long the plan of 40 and of 400 hosts takes, their facts given
	$(BIN)/python -m tests.bench.fleet

.PHONY: docs
docs: ## Write docs/DAGS.md from the DAG files
	PYTHONPATH=plugins $(BIN)/python -m hitscanner_airflow.docs > docs/DAGS.md

.PHONY: format
format: ## Format Python and Rust
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd transform_rs && cargo fmt

.PHONY: lock
lock: ## Resolve the dependencies anew
	uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	uv pip compile pyproject.toml --extra dev $(LOCK) -c requirements.lock -o requirements-dev.lock
	cp requirements.lock requirements-cluster.lock  # preferred, not demanded: its login manager needs an older dateutil
	uv pip compile pyproject.toml --extra cluster $(filter-out --upgrade,$(LOCK)) -o requirements-cluster.lock
LOCK := --generate-hashes --no-emit-index-url --no-annotate --universal --python-version 3.11 \
	--custom-compile-command 'make lock' --upgrade --quiet

.PHONY: clean
clean: ## Remove what the demo and the tests made on this machine
	./bootstrap.sh down
