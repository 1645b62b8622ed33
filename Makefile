# make dev · make test · make check · make bench: each installs what it needs on a machine with Python 3.11 and npm.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUICKJS := offchain/sandbox/quickjs.wasm

.PHONY: dev build test check format bench lock clean

dev: build ## the chain, three workers, and their URLs
	$(BIN)/fathom dev $(ARGS)

build: $(VENV)/.run $(QUICKJS)

$(VENV)/.run: requirements/run.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(QUICKJS): package-lock.json
	test -d node_modules/quickjs-wasi || npm ci --omit=dev --ignore-scripts --no-audit --no-fund
	cp node_modules/quickjs-wasi/quickjs.wasm $@

node_modules/.clients: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@

test: build $(VENV)/.dev node_modules/.clients ## what CI runs
	$(BIN)/python -m pytest -q

check: $(VENV)/.dev ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: build $(VENV)/.dev ## figures, one JSON object a line
	$(BIN)/python -m tests.bench

lock: $(VENV)/.dev ## resolve the dependencies again
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--strip-extras --allow-unsafe -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--strip-extras --allow-unsafe --extra dev -c requirements/run.txt -o requirements/dev.txt pyproject.toml

clean:
	rm -rf $(VENV) node_modules $(QUICKJS) build *.egg-info
