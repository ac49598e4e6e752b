# The two commands of the README are `make demo` and `make test`; the rest serves them.
# Nothing but Python 3.11+, pip and make is assumed; nothing is installed outside .venv but what `make test` says.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo serve-demo demo-services interop interop-ci interop-ready serve-judges serve-judges-heavy serve-ray agents bench-peers fuzz soak test man lint types check system-packages clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up .venv and hold a spoken conversation; models are fetched once, then no network is needed"
	@echo "make serve-demo   voice serve with local models, for a browser (http://127.0.0.1:8000), curl and the openai SDK"
	@echo "make demo-services   run every verb over every service family, against strict local servers"
	@echo "make test    run every test, the conversation on virtual sound devices included"
	@echo "make interop    run the adapters against other people's servers (needs npm)"
	@echo "make agents     talk with gemini, opencode, codex and claude over ACP, their model a script (needs npm)"
	@echo "make serve-judges   voice serve under the openai SDK, openai-agents and schemathesis"
	@echo "make serve-ray   voice serve with its models in processes of Ray's, one of them killed under load (630 MB)"
	@echo "make serve-judges-heavy   voice serve under openai-agents in JavaScript, LiteLLM, pipecat, livekit-agents (1.7 GB)"
	@echo "make fuzz    try every parser on a million inputs"
	@echo "make soak    a conversation of a thousand turns with services that fail"
	@echo "make bench-peers   the gap of a turn beside livekit-agents and pipecat (800 MB, set up once)"
	@echo "make man     write the manual pages, docs/man (a wheel installs them)"
	@echo "make check   the linter, the type checker and the tests"

.venv/ready: requirements/run.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "voicecli needs Python 3.11 or newer" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	@$(BIN)/python -m compileall -q voicecli
	@touch $@

.venv/dev: .venv/ready requirements/dev.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# Manual pages and docs/commands, from the help texts: man -l docs/man/voice.1; the wheel brings them to share/man.
man: .venv/ready
	@$(BIN)/python scripts/make_docs.py && echo "man -l docs/man/voice.1"

demo: .venv/ready
	@sh scripts/demo.sh $(BIN)/voice

serve-demo: .venv/dev
	@sh scripts/serve_demo.sh $(BIN)/voice

demo-services: .venv/ready
	@$(BIN)/python scripts/demo_services.py

system-packages:
	@sh scripts/system-packages.sh

test: .venv/dev system-packages
	@$(BIN)/python scripts/run_tests.py $(TESTS)

# Servers and clients that nobody here wrote; each tool in an environment of its own below .venv-interop.
interop: .venv/dev
	@PYTHON=$(PYTHON) sh scripts/interop.sh sdk aimock litellm prism

# Agents that nobody here wrote, spoken with on virtual devices, without a network (about 1.9 GB the first time).
agents: .venv/dev system-packages
	@PYTHON=$(PYTHON) sh scripts/interop.sh agents

# Clients that nobody here wrote, against `voice serve`.
serve-judges: .venv/dev
	@PYTHON=$(PYTHON) sh scripts/interop.sh sdk openai-agents schemathesis

# Large ones (about 1.7 GB the first time): agents in JavaScript, LiteLLM between, pipecat and livekit-agents.
serve-judges-heavy: .venv/dev
	@PYTHON=$(PYTHON) sh scripts/interop.sh sdk openai-agents-js litellm peers

# Recognisers and voices in processes of Ray's, one of them killed under load (about 630 MB the first time).
serve-ray: .venv/dev
	@PYTHON=$(PYTHON) sh scripts/interop.sh ray

interop-ci: .venv/dev
	@PYTHON=$(PYTHON) sh scripts/interop.sh sdk aimock

# What interop-ci needs, and no test.
interop-ready: .venv/dev
	@PYTHON=$(PYTHON) SET_UP_ONLY=1 sh scripts/interop.sh sdk aimock

# A million inputs for every parser, from what came by in earlier runs; FUZZ="--runs 10000 spoken" for less.
fuzz: .venv/dev .venv-fuzz/ready
	@PYTHONPATH=.venv-fuzz $(BIN)/python scripts/fuzz.py $(FUZZ)

# In a folder of its own; where atheris cannot be installed the inputs are random, and the run says so.
.venv-fuzz/ready: requirements/fuzz.txt .venv/dev
	@mkdir -p .venv-fuzz
	-$(BIN)/pip install --quiet --upgrade --target .venv-fuzz --require-hashes -r requirements/fuzz.txt
	@touch $@

# A conversation of a thousand turns with services that fail at random.
soak: .venv/dev
	@$(BIN)/python benchmarks/soak.py $(SOAK)

# The peers are large: they are set up once, in the cache folder. The copy of the pins tells a new pin.
PEERS = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/voicecli-peers

bench-peers: .venv/dev
	@cmp -s requirements/peers-talk.txt $(PEERS)/installed || { rm -rf $(PEERS) && $(PYTHON) -m venv $(PEERS) \
	&& $(PEERS)/bin/pip install --quiet --retries 4 --require-hashes -r requirements/peers-talk.txt \
	&& cp requirements/peers-talk.txt $(PEERS)/installed; }
	@$(BIN)/python benchmarks/peers_talk.py --peers $(PEERS)/bin/python $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

check: lint types test

clean:
	rm -rf .venv .venv-interop .venv-fuzz .venv-pins .fuzz build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache demo.wav questions.wav
