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

test: $(READY)  ## all tests; one thread each, since two run side by side
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2

check: $(READY)  ## lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Simulated stacks alone: anyone can remake them. Candidates differ in their seed; the simulated
# clouds of a seventh stack choose among them.
SIMULATED := build/weights
STACKS := 1 2 3 4 5 6
SEEDS := 0 1 2 3 4

weights: $(READY)  ## the default weights, again from nothing
	rm -rf $(SIMULATED) && mkdir -p $(SIMULATED)
	for n in $(STACKS); do $(BIN)/am4cm simulate $(SIMULATED)/stack-$$n --seed $$n \
		--dates $$((24 + 8 * n)) --clouds 0.$$((35 + 5 * n)) --start 201$$((n + 2))-0$$((n % 3 * 4 + 1))-01 || exit 1; done
	$(BIN)/am4cm simulate $(SIMULATED)/unseen --seed 7 --dates 48
	cd $(SIMULATED) && ../../$(BIN)/am4cm prepare stack-* data --fields fields.tif --per-group 12
	for seed in $(SEEDS); do $(BIN)/am4cm train $(SIMULATED)/data $(SIMULATED)/seed-$$seed.safetensors \
		--seed $$seed --epochs 6 || exit 1; done
	$(BIN)/python bench/choose.py weights/sim-10band.safetensors $(SIMULATED)/unseen $(SIMULATED)/seed-*.safetensors

bench: demo  ## scores against the demo's truth, and on real series where they are at hand
	$(BIN)/python bench/eye.py demo/stack demo/stack/truth.tif
	if [ -d ../shared/data ]; then \
		$(BIN)/python bench/eye.py ../shared/data/flanders-2018 ../shared/data/flanders-2018/eye.npz && \
		$(BIN)/python bench/transfer.py ../shared/data weights/sim-10band.safetensors; fi

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) demo build dist
