# `make draw` and `make test` set everything up in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup draw test lint clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

draw: setup
	$(BIN)/python scripts/draw.py examples/pictures/digits/*.png --recipe mnist-4 -o out/digits --gif --sheet out/digits.png
	$(BIN)/python scripts/draw.py examples/pictures/symbols/*.png --recipe omniglot-4 -o out/symbols --gif --sheet out/symbols.png
	@echo "Look at out/digits.png and out/symbols.png: each picture with its drawing below."

test: setup lint
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf .venv out
