# make repro   the whole pipeline, on the corpus that params.yaml names
# make test    the tests
# make check   what CI asks of style and types
# Each installs what it needs into .venv first; a second call installs nothing.

PYTHON ?= python3.11
BIN := .venv/bin
SHELL := bash

.PHONY: repro test check lint profile install
.DELETE_ON_ERROR:

repro: .venv/installed
	$(BIN)/dvc repro
	@$(BIN)/dvc metrics show

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

install: .venv/installed

# Put a profile in place: make profile name=smoke
profile:
	@test -f "profiles/$(name).yaml" || { echo "profiles/$(name).yaml: no such profile; there are:" $(basename $(notdir $(wildcard profiles/*.yaml))); exit 1; }
	cp "profiles/$(name).yaml" params.yaml

# MediaPipe comes by itself, without what its metadata asks for and Holistic does not use: jax, sounddevice, an OpenCV with libGL.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or is not Python 3.11 or 3.12, which the pinned wheels are for; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt mediapipe
	@touch $@
