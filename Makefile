PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
BUILD := build/demo
SOURCES := find kernels cpp examples/cpp -path cpp/third_party -prune -o -name '*.[hc]' -print -o -name '*.[hc]pp' -print -o -name '*.cu' -print

.PHONY: demo test test-slow engines lint format clean

# Pinned, so that everybody tests the same; the CPU build of torch is enough for all of it. The demonstration needs
# half of it, which comes first; how far pip is, it shows.
$(VENV)/demo: pyproject.toml requirements-demo.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what the demonstration needs into $(VENV): torch, ONNX and ONNX Runtime"
	$(PIP) install -r requirements-demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/ready: $(VENV)/demo requirements-dev.txt requirements-networks.txt requirements-nvcc.txt requirements-triton.txt
	@echo "Installing the development environment into $(VENV): engines, training, tests and the compiler of kernels"
	$(PIP) install -r requirements-dev.txt
	$(PIP) install --no-deps -r requirements-networks.txt -r requirements-triton.txt
	command -v nvcc || test -x /usr/local/cuda/bin/nvcc || $(PIP) install -r requirements-nvcc.txt
	touch $@

demo: $(VENV)/demo  ## export a checkpoint, prove it, inpaint a photograph
	$(BIN)/python examples/make_photograph.py $(BUILD)
	$(BIN)/lama-export --weights lama-demo --to onnx --out $(BUILD)/lama-demo
	$(BIN)/lama-verify $(BUILD)/lama-demo
	$(BIN)/lama-inpaint $(BUILD)/photograph.png $(BUILD)/photograph_mask.png -o $(BUILD)/result.png --overwrite --model $(BUILD)/lama-demo

# What tests of the npm package need: where npm is not installed they are skipped, and say so.
web/node_modules/ready: web/package-lock.json
	@command -v npm > /dev/null || { echo "npm is not installed: tests of the npm package will be skipped"; exit 0; }; \
	  cd web && npm ci --no-audit --no-fund && touch node_modules/ready

# In two processes, file by file: much of a test's time is one thread's.
test: $(VENV)/ready web/node_modules/ready lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 1 -m "not slow"

test-slow: $(VENV)/ready web/node_modules/ready  ## what takes minutes and seldom tells anything else: builds, long trainings, every defect
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 1 -m slow

engines: $(VENV)/ready  ## engines and tools that others wrote, each in an environment of its own, run the exported files
	$(BIN)/python -m tests.engines

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SOURCES) | xargs $(BIN)/clang-format --dry-run --Werror

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(SOURCES) | xargs $(BIN)/clang-format -i

clean:
	rm -rf $(VENV) build dist
