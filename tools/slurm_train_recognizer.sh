#!/usr/bin/env bash
# Train on a Slurm cluster, one process a GPU.
#   ./tools/slurm_train_recognizer.sh PARTITION JOB_NAME CONFIG [options of tools/train_recognizer.py]
# The environment: see _srun.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# -lt 3 ]]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG [options]" >&2
    exit 2
fi
partition=$1 job=$2 config=$3
shift 3
exec "$here/_srun.sh" "$partition" "$job" "$here/train_recognizer.py" "$config" "$@"
