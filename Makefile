# A newcomer needs two of these: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamp is named by the pins' hash: the same pins install nothing, other pins install anew.
PINS := $(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(PINS)
JOBS ?= 2

.PHONY: demo test test-fast check bench pins clean

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

bench: $(STAMP)
	$(BIN)/python -m benchmarks

$(STAMP):
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "lsr needs Python 3.11 or newer; try: make PYTHON=python3.11"'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Writes constraints.txt anew, with hashes and without index hosts. Needs uv.
pins:
	rm -f constraints.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev \
	  --custom-compile-command "make pins" --quiet -o constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) demo-review dist build *.egg-info
