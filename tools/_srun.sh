#!/usr/bin/env bash
# _srun.sh PARTITION JOB_NAME SCRIPT [arguments]: what the slurm_*.sh scripts share.
# From the environment:
#   GPUS            processes in all, one a GPU (default 8)
#   GPUS_PER_NODE   of them on a machine (default 8, or GPUS where that is less)
#   CPUS_PER_TASK   cores for a process and its data workers (default 5)
#   SRUN_ARGS       more of srun's options, such as "--time=2-0 --exclude=node7"
#   PORT            where the processes meet (default: one that follows from the job's number)
#   PYTHON          which Python (default: .venv, else python)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
partition=$1 job=$2
shift 2
require_count() {
    [[ $2 =~ ^[1-9][0-9]*$ ]] && return
    echo "error: $1 is '$2': expected a whole number, 1 or more" >&2
    exit 2
}
gpus=${GPUS:-8}
require_count GPUS "$gpus"
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
cpus=${CPUS_PER_TASK:-5}
require_count GPUS_PER_NODE "$per_node"
require_count CPUS_PER_TASK "$cpus"
python=${PYTHON:-$root/.venv/bin/python}
[[ -n ${PYTHON:-} || -x $python ]] || python=python
[[ -z ${PORT:-} ]] || export MASTER_PORT=$PORT
read -ra options <<<"${SRUN_ARGS:-}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
# A process that dies takes the others along.
exec srun --partition="$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" \
    --ntasks-per-node="$per_node" --cpus-per-task="$cpus" --kill-on-bad-exit=1 \
    ${options[@]+"${options[@]}"} "$python" -u "$@" --launcher slurm
