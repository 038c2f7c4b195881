"""Errors a user can cause. Commands print their message as one line and exit with code 2."""


class UserError(ValueError):
    """Something a user can put right: the message names the thing and says what would be right."""


class ConfigError(UserError):
    """A config file, key or value that can't work."""


class DataError(UserError):
    """An annotation line, a directory or a frame that can't be used."""


class CheckpointError(UserError):
    """A checkpoint that is missing, unreadable or made for another architecture."""
