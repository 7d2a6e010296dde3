# Every target sets up what it needs in .venv; nothing has to be installed by hand.
.PHONY: test lint format bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock pyproject.toml

$(VENV)/.deps: requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	touch $@

# The engine, built in release mode into the virtual environment.
$(VENV)/.engine: $(VENV)/.deps $(RUST_SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet
	touch $@

test: $(VENV)/.engine
	cargo test --workspace --quiet
	$(BIN)/python -m pytest

lint: $(VENV)/.engine
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest fastrcf._fastrcf

# All peers in one run; the Java one needs java and mvn on the PATH.
bench: $(VENV)/.engine
	$(BIN)/python -m benches.run

format: $(VENV)/.deps
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf target $(VENV) dist build
