# `make play` shows an agent that ships with this; `make train` trains, evaluates and films one; `make test` checks
# everything. Each makes a virtual environment in .venv first. PYTHON says which Python it is made from (3.11 to 3.13).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
GAME := SpaceInvadersNoFrameskip-v4
AGENT := --algo dqn --env $(GAME) -f logs
# the run that has ended last: another one may have been begun beside it
LATEST := run=$$(ls -t logs/dqn/$(GAME)_*/results.json | head -n 1); id=$${run%/results.json}; id=$${id\#\#*_}

.PHONY: play train test test-all kills docs lint clean

play: $(VENV)/.installed
	$(BIN)/python -m dqn_zoo_ext.enjoy --pretrained SpaceInvaders --seed 1

train: $(VENV)/.installed
	@echo "Training for 30,000 agent steps; on two cores with little else to do that takes about five minutes."
	$(BIN)/python -m dqn_zoo_ext.train $(AGENT) -conf hyperparams/presets/space_invaders_quick.yml --seed 1
	@$(LATEST); set -x; \
	$(BIN)/python -m dqn_zoo_ext.evaluate $(AGENT) --exp-id $$id --load-best --episodes 10 && \
	$(BIN)/python -m dqn_zoo_ext.record_video $(AGENT) --exp-id $$id --load-best
	@$(LATEST); echo "Watch it: logs/dqn/$(GAME)_$$id/replay.mp4, or, with a display:"; \
	echo "  $(BIN)/python -m dqn_zoo_ext.enjoy $(AGENT) --exp-id $$id --load-best"

test: lint
	$(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

test-all: lint
	$(BIN)/python -m pytest -n auto --dist worksteal

# A hundred kills of real trainings, each run resumed to its end and compared; half an hour on two cores.
kills: $(VENV)/.installed
	$(BIN)/python tests/faults/kill_runs.py --kills 100 --out benchmarks/results/kills.json

# The user guide as a website; nothing is fetched. A link that leads nowhere, or a page that no menu names, fails (with
# --quiet it would not: what makes it fail is the warning). First the code that pages quote is taken from its source anew.
docs: $(VENV)/.installed
	$(BIN)/python docs/quote.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "The guide: build/guide/index.html (with its search: $(BIN)/python -m http.server -d build/guide)"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}; say which with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time that takes a minute or more."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
