# make demo                  make music for a drawn video with the published models; video=my_video.mp4 for your own
# make repro                 run the whole pipeline on the corpus of params.yaml
# make test                  run the tests
# make check-corpus          list the contents and the faults of the corpus, and estimate the time of a run
# make profile name=smoke    copy profiles/smoke.yaml to params.yaml
# make deps                  update the code deps and the versions of dvc.yaml
# make figures               update the figures of README.md and docs/ from metrics/ and reports/
# make publish-models        put the models of the last run into published/
# All targets except profile first install the packages into .venv, if that has not been done.

PYTHON ?= python3.11
SHELL := bash
# DVC runs the stages as `python -m stages.x`, with the first `python` on the path.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Threads that wait for each other sleep. Otherwise they take the cores from what runs beside: another training, or another test.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
# Freed memory is kept for the next step of a training. Otherwise Linux takes it back and clears it anew, a twentieth of the time.
export MALLOC_MMAP_MAX_ := 0
export MALLOC_TRIM_THRESHOLD_ := 8589934592

.PHONY: demo repro test check-corpus profile deps figures publish-models
.DELETE_ON_ERROR:

demo: .venv/installed
	@python -m pipeline.commands.demo $(if $(video),"$(video)")

repro: .venv/installed
	@python -m pipeline.commands.file_names
	@python -m pipeline.commands.repro
	@dvc metrics show

test: .venv/installed
	ruff check .
	ruff format --check .
	mypy
	python -m pytest -n 2 --maxschedchunk 1

check-corpus: .venv/installed
	@python -m pipeline.commands.file_names
	@python -m pipeline.commands.check_corpus

deps: .venv/installed
	@python -m pipeline.commands.deps

figures: .venv/installed
	@python -m pipeline.commands.figures

publish-models: .venv/installed
	@python -m pipeline.commands.publish

profile:
	@test -f "profiles/$(name).yaml" || { echo "profiles/$(name).yaml: no such profile; there are:" $(basename $(notdir $(wildcard profiles/*.yaml))); exit 1; }
	cp "profiles/$(name).yaml" params.yaml

# --no-compile: Python compiles a module when it is first imported. Compiling all that is installed takes a minute, and most of it is
# never imported.
# mediapipe and tinysoundfont are installed without dependencies that nothing here uses: jax, sounddevice and an OpenCV with libGL
# for MediaPipe, pyaudio for tinysoundfont.
# The last command makes librosa compile the functions that it compiles at first use. If several workers compiled them at once, they
# would leave broken files, and every later process would crash.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or is not Python 3.11 or 3.12, which the pinned wheels are for; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --constraint constraints.txt mediapipe tinysoundfont
	python -c 'import librosa; s = librosa.tone(440, sr=16000, duration=1); librosa.pyin(s, fmin=65, fmax=2000, sr=16000)'
	@touch $@
