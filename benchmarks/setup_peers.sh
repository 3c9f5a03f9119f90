#!/bin/sh
# Install what the benchmarks compare rung with, each into an environment of its own that git ignores: .peers (Optuna)
# for overhead.py, and for multifidelity.py also .peers-syne (Syne Tune) and .peers-bench (rung, from this checkout).
# onnxruntime evaluates the tuning tasks; it is in all three.
set -eu
cd "$(dirname "$0")/.."

install() { # environment, pip's arguments
    environment=$1
    shift
    "$environment"/bin/pip install --quiet --disable-pip-version-check "$@"
}

for environment in .peers .peers-syne .peers-bench; do
    python3 -m venv "$environment"
    echo '*' > "$environment"/.gitignore
done
install .peers 'optuna>=5a0,<6' onnxruntime
# Syne Tune's own requirements name xgboost, whose CUDA libraries are gigabytes; ASHA needs none of it.
install .peers-syne --no-deps 'syne-tune==0.16.*'
install .peers-syne dill numpy onnxruntime pandas psutil scikit-learn scipy sortedcontainers statsmodels tqdm \
    typing_extensions
install .peers-bench --editable . onnxruntime

.peers/bin/python -c 'import optuna; print("optuna", optuna.__version__, "in .peers")'
.peers-syne/bin/python -c 'import syne_tune; print("syne-tune", syne_tune.__version__, "in .peers-syne")'
.peers-bench/bin/python -c 'import rung; print("rung", rung.__version__, "in .peers-bench")'
