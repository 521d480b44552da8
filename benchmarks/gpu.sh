#!/bin/sh
# What only a GPU can say: the tests marked `gpu`, then the table of gpt2-124m, row by row, and docs/benchmarks.md.
#
#   make gpu                                    in .venv, with everything installed
#   benchmarks/gpu.sh [tests|table|all] [...]   with the python3 that is there, whose torch sees the GPU
#
# More words go to benchmarks/train.py: --limit-s 240, --data DIR, --rows plain,lean, --long. A table that was
# interrupted goes on where it stopped when it is asked for again; its results are in benchmarks/results.
#
#   PYTHON=...    another Python
#   SIZE=micro    every line of this without a GPU: the tests are skipped, and the table means nothing and is not kept
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
size=${SIZE:-gpt2-124m}
part=${1:-all}
[ $# -eq 0 ] || shift
case $part in
tests | table | all) ;;
*)
    echo "gpu.sh: no part '$part': tests, table or all" >&2
    exit 2
    ;;
esac

"$python" - "$size" <<'EOF' || exit 2
import sys
from importlib.util import find_spec

PACKAGES = (
    "torch", "numpy", "msgspec", "msgpack", "psutil", "nvidia-ml-py", "safetensors", "tokenizers", "pyarrow", "torchao",
    "pytest", "pytest-asyncio", "hypothesis",
)
modules = {"nvidia-ml-py": "pynvml", "pytest-asyncio": "pytest_asyncio"}
missing = [package for package in PACKAGES if find_spec(modules.get(package, package)) is None]
if missing:
    sys.exit(f"gpu.sh: {sys.executable} lacks {', '.join(missing)}: pip install -c constraints.txt {' '.join(missing)}")
import torch

if sys.argv[1] != "micro" and not torch.cuda.is_available():
    sys.exit(f"gpu.sh: torch {torch.__version__} sees no CUDA device: run this where it does, or try it with SIZE=micro")
EOF

failed=0
if [ "$part" != table ]; then
    "$python" -m pytest -p no:cacheprovider -m gpu tests/engine || failed=1
fi
if [ "$part" != tests ]; then
    if [ "$size" = micro ]; then
        kept=$(mktemp -d)
        trap 'rm -rf "$kept"' EXIT
        set -- --out "$kept" --work "$kept" "$@"
    fi
    "$python" benchmarks/train.py --size "$size" "$@" || failed=1
    "$python" benchmarks/report.py
fi
exit $failed
