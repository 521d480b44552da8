# slotdeck's commands. `make help` lists them. Needs make, git and Python 3.11+ with venv; the rest is installed
# into .venv from the tested set in constraints.txt. PIP_ARGS="..." is handed to pip, for example
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
# for the small CPU build of torch on a Linux machine without a GPU.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread for each torch: tests run side by side, and a second thread on busy cores is slower.
TEST_ENV := OMP_NUM_THREADS=1
TESTS ?= tests
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test check format snap bench gpu run home picture sizes clean

help:  ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(STAMP)  ## make .venv and install the tested set (done by the others when needed)

# Made again only when what it installs has changed.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "slotdeck needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name one: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "venv is missing: install it (Debian: apt install python3-venv)"; exit 2; }
	@echo "installing slotdeck and its tested versions into $(VENV); torch is large, so this takes minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## train on the Python standard library and watch it (minutes on two cores)
	@$(BIN)/slotdeck demo

home: $(STAMP)  ## open slotdeck
	@$(BIN)/slotdeck

run: $(STAMP)  ## train a profile: make run P=gpt2-124m ARGS="--set data.dir=DIR"
	@$(BIN)/slotdeck train $(P) $(ARGS)

test: $(STAMP)  ## all tests; one part with TESTS=tests/engine/runlog
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

check: $(STAMP)  ## format, lint, types, layer rules, file sizes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory sizes

format: $(STAMP)  ## format and mend what ruff can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

sizes: $(STAMP)  ## the largest files; above 300 lines is a smell
	@git ls-files 'engine/*.py' 'tui/*.py' 'slotdeck/*.py' | xargs wc -l | grep -v ' total$$' | sort -rn | \
	  awk 'NR <= 5 {print} $$1 > 400 {bad = 1; print "too long: " $$2} END {exit bad}'

snap: $(STAMP)  ## draw the screens' snapshots anew
	@$(TEST_ENV) $(BIN)/python -m pytest tests/snapshots --snapshot-update

picture: $(STAMP)  ## draw the README's picture from the recorded run
	@$(BIN)/python -m docs.picture

bench: $(STAMP)  ## run the benchmarks; results in benchmarks/results
	@for b in $$(ls benchmarks/*.py | grep -v -e results.py -e __init__); do echo "== $$b"; $(BIN)/python $$b || exit 1; done

gpu: $(STAMP)  ## on a machine with a GPU: its tests and its table; goes on where it stopped
	@PYTHON=$(BIN)/python sh benchmarks/gpu.sh all $(ARGS)

clean:  ## remove .venv and caches; runs and data stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
