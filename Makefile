# make demo: from a fresh machine to a minute of video. make test: everything that needs no GPU.
PYTHON ?= python3
BIN := .venv/bin
TORCH ?= 2.13.0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test lint format studio clean
.DEFAULT_GOAL := setup

setup: .venv/stamp

.venv/stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install --quiet "torch==$(TORCH)"
	$(BIN)/pip install --quiet -e ".[dev,train]"
	touch $@

demo: setup
	$(BIN)/flythrough generate --prompt "a quiet valley with a lake at dawn" --camera orbit:radius=8,degrees=200 \
	  --frames 961 --seed 0 --out fly.mp4 --contact-sheet

test: lint
	$(BIN)/pytest -m "not gpu" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyrefly check
	$(BIN)/codespell

# The studio as it is served: types from the server's schema, then a build. Needs Node; its users need none.
studio: setup
	$(BIN)/python studio/openapi.py > studio/openapi.json
	cd studio && npm ci && npm run types && npm run check && npm run build

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache fly.mp4 fly.camera.json fly.sheet.png
