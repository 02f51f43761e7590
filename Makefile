# glf_tf: set-up, training and tests, each by one word.
#
#   make train                               GLF on the embedded digits, a few minutes;
#                                            goes on where it was stopped
#   make train RECIPE=flags/glf/mnist.cfg DATA_DIR=/path/to/idx/files
#   make test                                the suite; TESTS=--all: of costly laws all
#   make quick                               the suite without its slow tests
#   make lint                                ruff, format and rules
#   make docs                                the site, from docs/ into site/
#   make install                             the set-up alone

RECIPE ?= flags/glf/digits.cfg
DATA_DIR ?=
WORKDIR ?= runs/$(basename $(RECIPE:flags/%=%))
FLAGS ?=
# The newest supported Python there is; `make PYTHON=...` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: install train test quick lint docs clean
.DEFAULT_GOAL := install

install: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt requirements-docs.txt pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "glf_tf needs Python 3.11, 3.12 or 3.13. \
	Received: none on PATH. Install one or pass PYTHON=/path/to/python."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $(STAMP)

train: $(STAMP)
	$(BIN)/python tools/train.py --flagfile=$(RECIPE) --workdir=$(WORKDIR) --resume \
		$(if $(DATA_DIR),--data_dir=$(DATA_DIR)) $(FLAGS)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

quick: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(TESTS)

lint: $(STAMP)
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/python -m glf_tf.catalogue --check

# A warning fails it; the variable silences the theme's advice on its successor.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

clean:
	rm -rf $(VENV) build site *.egg-info
