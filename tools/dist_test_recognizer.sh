#!/usr/bin/env bash
# Test in several processes through torchrun; the scores are those of one process.
#   ./tools/dist_test_recognizer.sh CONFIG CHECKPOINT GPUS [options of tools/test_recognizer.py]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ $# -lt 3 ]]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [options]" >&2
    exit 2
fi
config=$1 checkpoint=$2 gpus=$3
shift 3
exec "$here/_torchrun.sh" "$gpus" "$here/test_recognizer.py" "$config" "$checkpoint" "$@"
