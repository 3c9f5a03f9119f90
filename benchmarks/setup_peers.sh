#!/bin/sh
# Install the libraries that overhead.py compares rung with, into their own environment .peers (git ignores it).
set -eu
cd "$(dirname "$0")/.."
python3 -m venv .peers
.peers/bin/pip install --quiet --disable-pip-version-check 'optuna>=5a0,<6'
.peers/bin/python -c 'import optuna; print("optuna", optuna.__version__, "in .peers")'
