"""``mmaction.cli`` under the name that scripts know; to import this imports all of ``apis``."""

from mmaction.cli import (
    ArgumentParser,
    SettingsAction,
    add_run_arguments,
    check_processes,
    run_command,
    start_processes,
)

__all__ = [
    "ArgumentParser",
    "SettingsAction",
    "add_run_arguments",
    "check_processes",
    "run_command",
    "start_processes",
]
