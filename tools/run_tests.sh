#!/usr/bin/env bash
# Runs the tests, in an environment of its own. Options go to pytest: ./tools/run_tests.sh tests/ops -x
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/_venv.sh"

prepare_venv
cd -- "$REPO_ROOT"
# A process a core, of one thread, and one more: tests of several processes often wait.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Else each process that a test starts compiles the package anew.
unset PYTHONDONTWRITEBYTECODE
exec "$VENV_PYTHON" -m pytest -n "$(($(getconf _NPROCESSORS_ONLN) + 1))" --dist worksteal "$@"
