# Two words to know: `make demo` tunes a model on Fashion-MNIST, `make test` passes the tests.
# Both make .venv in this folder when it is missing; they need Python 3.11+ with venv, make, and a
# network (or a mirror) for pip.

PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for processes of their own: half as many again as there are cores keep these busy.
PARALLEL := -n $(shell expr 3 \* $$(nproc) / 2) --dist worksteal
DATA := /usr/share/datasets/fashion-mnist

.PHONY: demo test test-all test-page page-images test-engines lint fix docs data clean

demo: .venv/ready data
	$(BIN)/python examples/softmax_fashion_mnist.py --quick

test: .venv/ready lint
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term

test-all: .venv/ready lint
	$(BIN)/python -m pytest -n auto --dist worksteal -m '' --cov --cov-report=term

# The page in a browser: Debian's, and Playwright in an environment of its own, beside nothing but the core.
test-page: .page-env/ready
	.page-env/bin/python -m pytest -m page tests/page

page-images: .page-env/ready
	.page-env/bin/python .ci/page_images.py

.page-env/ready: pyproject.toml
	test -x /usr/bin/chromium || { apt-get update && apt-get install -y --no-install-recommends chromium; }
	test -x .page-env/bin/python || $(PYTHON) -m venv .page-env
	.page-env/bin/python -m pip install --quiet --upgrade pip
	.page-env/bin/python -m pip install --quiet --editable '.[page]'
	touch $@

# Ray, Dask and, for root with Debian's slurm-wlm and munge, Slurm, for real on this machine.
test-engines: .engines-env/ready
	.engines-env/bin/python -m pytest -p no:cacheprovider -W default -m engines tests/engines

.engines-env/ready: pyproject.toml
	@command -v slurmctld > /dev/null || test "$$(id -u)" != 0 \
	  || { apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge; } \
	  || echo "no Slurm here: its test is skipped"
	test -x .engines-env/bin/python || $(PYTHON) -m venv .engines-env
	.engines-env/bin/python -m pip install --quiet --upgrade pip
	.engines-env/bin/python -m pip install --quiet --editable '.[ray,dask,slurm]' pytest hypothesis
	touch $@

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages and what they link to lie in build/docs as they do here, so that a link holds here and there.
PAGES := README.md CHANGELOG.md CONTRIBUTING.md docs benchmarks/README.md $(wildcard benchmarks/results/*.txt)

docs: .docs-env/ready
	rm -rf build/docs build/site && mkdir -p build/docs
	tar -cf - $(PAGES) | tar -xf - -C build/docs
	NO_MKDOCS_2_WARNING=1 .docs-env/bin/mkdocs build --strict
	.docs-env/bin/python .ci/check_site.py build/site

# The tools alone: they read the docstrings from src, without importing rung or what it needs.
DOCS_TOOLS := import tomllib; \
  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")

.docs-env/ready: pyproject.toml
	test -x .docs-env/bin/python || $(PYTHON) -m venv .docs-env
	.docs-env/bin/python -c '$(DOCS_TOOLS)' > .docs-env/tools.txt
	.docs-env/bin/python -m pip install --quiet --requirement .docs-env/tools.txt
	touch $@

# Debian's package holds all of Fashion-MNIST; where it can't be had, rung.datasets downloads it.
data:
	@test -d $(DATA) || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null \
	  || { apt-get update && apt-get install -y dataset-fashion-mnist; } \
	  || echo "no package dataset-fashion-mnist here; the example will download the data"

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .docs-env .page-env .engines-env build
