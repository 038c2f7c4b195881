#!/usr/bin/env bash
# Train in several processes through torchrun: one a GPU, or on gloo where there is no GPU.
#   ./tools/dist_train_recognizer.sh CONFIG GPUS [options of tools/train_recognizer.py]
# Several machines: NNODES, NODE_RANK, MASTER_ADDR and PORT from the environment, on each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# -lt 2 ]]; then
    echo "usage: $0 CONFIG GPUS [options]" >&2
    exit 2
fi
config=$1 gpus=$2
shift 2
exec "$here/_torchrun.sh" "$gpus" "$here/train_recognizer.py" "$config" "$@"
