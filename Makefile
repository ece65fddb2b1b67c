# Needs Python 3.11 or newer, make and a C compiler. Every target prepares .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check lock bench mutation clean

setup: .venv/ready

.venv/ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wattseal needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup  ## Start every role as a real process and show a simulated town's totals and bills
	$(BIN)/wattseal demo --out demo-out

check: setup  ## Style, types and the import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check  ## Everything that CI runs
	$(BIN)/pytest -n 2 --dist worksteal

bench: setup  ## Each scheme beside its peers, against the recorded ratios; then every single claim
	$(BIN)/wattseal bench --out bench-out --against bench/recorded.json
	$(BIN)/python -m bench

mutation: setup  ## Faults put into the rules, one at a time, and how many the tests see: most of an hour
	nice $(BIN)/python -m bench.mutation

lock: setup  ## Refresh the pinned requirements
	for set in base dev; do $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	  --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file requirements/$$set.txt requirements/$$set.in; done

clean:
	rm -rf .venv build demo-out bench-out out
