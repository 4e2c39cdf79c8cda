# Two commands for newcomers: `make demo` and `make test`. Each sets up what it needs.
# ARGS="…" is passed on: make demo ARGS="--photos ~/pictures --no-browser"
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PEERS := .venv-peers
TRAINING := .venv-training
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The pure cores are covered whole, every branch; a part of the tests cannot show that.
PURE := $(foreach core,capture.envelope capture.vault.states sync.protocol,--cov=$(core)) --cov-branch --cov-fail-under=100 --cov-report=term:skip-covered

.PHONY: help setup demo test test-camera test-appliance test-board test-training image bundle lint fault fuzz bench bench-peers clean train lock

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Wardlens needs Python 3.11 or newer with venv: sudo apt install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/demo.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt requirements/build.txt $(VENV)/.demo
	$(PIP) --require-hashes -r requirements/test.txt -r requirements/build.txt
	@touch $@

setup: $(VENV)/.demo  ## make .venv with the wardlens command, and fetch the models
	$(BIN)/wardlens models fetch --with-samples

demo: setup  ## the main job on this machine: no root, no server to install
	$(BIN)/wardlens demo $(ARGS)

test: setup $(VENV)/.test  ## all checks and tests; asks for the real servers they need
	@tests/servers.sh
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto --dist loadfile $(if $(ARGS),$(ARGS),$(PURE))

test-camera: setup  ## the camera against the real libcamera and picamera2, in a Debian root that is made once (root; mmdebstrap)
	$(BIN)/python tests/camera/root.py $(ARGS)

test-appliance: setup $(VENV)/.test  ## a whole box: built twice, started in an emulated machine, paired, frozen, unplugged, updated, used, wiped (root; QEMU)
	$(BIN)/python -m tests.appliance.run $(ARGS)

test-board: setup $(VENV)/.test  ## a Raspberry Pi's system: its image, made and tried under emulation, without its kernel (root; mmdebstrap, QEMU; 40 minutes, later 20)
	$(BIN)/python -m tests.board.run $(ARGS)

image: setup  ## the image of a ward device's disk, in build/image (root; mmdebstrap): ARGS="--architecture arm64 --version 2026.48.1 --keyring FILE"
	$(BIN)/python -m firmware.image $(ARGS)

bundle: setup  ## what updates a ward device: ARGS="--version 2026.48.2 --keyring FILE --key FILE --certificate FILE" (root; mmdebstrap, rauc)
	$(BIN)/python -m firmware.image --bundle $(ARGS)

lint: $(VENV)/.test  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fault: setup $(VENV)/.test  ## the long form of the fault tests: kills, full and broken disks, engines, brokers (two hours)
	@tests/servers.sh
	WARDLENS_FAULTS=long $(BIN)/python -m pytest tests/capture/service/test_camera_service_faults.py tests/fault \
		tests/provisioning/panel/test_panel_load.py tests/provisioning/panel/test_panel_robustness.py tests/sync/receiver/test_view_robustness.py $(ARGS)

fuzz: setup $(VENV)/.test  ## the long form of the fuzz tests: ARGS="NAME --rounds N" (a million rounds over all parsers: 20 minutes)
	$(PIP) --only-binary atheris --editable ".[fuzz]" || echo "atheris has no wheel for this Python: going on without coverage" >&2
	$(BIN)/python tests/fuzz/fuzz.py $(ARGS)

bench: setup  ## the figures of docs/benchmarks.md, on this machine
	$(BIN)/wardlens bench $(ARGS)

$(PEERS)/.ready: requirements/peers.txt | $(BIN)/python
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@

bench-peers: setup $(PEERS)/.ready  ## Wardlens beside deface, on the same film in one run
	$(BIN)/python -m firmware.measuring.peers --peers $(PEERS)/bin/python $(ARGS)

# PyTorch is kept out of the environment in which the product is checked and run.
$(TRAINING)/.ready: requirements/training.in pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv $(TRAINING)
	$(TRAINING)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[training]" -r requirements/training.in
	@touch $@

train: $(TRAINING)/.ready  ## make our own model again, from a seed: ARGS="--photographs FOLDER" (5 hours on two cores, and it goes on where it was stopped; 10 minutes with an NVIDIA card and --device cuda)
	$(TRAINING)/bin/python -m inference.training --work build/training --out build/wardlens-skin.onnx $(ARGS)

test-training: $(TRAINING)/.ready  ## learning, with PyTorch (5 GB): interrupted and not, and what the model file says of it
	$(TRAINING)/bin/python -m pytest -p no:cacheprovider tests/training $(ARGS)

lock:  ## renew requirements/*.txt from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --extra demo pyproject.toml -o requirements/demo.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --extra test pyproject.toml -o requirements/test.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade requirements/build.in -o requirements/build.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade requirements/peers.in -o requirements/peers.txt
	uv pip compile --python-version 3.13 --python-platform linux --generate-hashes --no-header --no-annotate --upgrade --extra device pyproject.toml requirements/camera.in -o requirements/camera.txt
	uv pip compile --python-version 3.13 --python-platform linux --generate-hashes --no-header --no-annotate --upgrade --extra device --extra picamera pyproject.toml -o requirements/device.txt

clean:  ## remove all that the other targets made
	rm -rf $(VENV) $(PEERS) $(TRAINING) demo-received build dist test-output *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
