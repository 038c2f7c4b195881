#!/usr/bin/env bash
# _torchrun.sh PROCESSES SCRIPT [arguments]: what the dist_*.sh scripts share.
# TORCHRUN_OPTIONS: more of torchrun's options, such as "--max-restarts=3".
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
processes=$1
shift
if ! [[ $processes =~ ^[1-9][0-9]*$ ]]; then
    echo "error: GPUS is '$processes': expected a whole number, 1 or more" >&2
    exit 2
fi
python=${PYTHON:-$root/.venv/bin/python}
[[ -n ${PYTHON:-} || -x $python ]] || python=python
if [[ ${NNODES:-1} -gt 1 || -n ${PORT:-} ]]; then
    rendezvous=(--nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}"
        --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${PORT:-29500}")
else
    rendezvous=(--standalone)
fi
read -ra options <<<"${TORCHRUN_OPTIONS:-}"
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m mmaction.launcher \
    "${rendezvous[@]}" ${options[@]+"${options[@]}"} --nproc-per-node="$processes" "$@" --launcher pytorch
