# Sourced by the commands that bring their own Python environment: makes it, installs into it, and
# does neither again until something that the installation was made from has changed.
#
#   set -euo pipefail
#   source tools/_venv.sh
#   prepare_venv
#   "$VENV_PYTHON" …
#
# Read from the environment:
#   PYTHON       what to make it with; else the first of python3, python3.13 … that is new enough.
#                Looked at only while there is none yet.
#   ST_ABN_VENV  where to make it; else .venv in the repository

REPO_ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${ST_ABN_VENV:-$REPO_ROOT/.venv}"
[[ "$VENV" == /* ]] || VENV="$PWD/$VENV"
VENV_PYTHON="$VENV/bin/python"
# Written last: an environment without it was cut short while it was made.
VENV_STAMP="$VENV/installed-from"
INSTALLED_FROM=(setup.py pyproject.toml requirements.txt requirements-dev.txt constraints.txt
  mmaction/version.py mmaction/ops/_affine.pyx)

fail() {
  echo "error: $*" >&2
  exit 2
}

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

find_python() {
  local candidate
  if [[ -n "${PYTHON:-}" ]]; then
    is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python of version 3.10 or later"
    echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python3.10 python; do
    if is_new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python of version 3.10 or later found; install one, or name it: PYTHON=/path/to/python $0"
}

# Debian and Ubuntu ship Python without ensurepip, which venv needs; a pip of any other origin can stand in.
make_venv() {
  local python="$1"
  if [[ -e "$VENV" && ! -e "$VENV/pyvenv.cfg" ]]; then
    fail "$VENV is there and is not a virtual environment; move it away, or name another: ST_ABN_VENV=DIR $0"
  fi
  if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$python" -m venv --clear "$VENV"
  elif "$python" -m virtualenv --version >/dev/null 2>&1; then
    "$python" -m virtualenv --quiet --clear "$VENV"
  elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -c 'import venv' >/dev/null 2>&1; then
    "$python" -m venv --clear --without-pip "$VENV"
    "$python" -m pip -qq --python "$VENV_PYTHON" install pip
  else
    fail "$python can't make a virtual environment: it has no ensurepip" \
      "(Debian, Ubuntu: apt-get install python3-venv)"
  fi
}

# What the environment was made from: the files, where they lie, and the Python.
installation_fingerprint() {
  (cd -- "$REPO_ROOT" && "$VENV_PYTHON" - "${INSTALLED_FROM[@]}") <<'PYTHON_CODE'
import hashlib, os, sys
digest = hashlib.sha256(f"{os.getcwd()}\n{sys.version}\n".encode())
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        digest.update(hashlib.sha256(file.read()).digest())
print(digest.hexdigest())
PYTHON_CODE
}

quiet_pip() { # shows errors alone
  "$VENV_PYTHON" -m pip -qq --disable-pip-version-check "$@"
}

install_package() {
  (
    # An older pip can't install a pyproject.toml in editable mode.
    cd -- "$REPO_ROOT" && quiet_pip install "pip>=22.3" &&
      quiet_pip install --editable ".[dev]" --constraint constraints.txt
  ) || fail "the installation failed; pip's own message is above. Running this again continues it"
}

# opencv-python's wheel links to libGL and GLib, which servers and slim images often lack; its twin of the
# same version, laid over it, does not.
mend_opencv() {
  local version
  if ! "$VENV_PYTHON" -c 'import cv2' 2>/dev/null; then
    version="$("$VENV_PYTHON" -c 'from importlib.metadata import version; print(version("opencv-python"))')"
    echo "OpenCV can't be imported here (most often: no libGL); taking opencv-python-headless"
    quiet_pip install --force-reinstall --no-deps "opencv-python-headless==$version"
    "$VENV_PYTHON" -c 'import cv2' || fail "OpenCV can't be imported; Python's own message is above"
  fi
}

report_kernel() {
  (cd -- "$REPO_ROOT" && "$VENV_PYTHON" -c 'from mmaction.ops import HAS_EXTENSION
if not HAS_EXTENSION:
    print("NOTE: mmaction.ops was not compiled, which takes a C compiler and the headers of Python; "
          "its plain fallback gives the same numbers, slower.")')
}

prepare_venv() {
  local python fingerprint started
  if [[ -f "$VENV_STAMP" ]] && is_new_enough "$VENV_PYTHON"; then
    fingerprint="$(installation_fingerprint)"
    [[ "$(<"$VENV_STAMP")" != "$fingerprint" ]] || return 0
  fi
  started=$SECONDS
  rm -f -- "$VENV_STAMP"
  if ! is_new_enough "$VENV_PYTHON" || ! "$VENV_PYTHON" -m pip --version >/dev/null 2>&1; then
    python="$(find_python)"
    echo "Making $VENV with $("$python" --version)"
    make_venv "$python"
  fi
  echo "Installing the package and what it needs into $VENV (the first time: some minutes, mostly torch)"
  install_package
  mend_opencv
  report_kernel
  installation_fingerprint >"$VENV_STAMP"
  echo "Installed in $((SECONDS - started)) s"
}
