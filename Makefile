# make repro   the whole pipeline, on the corpus that params.yaml names
# make test    the tests
# make check-corpus   what is in the corpus, what is broken, and what a run would take
# make profile name=smoke   puts a whole parameter file in place
# make deps    what dvc.yaml says of the code and the versions, from the imports
# Each installs what it needs into .venv first; a second call installs nothing.

PYTHON ?= python3.11
SHELL := bash
# The stages run as `python -m stages.x`, and `python` must be this one.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test check-corpus profile deps
.DELETE_ON_ERROR:

repro: .venv/installed
	@python -m pipeline.commands.file_names
	dvc repro
	@dvc metrics show

test: .venv/installed
	ruff check .
	ruff format --check .
	mypy
	python -m pytest -n 2 --maxschedchunk 1

# What the corpus of params.yaml holds, before hours are spent on it.
check-corpus: .venv/installed
	@python -m pipeline.commands.file_names
	@python -m pipeline.commands.check_corpus

# The code and the versions that each stage depends on, from the imports and constraints.txt.
deps: .venv/installed
	@python -m pipeline.commands.deps

# Put a profile in place: make profile name=smoke
profile:
	@test -f "profiles/$(name).yaml" || { echo "profiles/$(name).yaml: no such profile; there are:" $(basename $(notdir $(wildcard profiles/*.yaml))); exit 1; }
	cp "profiles/$(name).yaml" params.yaml

# These two come without what their metadata asks for and nothing here uses: jax, sounddevice and an OpenCV with libGL for
# MediaPipe, pyaudio for tinysoundfont. Last, one process has librosa compile what it compiles when first used: two that do so
# at once, as the stages' workers might, leave files behind which every later process dies of.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or is not Python 3.11 or 3.12, which the pinned wheels are for; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	python -m pip install --quiet --disable-pip-version-check --no-deps --constraint constraints.txt mediapipe tinysoundfont
	python -c 'import librosa; s = librosa.tone(440, sr=16000, duration=1); librosa.pyin(s, fmin=65, fmax=2000, sr=16000); librosa.griffinlim(abs(librosa.stft(s)))'
	@touch $@
