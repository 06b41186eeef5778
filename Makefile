# Needs make and Python 3.11 or newer; everything else goes into .venv, and into .venv-oldest and
# .venv-newest for the tests at both ends of the supported versions.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP     = -m pip --disable-pip-version-check -qq
EXTRAS := dev,data,plot,storage,onnx,docs
# `make lock` holds torch at its pin, since the newest torch may be a build of several GB.
TORCH  ?= $(shell sed -n 's/^torch==//p' constraints.txt)

OLDEST ?= .venv-oldest
NEWEST ?= .venv-newest
TESTED := test,data,plot,storage,onnx
# The newest torch may be a build of several GB: TORCH_NEWEST=torch==x.y.z where that is too much.
TORCH_NEWEST ?= torch
# Pre-releases are taken of these alone, which sk_dann stands on: those of anything else, test tools
# to begin with, would fail the tests for reasons that are not ours to mend.
PRE_RELEASES := numpy scipy scikit-learn skorch torch pandas matplotlib

# The benchmark's files, where they lie beside the checkout; a data home of one's own goes first.
ifneq ($(wildcard ../shared/data),)
export SK_DANN_DATA ?= $(abspath ../shared/data)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test test-oldest test-newest lint format docs bench build lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv: $(VENV)/.installed  ## make .venv with the tested versions of everything

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing sk_dann and its tools into $(VENV) (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install --upgrade pip
	@$(BIN)/python $(PIP) install --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: venv  ## source-only against DANN on real data: a table and a picture
	@$(BIN)/python -m sk_dann $(ARGS)

# Two test processes share the machine; more threads each would only be in each other's way.
test: export OMP_NUM_THREADS ?= 1
test: lint docs  ## lint, build the pages, run every test and doctest; PYTEST_ARGS passes through
	@$(BIN)/python -m pytest --cov -n 2 $(PYTEST_ARGS)

test-oldest: export OMP_NUM_THREADS ?= 1
test-oldest: $(OLDEST)/.installed  ## the tests on the lower bounds of pyproject.toml
	$(call run_tests,$(OLDEST))

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	@echo "Installing the oldest supported versions into $(OLDEST) (several GB)"
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python $(PIP) install --upgrade pip
	@$(OLDEST)/bin/python $(PIP) install --constraint constraints-oldest.txt --editable '.[$(TESTED)]'
	@touch $@

# Installed anew each time, for the index moves on.
test-newest: export OMP_NUM_THREADS ?= 1
test-newest:  ## the tests on the newest versions, pre-releases included
	@echo "Installing the newest versions into $(NEWEST) (several GB, TORCH_NEWEST=$(TORCH_NEWEST))"
	@$(PYTHON) -m venv $(NEWEST)
	@$(NEWEST)/bin/python $(PIP) install --upgrade pip
	@$(NEWEST)/bin/python $(PIP) install --upgrade --upgrade-strategy eager \
	  $(addprefix --all-releases ,$(PRE_RELEASES)) '$(TORCH_NEWEST)' --editable '.[$(TESTED)]'
	$(call run_tests,$(NEWEST))

define run_tests
@$(1)/bin/python -c "import platform; from importlib.metadata import version; \
print('python', platform.python_version(), *(f'{p} {version(p)}' for p in '$(PRE_RELEASES)'.split()))"
@$(1)/bin/python -m pytest -n 2 $(PYTEST_ARGS)
endef

lint: venv  ## ruff and the import rules, as pre-commit runs them
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo

format: venv  ## let ruff mend what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

# From nothing, for pages of names that are gone would stay. -n: a name that leads nowhere is a warning.
docs: venv  ## the pages into docs/_build/html; a warning is an error
	@rm -rf docs/_build docs/generated
	@$(BIN)/sphinx-build -n -W --keep-going -q docs docs/_build/html

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

clean:  ## remove the environments and everything else that was made here
	@rm -rf docs/_build docs/generated docs/notebooks
	@rm -rf $(VENV) $(OLDEST) $(NEWEST) build dist .coverage .coverage.* htmlcov
	@rm -rf .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
