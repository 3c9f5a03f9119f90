# Two words to know: `make demo` tunes a model on Fashion-MNIST, `make test` passes the tests.
# Both make .venv in this folder when it is missing; they need Python 3.11+ with venv, make, and a
# network (or a mirror) for pip.

PYTHON ?= python3
BIN := .venv/bin
DATA := /usr/share/datasets/fashion-mnist

.PHONY: demo test test-all lint fix data clean

demo: .venv/ready data
	$(BIN)/python examples/softmax_fashion_mnist.py --quick

test: .venv/ready lint
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term

test-all: .venv/ready lint
	$(BIN)/python -m pytest -n auto --dist worksteal -m '' --cov --cov-report=term

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

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
	rm -rf .venv
