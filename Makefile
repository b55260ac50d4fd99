PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test ci fuzz package check format constraints licences dist pythons weights recipes peers \
	study scores speed performance bench bench-memory bench-gpu docs clean

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

# One thread each, since two run side by side.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2

test: $(READY)  ## all tests but the longest, fewer damaged inputs; skips what the machine lacks
	AM4CM_FUZZ=0.25 $(PYTEST) -m "not long"

# Nothing may be lacking here: a skip is a failure, but for the reasons in tests/conftest.py.
NO_SKIPS := 1

ci: check docs  ## what a change must pass: all tests, the package in an empty environment, the docs
	AM4CM_NO_SKIPS=$(NO_SKIPS) AM4CM_FUZZ=1 $(PYTEST) -rs

package: $(READY)  ## wheel and sdist built, compared, installed in an empty environment and tried
	$(BIN)/pytest tests/test_package.py

# How many times as many damaged inputs as in `make ci`.
FUZZ := 20

fuzz: $(READY)  ## damaged files of every kind, many more of them
	AM4CM_FUZZ=$(FUZZ) $(PYTEST) tests/test_fuzz*.py

# Bytes follow from the source alone; the date is that of the last commit.
dist: $(READY)  ## wheel and sdist, in dist/, with their sizes and SHA-256
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation
	cd dist && wc -c * && sha256sum *

# Other versions of Python, where they can be had: make pythons PYTHONS="python3.12 python3.13"
PYTHONS := python3.12 python3.13

pythons: $(PYTHONS:%=build/%/ready)  ## the tests of `make test` under other versions of Python
	for python in $(PYTHONS); do \
		AM4CM_FUZZ=0.25 OMP_NUM_THREADS=1 build/$$python/bin/pytest --numprocesses 2 \
			-m "not long" || exit 1; done

$(PYTHONS:%=build/%/ready): build/%/ready: pyproject.toml constraints.txt
	$* -m venv build/$*
	build/$*/bin/pip install --quiet --upgrade "pip>=25.1"
	build/$*/bin/pip install --quiet --constraint constraints.txt --editable ".[plots]" --group dev
	touch $@

check: $(READY)  ## lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Simulated stacks alone, half of them as Sen2Cor leaves them, half as THEIA: anyone can remake them.
# Candidates differ in their seed; the simulated clouds of two more stacks choose among them. One
# thread each, so that the bytes do not depend on the number of cores.
SIMULATED := build/weights
STACKS := 1 2 3 4 5 6
SEEDS := 0 1 2 3 4 5 6 7 8 9
DEFAULT := weights/sim-10band-2.safetensors
SIMULATE = $(BIN)/am4cm simulate --dates $$((24 + 8 * n)) --clouds 0.$$((35 + 5 * n)) \
	--start 201$$((n + 2))-0$$((n % 3 * 4 + 1))-01
PREPARE := $(CURDIR)/$(BIN)/am4cm prepare --fields fields.tif --per-group 12 --folds 10
TRAIN := OMP_NUM_THREADS=1 $(BIN)/am4cm train --keep last

$(SIMULATED)/data: $(READY)
	rm -rf $(SIMULATED) && mkdir -p $(SIMULATED)
	for n in $(STACKS); do \
		$(SIMULATE) $(SIMULATED)/stack-$$n --seed $$n && \
		$(SIMULATE) $(SIMULATED)/theia-$$n --seed $$((10 + n)) --chain theia || exit 1; done
	$(BIN)/am4cm simulate $(SIMULATED)/unseen --seed 7 --dates 48
	$(BIN)/am4cm simulate $(SIMULATED)/unseen-theia --seed 17 --dates 48 --chain theia
	cd $(SIMULATED) && $(PREPARE) stack-* theia-* data

weights: $(SIMULATED)/data  ## the default weights, again from nothing
	echo $(SEEDS) | xargs -n 1 -P 2 sh -c '$(TRAIN) $(SIMULATED)/data \
		$(SIMULATED)/seed-$$0.safetensors --seed $$0 --epochs 6 --overwrite'
	$(BIN)/python bench/choose.py $(DEFAULT) $(SIMULATED)/seed-*.safetensors \
		--on $(SIMULATED)/unseen --on $(SIMULATED)/unseen-theia

# What the recipe of the default weights was chosen from; needs the shared real series.
RECIPES := build/recipes
FLANDERS := ../shared/data/flanders-2018
PEERS := build/peers
PEER := build/s2cloudless.npz
UKIS := $(patsubst %,$(PEERS)/%-ukis.npz,flanders-2018 lazio-l1c vosges-theia \
	iberia-4band-0 iberia-4band-1)

build/s2cloudless/ready:
	$(PYTHON) -m venv build/s2cloudless
	build/s2cloudless/bin/pip install --quiet s2cloudless==1.7.3
	touch $@

build/ukis-csmask/ready:
	$(PYTHON) -m venv build/ukis-csmask
	build/ukis-csmask/bin/pip install --quiet "ukis-csmask[cpu]==1.0.0"
	touch $@

$(PEERS)/ready: bench/peers/arrays.py | $(READY)
	$(BIN)/python $< ../shared/data $(PEERS)
	touch $@

$(PEER): bench/peers/s2cloudless_probability.py build/s2cloudless/ready $(PEERS)/ready
	build/s2cloudless/bin/python $< $(PEERS)/lazio-l1c.npz $@

$(PEERS)/%-ukis.npz: bench/peers/ukis_classes.py build/ukis-csmask/ready $(PEERS)/ready
	build/ukis-csmask/bin/python $< $(PEERS)/$*.npz $@

# What peers say is kept; their speed and all of am4cm's answers are new in every run.
peers: $(READY) $(PEER) $(UKIS)  ## docs/peers.md; needs the shared real series
	$(BIN)/python bench/peers/speed.py build
	$(BIN)/python bench/peers/page.py ../shared/data build docs/peers.md

STUDY := build/study

$(STUDY)/ready: $(READY)
	rm -rf $(STUDY) && mkdir -p $(STUDY)
	$(BIN)/am4cm simulate $(STUDY)/sen2cor --seed 7 --dates 48 --size 128
	$(BIN)/am4cm simulate $(STUDY)/theia --seed 17 --dates 48 --size 128 --chain theia
	touch $@

study: $(STUDY)/ready $(PEER)  ## docs/attention.md and its pictures; needs the shared real series
	$(BIN)/python bench/study/page.py ../shared/data build docs/attention.md

recipes: $(SIMULATED)/data $(PEER)  ## the table of weights/README.md
	rm -rf $(RECIPES) && mkdir -p $(RECIPES)
	$(BIN)/python bench/flanders.py $(FLANDERS) $(RECIPES)/site
	$(PREPARE) $(RECIPES)/site $(RECIPES)/flanders
	cd $(RECIPES) && $(PREPARE) ../weights/stack-* ../weights/theia-* site both
	printf '%s\n' \
		"$(SIMULATED)/data $(RECIPES)/simulation.safetensors --epochs 6" \
		"$(SIMULATED)/data $(RECIPES)/unshaded.safetensors --epochs 6 --shade 0" \
		"$(SIMULATED)/data $(RECIPES)/bands-dropped.safetensors --epochs 6 --drop-bands 0.5" \
		"$(SIMULATED)/data $(RECIPES)/mlp.safetensors --epochs 6 --model mlp" \
		"$(RECIPES)/flanders $(RECIPES)/flanders.safetensors --epochs 40" \
		"$(RECIPES)/both $(RECIPES)/both.safetensors --epochs 6" \
		| xargs -P 2 -I {} sh -c '$(TRAIN) {}'
	$(BIN)/python bench/recipes.py ../shared/data $(RECIPES)/*.safetensors --lazio $(PEER)

scores: demo  ## masks against the demo's truth, and on real series where they are at hand
	$(BIN)/am4cm evaluate demo/mask.tif demo/stack/truth.tif --images demo/stack
	if [ -d ../shared/data ]; then \
		$(BIN)/am4cm mask $(FLANDERS)/images demo/flanders.tif --overwrite --dtype float32 && \
		$(BIN)/am4cm evaluate demo/flanders.tif $(FLANDERS)/eye.npz --images $(FLANDERS)/images \
			--scl $(FLANDERS)/scl --without 2018-04-06,2018-04-21,2018-09-11 && \
		$(BIN)/python bench/transfer.py ../shared/data weights/*.safetensors; fi

# Sizes of what is timed; a quick look: make speed SIDE=512 DATES=6 TURNS=1 SIDES=256,512 SPANS=6,12
SIDE := 2048
DATES := 24
TURNS := 3
SIDES := 512,1024,2048,4096
SPANS := 6,24,96
LIMIT := 2GB
SIMULATED_SIDE := 512
SIZES = --dates $(DATES) --simulated $(SIMULATED_SIDE)

speed: $(READY) build/s2cloudless/ready build/ukis-csmask/ready  ## how fast am4cm, its limits and its peers are
	$(BIN)/python -m bench.speed.turns build --side $(SIDE) --turns $(TURNS) $(SIZES)
	$(BIN)/python -m bench.speed.scaling build --sides $(SIDES) --spans $(SPANS) $(SIZES)
	$(MAKE) performance

performance: $(READY)  ## docs/performance.md, of what was measured last
	$(BIN)/python -m bench.speed.page build docs/performance.md

bench: speed scores  ## how fast, and how good

bench-memory: $(READY)  ## peak memory under a limit, on large stacks; then make performance
	$(BIN)/python -m bench.speed.memory build --limit $(LIMIT)

bench-gpu: $(READY)  ## rates of a GPU, where there is one; then make performance
	$(BIN)/python -m bench.speed.gpu build --side $(SIDE) --dates $(DATES) --turns $(TURNS)

# Exact versions for this repository's own environment, so that installing it need not search, and
# finds tomorrow what it found today; the package itself works with any that pyproject.toml allows.
# What is there stays as it is; make constraints UPGRADE=--upgrade renews all. torch stays at 2.13.0
# until then: where an index has its build for the CPU, pip prefers that, since 2.13.0+cpu sorts
# above 2.13.0; elsewhere the same version comes with CUDA, gigabytes of it.
UPGRADE :=

constraints: build/uv/ready  ## constraints.txt, of pyproject.toml
	build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
		--no-annotate --custom-compile-command "make constraints" $(UPGRADE) \
		--output-file constraints.txt pyproject.toml

build/uv/ready:
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet "uv>=0.8"
	touch $@

licences: $(READY)  ## docs/licences.md, of what is installed
	$(BIN)/python bench/licences.py docs/licences.md

docs: $(READY)  ## the documentation as a site, in build/site; any doubtful link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The site is build/site/index.html; its search needs python -m http.server -d build/site."

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) demo build dist
