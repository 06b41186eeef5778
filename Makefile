# Needs make and Python 3.11 or newer; everything else goes into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP     = -m pip --disable-pip-version-check -qq
EXTRAS := dev,data,plot
# `make lock` holds torch at its pin, since the newest torch may be a build of several GB.
TORCH  ?= $(shell sed -n 's/^torch==//p' constraints.txt)

# The benchmark's files, where they lie beside the checkout; a data home of one's own goes first.
ifneq ($(wildcard ../shared/data),)
export SK_DANN_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test lint format bench build lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv: $(VENV)/.installed  ## make .venv with the tested versions of everything

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing sk_dann and its tools into $(VENV) (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install --upgrade pip
	@$(BIN)/python $(PIP) install --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: venv  ## source-only against DANN on real data: a table and a picture
	@$(BIN)/python -m sk_dann $(ARGS)

# One thread to a process: two processes share the machine.
test: export OMP_NUM_THREADS = 1
test: lint  ## lint, then every test and doctest with coverage; PYTEST_ARGS passes through
	@$(BIN)/python -m pytest --cov -n 2 $(PYTEST_ARGS)

lint: venv  ## ruff and the import rules, as pre-commit runs them
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo

format: venv  ## let ruff mend what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: venv  ## the Amazon benchmark; ARGS passes through
	@$(BIN)/python benchmarks/amazon.py $(ARGS)

build: venv  ## sdist and wheel into dist/
	@$(BIN)/python -m build

lock:  ## write constraints.txt anew from a fresh environment (TORCH=x.y.z moves torch)
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/python" $(PIP) install --upgrade pip && \
	"$$scratch/bin/python" $(PIP) install 'torch==$(TORCH)' --editable '.[$(EXTRAS)]' && \
	{ echo '# The tested versions: `make lock` writes this file, `make venv` installs from it.'; \
	  "$$scratch/bin/python" $(PIP) freeze --exclude-editable | sed 's/+.*//'; \
	} > "$$scratch/constraints.txt" && cp "$$scratch/constraints.txt" constraints.txt

clean:  ## remove .venv and everything else that was made here
	@rm -rf $(VENV) build dist .coverage .coverage.* htmlcov
	@rm -rf .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
