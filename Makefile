PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test check format weights bench clean

# Everything below runs in an environment of its own; a change of requirements renews it.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[plots]" --group dev
	touch $@

demo: $(READY)  ## a simulated stack, its cloud mask and a picture of both, in demo/
	rm -rf demo && mkdir demo
	$(BIN)/am4cm simulate demo/stack --dates 24
	$(BIN)/am4cm mask demo/stack demo/mask.tif
	$(BIN)/am4cm draw demo/mask.tif demo/mask.png --images demo/stack
	@echo "The mask is demo/mask.tif, a picture of it demo/mask.png."

test: $(READY)  ## all tests
	$(BIN)/pytest --numprocesses 2

check: $(READY)  ## lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) demo build dist
