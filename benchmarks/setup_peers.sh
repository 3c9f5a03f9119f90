#!/bin/sh
# Install what the benchmarks compare rung with, each into an environment of its own that git ignores:
#   benchmarks/setup_peers.sh            .peers (Optuna) for overhead/; for multifidelity/ also .peers-syne
#                                        (Syne Tune) and .peers-bench (rung, from this checkout)
#   benchmarks/setup_peers.sh blackbox   after that, what blackbox/ has beside these: .peers-smac, .peers-hyperopt,
#                                        .peers-ax, .peers-hebo, and more for the first three; 4 GB
#   benchmarks/setup_peers.sh league     after these two, what league/ has beside them, into .peers, .peers-bench,
#                                        .peers-smac, .peers-ax and .peers-hebo: COCO, scikit-learn, PyTorch for two
# onnxruntime evaluates the tuning tasks; it is in all of them.
set -eu
cd "$(dirname "$0")/.."

environment() { # its folder
    python3 -m venv "$1" && echo '*' > "$1"/.gitignore
}

install() { # environment, pip's arguments
    environment=$1
    shift
    "$environment"/bin/pip install --quiet --disable-pip-version-check "$@"
}

show() { # environment, packages
    environment=$1
    shift
    for package; do
        "$environment"/bin/python -c "
from importlib.metadata import version
print('$package', version('$package'), 'in $environment')"
    done
}

further() { # environment, package to show, pip's arguments; a peer that does not install does not stop the others
    environment=$1 package=$2
    shift 2
    environment "$environment" && install "$environment" "$@" && show "$environment" "$package" ||
        echo "$package did not install: blackbox/ leaves out what needs it" >&2
}

torch='torch --constraint constraints.txt' # the build for CPUs; another is gigabytes of CUDA

if [ "${1:-}" = league ]; then
    install .peers coco-experiment scikit-learn cmaes scipy $torch # cmaes for Optuna's CmaEsSampler, scipy for its GP
    install .peers-bench coco-experiment scikit-learn cmaes $torch
    for environment in .peers-smac .peers-ax .peers-hebo; do # what lacks is left out by league/
        install "$environment" coco-experiment scikit-learn && show "$environment" coco-experiment || true
    done
    exit
fi

if [ "${1:-}" = blackbox ]; then
    further .peers-bench rung --editable '.[cmaes]'
    further .peers torch $torch scipy # for Optuna's GPSampler
    # CQR imports huggingface_hub; BORE needs xgboost, which as xgboost-cpu comes without CUDA.
    further .peers-syne xgboost-cpu xgboost-cpu huggingface_hub
    further .peers-hyperopt hyperopt hyperopt onnxruntime
    further .peers-smac smac 'smac==2.*' onnxruntime
    further .peers-ax ax-platform 'ax-platform==1.*' onnxruntime $torch
    # The bounds are what goes with the old numpy that HEBO wants; pip would search for that for half an hour.
    further .peers-hebo HEBO HEBO==0.3.6 onnxruntime $torch 'numpy==1.24.*' 'pandas<2.3' 'scipy<1.13' \
        'scikit-learn<1.6' 'matplotlib<3.10' 'paramz==0.9.6' 'GPy==1.13.2' 'setuptools<81'
    exit
fi

for environment in .peers .peers-syne .peers-bench; do
    environment "$environment"
done
install .peers 'optuna>=5a0,<6' onnxruntime 'psycopg[binary]>=3.2' # storage/: Optuna on PostgreSQL
# Syne Tune's own requirements name xgboost, whose CUDA libraries are gigabytes; ASHA needs none of it.
install .peers-syne --no-deps 'syne-tune==0.16.*'
install .peers-syne dill numpy onnxruntime pandas psutil scikit-learn scipy sortedcontainers statsmodels tqdm \
    typing_extensions
install .peers-bench --editable . onnxruntime
show .peers optuna
show .peers-syne syne-tune
show .peers-bench rung
