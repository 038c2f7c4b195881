#!/usr/bin/env bash
# Test on a Slurm cluster, one process a GPU; the scores are those of one process.
#   ./tools/slurm_test_recognizer.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test_recognizer.py]
# The environment: see _srun.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# -lt 4 ]]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG CHECKPOINT [options]" >&2
    exit 2
fi
partition=$1 job=$2 config=$3 checkpoint=$4
shift 4
exec "$here/_srun.sh" "$partition" "$job" "$here/test_recognizer.py" "$config" "$checkpoint" "$@"
