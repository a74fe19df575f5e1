# `make draw` and `make test` set everything up in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup draw test attack site lint results clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

draw: setup
	$(BIN)/python scripts/draw.py examples/pictures/page/harbour.jpg -o out --gif --sheet out/page.png
	$(BIN)/python scripts/draw.py examples/pictures/digits/*.png --recipe mnist-4 -o out/digits --gif --sheet out/digits.png
	$(BIN)/python scripts/draw.py examples/pictures/symbols/*.png --recipe omniglot-4 -o out/symbols --gif --sheet out/symbols.png
	$(BIN)/python scripts/draw.py examples/pictures/digits/*.png --recipe colormnist-4 -o out/colors --sheet out/colors.png
	$(BIN)/python scripts/draw.py examples/pictures/plans/*.png --recipe floorplan -o out/plans --sheet out/plans.png
	$(BIN)/python scripts/draw.py examples/pictures/scenes/*.png --recipe prism -o out/scenes --sheet out/scenes.png
	@echo "Look at the .png files in out/: each picture with its drawing below."

test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# What may be wrong, many times over: about two hours on two cores; make test tries a little of it.
attack: setup
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m attack

site: setup
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[docs]"
	$(BIN)/python -m sphinx -W -q docs out/site
	@echo "Open out/site/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check --python .venv

# Every figure of the README's tables, but for what a training run is needed; about two hours on two cores.
EVALUATE := $(BIN)/python scripts/evaluate.py
results: setup
	mkdir -p results
	$(EVALUATE) quickstart --out results/quickstart.json
	$(EVALUATE) quickstart --effort 2 --out results/quickstart-effort.json
	$(EVALUATE) mnist-4 --out results/mnist-4.json
	$(EVALUATE) mnist-4 --effort 2 --out results/mnist-4-effort.json
	$(EVALUATE) mnist-4 --agent random --out results/mnist-4-random.json
	$(EVALUATE) mnist-20 --out results/mnist-20.json
	$(EVALUATE) mnist-20 --effort 2 --limit 2000 --out results/mnist-20-effort.json
	$(EVALUATE) mnist-20 --strokes 4 --out results/mnist-20-four.json
	$(EVALUATE) mnist-20 --strokes 4 --effort 2 --out results/mnist-20-four-effort.json
	for lines in "" -thin -wide; do \
		$(EVALUATE) omniglot-4 --targets omniglot$$lines:test --out results/omniglot-4$$lines.json || exit 1; \
		$(EVALUATE) omniglot-4 --targets omniglot$$lines:test --effort 2 --out results/omniglot-4$$lines-effort.json \
			|| exit 1; done
	$(EVALUATE) omniglot-4 --strokes 8 --effort 3 --price 2 --out results/omniglot-4-eight.json
	$(EVALUATE) omniglot-4 --agent skeleton --out results/omniglot-4-skeleton.json
	$(EVALUATE) omniglot-4 --targets mnist:test --out results/omniglot-4-on-mnist.json
	$(EVALUATE) sketch-10 --out results/sketch-10.json
	$(EVALUATE) sketch-10 --refine 50 --out results/sketch-10-refined.json
	$(EVALUATE) sketch-10 --effort 2 --pens --out results/sketch-10-effort.json
	$(EVALUATE) sketch-10 --effort 2 --refine 50 --out results/sketch-10-effort-refined.json
	$(EVALUATE) sketch-10 --effort 2 --price 2 --pens --out results/sketch-10-price.json
	$(EVALUATE) sketch-10 --effort 2 --price 3.6 --pens --out results/sketch-10-price-3.6.json
	$(EVALUATE) sketch-10 --agent skeleton --pens --out results/sketch-10-skeleton.json
	$(EVALUATE) sketch-10 --strokes 4 --out results/sketch-10-four.json
	$(EVALUATE) lines --effort 2 --pens --out results/lines-sketches.json
	$(EVALUATE) lines --effort 2 --price 4 --pens --out results/lines-price-4.json
	$(EVALUATE) lines --targets sketches-dirty:test --effort 2 --pens --out results/lines-dirty.json
	$(EVALUATE) lines --targets sketches-photographed:test --effort 2 --pens --out results/lines-photographed.json
	$(EVALUATE) lines --targets sketches-dirty:test --agent skeleton-of-clean --pens --out results/lines-dirty-skeleton-of-clean.json
	$(EVALUATE) lines --targets sketches-photographed:test --agent skeleton-of-clean --pens --out results/lines-photographed-skeleton-of-clean.json
	for dirt in ruled holes faint shaded; do \
		$(EVALUATE) lines --targets omniglot-$$dirt:test --size 64 --spread 320 --effort 2 \
			--out results/lines-$$dirt.json || exit 1; \
		for rival in skeleton skeleton-of-clean; do \
			$(EVALUATE) lines --targets omniglot-$$dirt:test --size 64 --spread 320 --agent $$rival \
				--out results/lines-$$dirt-$$rival.json || exit 1; done; done
	for order in phased raster flood; do \
		$(EVALUATE) sketch-10 --order $$order --limit 32 --out results/sketch-10-$$order-32.json || exit 1; done
	$(EVALUATE) sketch-10 --stride 64 --out results/sketch-10-no-overlap.json
	$(EVALUATE) sketch-10 --targets openmoji:test --effort 2 --price 2 --out results/sketch-10-on-openmoji-price.json
	$(EVALUATE) sketch-10 --targets openmoji:test --effort 4 --price 2 --out results/sketch-10-on-openmoji-effort.json
	$(EVALUATE) lines --targets openmoji:test --effort 2 --out results/lines-on-openmoji.json
	$(EVALUATE) lines --targets openmoji:test --effort 4 --out results/lines-on-openmoji-effort.json
	$(EVALUATE) lines --targets openmoji:test --effort 8 --out results/lines-on-openmoji-most.json
	$(EVALUATE) sketch-10 --targets openmoji:test --agent skeleton --out results/openmoji-skeleton.json
	# With AutoTrace: pip install pyautotrace
	# $(EVALUATE) sketch-10 --agent autotrace --pens --out results/sketch-10-autotrace.json
	# $(EVALUATE) sketch-10 --targets openmoji:test --agent autotrace --out results/openmoji-autotrace.json
	$(EVALUATE) sketch-hierarchy --out results/sketch-hierarchy.json
	$(EVALUATE) sketch-hierarchy --effort 2 --pens --out results/sketch-hierarchy-effort.json
	$(EVALUATE) hollow --out results/hollow.json
	$(EVALUATE) hollow --effort 2 --out results/hollow-effort.json
	$(EVALUATE) colormnist-4 --out results/colormnist-4.json
	$(EVALUATE) floorplan --effort 2 --out results/floorplan.json
	$(EVALUATE) floorplan --targets floorplans-scanned:test --effort 2 --out results/floorplan-scanned.json
	$(EVALUATE) floorplan --out results/floorplan-once.json
	for rival in truth regions; do \
		$(EVALUATE) floorplan --agent $$rival --out results/floorplan-$$rival.json || exit 1; done
	for scenes in prisms-1 prisms-3 blocks-6; do \
		$(EVALUATE) prism --targets $$scenes:test --out results/$$scenes.json || exit 1; \
		$(EVALUATE) prism --targets $$scenes:test --effort 2 --out results/$$scenes-effort.json || exit 1; done
	$(EVALUATE) prism --targets prisms-3:test --effort 32 --out results/prisms-3-most.json
	$(EVALUATE) prism --targets blocks-6:test --effort 32 --price 1 --out results/blocks-6-most.json
	$(BIN)/python scripts/reference.py mnist-4 --n 50 --starts 16 --steps 300 --out results/mnist-4-reference.json
	for task in symbols digits; do \
		$(BIN)/python scripts/reference.py agents.ablations:bench_$$task --n 20 --starts 8 --steps 300 \
			--out results/best-$$task.json || exit 1; done
	$(BIN)/python scripts/frontier.py
	$(BIN)/python scripts/calls.py --seeds 1
	$(BIN)/python scripts/benchmark.py --out results/benchmark.json

clean:
	rm -rf .venv out
