# A newcomer needs two of these: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamp is named by the pins' hash: the same pins install nothing, other pins install anew.
PINS := $(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(PINS)
JOBS ?= 2
# The benchmarks' environment: the program's pins and the peers', which are resolved under them.
BENCH_VENV := .venv-bench
BENCH_BIN := $(BENCH_VENV)/bin
BENCH_PINS := $(shell cat constraints.txt pyproject.toml benchmarks/peers.txt | cksum | cut -d' ' -f1)
BENCH_STAMP := $(BENCH_VENV)/.installed-$(BENCH_PINS)

.PHONY: demo test test-fast check bench pins bench-pins clean

demo: $(STAMP)
	$(BIN)/lsr demo demo-review

test: $(STAMP)
	$(BIN)/pytest -m "not slow" -n $(JOBS)
	$(BIN)/pytest -m slow -n $(JOBS)

test-fast: $(STAMP)
	$(BIN)/pytest -m "not slow" -n $(JOBS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_house.py

# `make bench ARGS="--runs 3 GLMM"` for some rows only.
bench: $(BENCH_STAMP)
	$(BENCH_BIN)/python -m benchmarks $(ARGS)

$(STAMP):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "lsr needs Python 3.11 or newer; try: make PYTHON=python3.11"'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Peers that cannot be installed are rows that say so: the benchmarks run without them.
$(BENCH_STAMP):
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BENCH_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/peers.txt \
	  || echo "the peers were not installed: their rows will say so"
	touch $@

# Writes constraints.txt anew, with hashes and without index hosts. Needs uv.
pins:
	rm -f constraints.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev \
	  --custom-compile-command "make pins" --quiet -o constraints.txt pyproject.toml

# Writes benchmarks/peers.txt anew, under the program's pins. Needs uv.
bench-pins:
	cd benchmarks && rm -f peers.txt && uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make bench-pins" --quiet -o peers.txt peers.in

clean:
	rm -rf $(VENV) $(BENCH_VENV) demo-review dist build *.egg-info
