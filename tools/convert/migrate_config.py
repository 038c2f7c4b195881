"""Write a config of MMAction 0.x, mmaction2 0.x, TPN or ST-ABN's first code in today's form.

What changed stands in a comment above it. What is not understood is named, and nothing is written.

python tools/convert/migrate_config.py old.py config_files/sthv1/mine.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("old", metavar="OLD.py", help="the config; it is run")
    parser.add_argument("new", metavar="NEW.py", help="what to write")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.migrate_config import migrate_config

    text = migrate_config(args.old, args.new)
    print(f"{args.new}: {text.count('# was: ')} changes, each with a comment")
    print(f"next: python tools/data/check_dataset.py {args.new}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
