# `make help` lists what there is to make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard _native/blrcs_native/*.p[yx][xd] _native/blrcs_native/*/*.p[yx][xd])
PROTOS := $(wildcard proto/blrcs/v1/*.proto)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
# Servers are started many hundreds of times: what Python has compiled is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Set up, build and start the server on 127.0.0.1:50051
	$(BIN)/blrcs serve

# Tests wait for other processes for a third of their time: one more than there are cores.
TEST_PROCESSES ?= $(shell expr $$(nproc) + 1)

.PHONY: test
test: build-test ## Set up, check, and run every test
	$(MAKE) --jobs=$$(nproc) --output-sync=target check
	$(PYTEST) --numprocesses $(TEST_PROCESSES) --dist worksteal --instafail tests examples

CORE_TESTS := tests/unit/native tests/integration/workers tests/conformance/transport \
	tests/integration/hostile

.PHONY: sanitize
sanitize: build-test ## Run the tests of the native core and the transports under sanitizers
	@# What a sanitizer says before it ends the process must not be captured.
	deploy/sanitize $(BIN)/python -m pytest -p no:cacheprovider -p tests.leaks --capture=sys \
		$(CORE_TESTS)

OTHER_PYTHON ?= python3.13
OTHER_VENV := $(VENV)-$(notdir $(OTHER_PYTHON))

.PHONY: test-other
test-other: ## Run those, and whole servers of several workers, on OTHER_PYTHON (python3.13)
	$(MAKE) VENV=$(OTHER_VENV) PYTHON=$(OTHER_PYTHON) build-test
	$(OTHER_VENV)/bin/python -m pytest --numprocesses $(TEST_PROCESSES) --dist worksteal --instafail \
		$(CORE_TESTS) tests/unit/supervisor tests/e2e/test_workers*.py

FUZZ_SECONDS ?= 600

.PHONY: fuzz
fuzz: build-test ## Fuzz the parsers and the transport under sanitizers, for FUZZ_SECONDS
	deploy/sanitize $(BIN)/python -m tests.fuzz.fuzz $(FUZZ_SECONDS)

.PHONY: soak
soak: build-test ## A million streams, of which nothing may stay
	$(BIN)/python -m tests.soak

.PHONY: torture
torture: build-test ## Kill servers and fail disks under write load; nothing acknowledged may be lost
	$(BIN)/python -m tests.torture.torture

.PHONY: conformance
conformance: build-test ## Run connectrpc's conformance runner against every transport
	$(BIN)/python -m tests.conformance.connect.runner

.PHONY: bench
bench: build-bench ## Run all benchmarks: a table, JSON and the README's pictures
	$(BIN)/python benchmarks/run_all.py

.PHONY: bench-transport
bench-transport: build-bench ## Run the transport beside the servers that others use
	@deploy/system-packages bench-transport $(PYTHON) || echo "What is missing is left out."
	$(BIN)/python benchmarks/run_all.py --only transport

.PHONY: bench-flood
bench-flood: build-bench ## Call the server while another client abuses it in every way
	$(BIN)/python benchmarks/run_all.py --only flood

.PHONY: bench-pages
bench-pages: build-bench ## List a million records page by page, on SQLite and on PostgreSQL
	$(BIN)/python benchmarks/run_all.py --only record_pages

.PHONY: flamegraph
flamegraph: build-bench ## Draw where the time of a call goes, by Linux's perf
	@deploy/system-packages flamegraph $(PYTHON)
	$(BIN)/python benchmarks/flamegraph.py

# Set-up -------------------------------------------------------------------------------------------

.PHONY: system
system: ## Install the system packages that building needs, where they are missing
	@deploy/system-packages build $(PYTHON)

.PHONY: system-test
system-test: ## Likewise for what the tests need beside it
	@deploy/system-packages test $(PYTHON)

$(VENV)/.created:
	@$(MAKE) --no-print-directory system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	@touch $@

# Nothing is installed but what deploy/requirements names, with the hash that it names.
LOCKED := $(PIP) --require-hashes -r deploy/requirements

$(VENV)/.requirements: $(VENV)/.created deploy/requirements/build.txt deploy/requirements/run.txt
	$(LOCKED)/build.txt -r deploy/requirements/run.txt
	@touch $@

# The extensions are built in place afterwards, where a change builds one of them anew.
$(VENV)/.installed: $(VENV)/.requirements pyproject.toml setup.py $(PROTOS)
	@# setuptools warns of every editable installation.
	PYTHONWARNINGS='ignore:Editable installation' BLRCS_WITHOUT_EXTENSIONS=1 \
		$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(SOURCES)
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

.PHONY: build
build: $(VENV)/.built ## Set up, and build the native core and the code generated from the protos

$(VENV)/.test: $(VENV)/.built deploy/requirements/test.txt
	$(LOCKED)/test.txt
	@touch $@

.PHONY: optimized
optimized: build ## Build the native core anew by what gcc learns from a load on it
	@deploy/system-packages optimized $(PYTHON)
	@rm -f $(VENV)/.built  # what training leaves when it fails is no build
	deploy/train $(BIN)/python
	BLRCS_PROFILE=use $(BIN)/python setup.py --quiet build_ext --inplace --force
	@touch $(VENV)/.built

.PHONY: build-test
build-test: system-test $(VENV)/.test ## Likewise, with what the tests need

$(VENV)/.bench: $(VENV)/.test deploy/requirements/bench.txt
	$(LOCKED)/bench.txt
	@touch $@

.PHONY: build-bench
build-bench: $(VENV)/.bench ## Likewise, with the benchmarks' peers

# Checks -------------------------------------------------------------------------------------------

.PHONY: check
check: build-test lint types imports lint-proto breaking audit ## All checks that run no test

.PHONY: lint
lint: ## Style and common faults
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: ## Bring the sources into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: ## Types, strictly
	$(BIN)/mypy

.PHONY: imports
imports: ## The layers: imports point inwards
	$(BIN)/lint-imports

build/blrcs.binpb: $(PROTOS) blrcs/protos.py
	@mkdir -p build
	$(BIN)/blrcs generate --root proto --descriptor-set $@

.PHONY: lint-proto
lint-proto: build/blrcs.binpb ## The contract's style
	$(BIN)/buf lint $< --config buf.yaml --path blrcs/v1

.PHONY: breaking
breaking: build/blrcs.binpb ## The contract against the last release's
	@deploy/check-breaking $(BIN) $<

.PHONY: audit
audit: build-test ## Known vulnerabilities of the packages that BLRCS runs with
	@$(BIN)/python deploy/audit-dependencies deploy/requirements/run.txt

.PHONY: lock
lock: $(VENV)/.created ## Choose the newest version of every package, and note the hashes
	$(PIP) --group lock
	deploy/lock $(BIN)

.PHONY: sbom
sbom: build-test ## What BLRCS is made of, as CycloneDX: build/blrcs.cdx.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements deploy/requirements/run.txt --pyproject pyproject.toml \
		--mc-type application --output-reproducible --of JSON --output-file build/blrcs.cdx.json

.PHONY: clean
clean: ## Remove everything that was built, and the virtual environment
	rm -rf $(VENV) build dist blrcs/v1 _generated *.egg-info
	find _native \( -name "*.c" -o -name "*.so" \) -delete
