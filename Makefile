# make dev · make test · make check · make bench: each installs what it needs on a machine with Python 3.11 and npm.

PYTHON ?= $(shell sh requirements/interpreter.sh)
VENV := .venv
BIN := $(VENV)/bin
COMPILED := $(shell grep -o '"[a-z_/]*\.py"' setup.py | tr -d '"')
NATIVE := $(wildcard *.so $(addsuffix *.so,$(basename $(COMPILED))))
QUICKJS := offchain/sandbox/quickjs.wasm
AGENTS := $(shell find offchain/agents -name agent.json -o -path '*/src/*' -o -path 'offchain/agents/parts/*')
AI ?= 1
MODELS := $(if $(filter-out 0,$(AI)),$(VENV)/.ai)

.PHONY: dev build compiled pure test check format bench bench-agents crash fuzz soak flips determinism market properties foreign lock clean

dev: build $(MODELS) ## the chain, three workers, and their URLs; AI=0 leaves out the models (210 MB)
	$(BIN)/fathom dev $(ARGS)

build: $(VENV)/.run $(QUICKJS) $(VENV)/.agents

compiled: build ## native code again, after `make pure`
	$(BIN)/python setup.py --quiet build_ext --inplace --force

pure: ## without native code, as where there is no compiler
	rm -f $(NATIVE)

$(VENV)/.run: requirements/run.txt pyproject.toml setup.py $(COMPILED)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q node pallets offchain # a start reads byte code even where it may not write any
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/.ai: requirements/ai.txt | $(VENV)/.run # without dependencies: see ai.in
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/ai.txt
	touch $@

$(QUICKJS): package-lock.json
	test -d node_modules/quickjs-wasi -a -d node_modules/esbuild || npm ci --omit=dev --ignore-scripts --no-audit --no-fund
	cp node_modules/quickjs-wasi/quickjs.wasm $@

$(VENV)/.agents: $(AGENTS) offchain/agents/shipping.py | $(VENV)/.run $(QUICKJS) # the scripts that are shipped, of their sources
	$(BIN)/python -m offchain.agents.shipping
	touch $@

node_modules/.clients: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(VENV)-asi/.installed: requirements/asi.txt # a client that can't share an environment with the others
	test -x $(VENV)-asi/bin/python || $(PYTHON) -m venv $(VENV)-asi
	$(VENV)-asi/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/asi.txt
	touch $@

test: build $(VENV)/.dev $(MODELS) $(VENV)-asi/.installed node_modules/.clients ## what CI runs
	@# plain: to take every assertion apart costs each process 20 s; what fails is run again to be told
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --assert=plain || { $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none; exit 1; }

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
	@for name in start transfers state rpc agents jobs curves; do $(BIN)/fathom bench $$name --json || exit 1; done

bench-agents: build $(VENV)/.dev $(MODELS) ## latency, gas and cost of the agents' typical calls, one JSON object an agent; ARGS=--write puts them into READMEs
	$(BIN)/python -m tests.bench.shipped_agents $(ARGS)

crash: build $(VENV)/.dev ## kill nodes, 200 times unless ARGS="--kills N --seed N"; what is lost or torn, one JSON object
	$(BIN)/python -m tests.crash $(ARGS)

fuzz: build $(VENV)/.dev ## nonsense for nodes, 300 seconds unless ARGS="--seconds N --seed N"; the answers by code, one JSON object
	$(BIN)/python -m tests.fuzz $(ARGS)

soak: build $(VENV)/.dev ## subscribers, some of which stop reading, 30 minutes unless ARGS="--minutes N"; one JSON object
	$(BIN)/python -m tests.soak $(ARGS)

flips: build $(VENV)/.dev ## genuine quotes with each byte changed: by which names they are refused, one JSON object
	$(BIN)/python -m tests.pallets.flips

determinism: build $(VENV)/.dev node_modules/.clients ## the same jobs 500 times, ARGS="--runs N --python PATH ..." under each Python; one JSON object
	$(BIN)/python -m tests.determinism $(ARGS)

market: build $(VENV)/.dev ## 10,000 jobs among liars and copiers, of several kinds, unless ARGS="--jobs N --seed N"; one JSON object
	$(BIN)/python -m tests.market $(ARGS)

properties: build $(VENV)/.dev ## sequences of calls and faults, 10 minutes unless ARGS="--minutes N --seed N"; one JSON object
	$(BIN)/python -m tests.properties $(ARGS)

foreign: build $(VENV)/.dev ## every foreign runtime at hand: versions, metadata, recorded blocks; a minute for compiling them once
	$(BIN)/python -m pytest -q tests/node/wasm tests/node/wasm/foreign.py

lock: $(VENV)/.dev ## resolve the dependencies again
	FATHOM_PURE=1 $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--strip-extras --allow-unsafe --build-deps-for editable -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--strip-extras --allow-unsafe --extra dev -c requirements/run.txt -c requirements/ai.txt -o requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--strip-extras --allow-unsafe -o requirements/asi.txt requirements/asi.in
	@# pip-compile knows no --no-deps
	test -x build/uv/bin/uv || $(BIN)/pip install --quiet --disable-pip-version-check --target build/uv uv
	build/uv/bin/uv pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" -o requirements/ai.txt requirements/ai.in

clean:
	rm -rf $(VENV) $(VENV)-asi node_modules $(QUICKJS) offchain/agents/*/agent.js build *.egg-info $(NATIVE)
