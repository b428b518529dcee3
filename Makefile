# `make run` and `make test` do all the set-up themselves: a project-local .venv, re-used while the
# requirements are unchanged. Any Python 3.11 or newer will do: make run PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench readers format clean

run: $(VENV)/.run-ready
	$(BIN)/python app.py $(ARGS)

test: $(VENV)/.test-ready check
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/oxlint --deny-warnings app/canvas

bench: $(VENV)/.test-ready
	OMP_WAIT_POLICY=passive $(BIN)/python -m tests.benchmarks $(ARGS)

readers: .venv-readers/.ready

# About 2 GB: other tools' readers of COCO files, which want OpenCV below 5.
.venv-readers/.ready: requirements-readers.txt
	$(PYTHON) -m venv .venv-readers
	.venv-readers/bin/python -m pip install --quiet -r requirements-readers.txt
	@touch $@

format: $(VENV)/.test-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make run PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements.txt | $(BIN)/python
	@echo "Setting up $(VENV) (on Linux about 6 GB, most of it PyTorch's CUDA packages) ..."
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.test-ready: requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Setting up $(VENV) with the test tools ..."
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(VENV)/.run-ready

clean:
	rm -rf $(VENV) .venv-readers .pytest_cache .ruff_cache .import_linter_cache .hypothesis
