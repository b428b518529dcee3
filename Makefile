# `make run` and `make test` do all the set-up themselves: a project-local .venv, re-used while the
# requirements are unchanged. Any Python 3.11 or newer will do: make run PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench readers datumaro format clean

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

# Other tools' readers of data sets, which want OpenCV below 5: datumaro (about 560 MB, what CI installs),
# and with it FiftyOne (1.2 GB in all).
readers: .venv-readers/.fiftyone-ready
datumaro: .venv-readers/.datumaro-ready

.venv-readers/.%-ready: requirements-%.txt
	$(PYTHON) -m venv .venv-readers
	.venv-readers/bin/python -m pip install --quiet -r $<
	@touch $@

.venv-readers/.fiftyone-ready: requirements-datumaro.txt

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
