#!/usr/bin/env bash
# From nothing to attention maps: installs, makes a data set, trains ST-ABN on it, evaluates, explains.
# Safe to run again. From the environment: VIDEOS, VAL_VIDEOS (sizes of the data set) and what _venv.sh reads.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/_venv.sh"

config=config_files/motion_shapes/st_abn_tiny_evidence.py
work_dir=work_dirs/quickstart
videos="${VIDEOS:-1200}"
val_videos="${VAL_VIDEOS:-120}"

step() {
  printf '\n== %s\n' "$*"
}

started=$SECONDS
prepare_venv
cd -- "$REPO_ROOT"

step "Making the data set motion_shapes"
export MOTION_SHAPES="$work_dir/motion_shapes"
"$VENV_PYTHON" tools/data/make_motion_shapes.py "$MOTION_SHAPES" \
  --videos "$videos" --val-videos "$val_videos" --seed 0

step "Training"
"$VENV_PYTHON" tools/train_recognizer.py "$config" --work-dir "$work_dir" --validate --seed 0

step "Evaluating and explaining"
checkpoint="$(<"$work_dir/last_checkpoint")"
"$VENV_PYTHON" tools/test_recognizer.py "$config" "$checkpoint" --work-dir "$work_dir" \
  --out "$work_dir/scores.pkl" -s "$work_dir/explanations"

step "ST-ABN on motion_shapes"
"$VENV_PYTHON" tools/analysis/compare.py "$work_dir"
printf 'all of this took %s seconds\n' "$((SECONDS - started))"
printf '\ncheckpoint    %s\nopen this     %s\n' "$checkpoint" "$work_dir/explanations/index.html"
