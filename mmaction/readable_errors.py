"""What mmengine's registries and torch's data loaders say of a mistake, in words that help."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine import registry as mmengine_registries
from mmengine.config import Config
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from mmaction import registry as project_registries
from mmaction.errors import ConfigError, UserError, near

_UNKNOWN_ARGUMENT = re.compile(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING_ARGUMENT = re.compile(r"([\w.]+)\(\) missing \d+ required .*argument.*?: (.*?)(?: in <|$)")
_UNKNOWN_NAME = re.compile(r"(\S+) is not in the \w+::([\w ]+) registry")
_NO_TYPE = re.compile(r'must contain the key "type", but got (.*)')
# mmengine's Runner, of sections that come together.
_INCOMPLETE = re.compile(r"^(.*) should be either all None or not None")
_LOADERS_FUNCTIONS = ("collate_fn", "worker_init_fn")


@contextmanager
def readable_build_errors() -> Iterator[None]:
    """Within it, a config's wrong registry name or argument is raised as ``ConfigError``."""
    try:
        yield
    except UserError:
        raise
    except (TypeError, KeyError, ValueError) as e:
        message = _explain(e)
        if message is None:
            raise
        raise ConfigError(f"config: {message}") from e


def require_known_functions(cfg: Config) -> None:
    """Checks the names for which mmengine takes None where it does not find them, and goes on.

    Raises:
        ConfigError: A name that is none; the message suggests near ones.
    """
    loaders = [f"{split}_dataloader" for split in ("train", "val", "test")]
    for kind, section, key in (
        ("optimizer", "optim_wrapper", "optimizer"),
        *(("function", loader, key) for loader in loaders for key in _LOADERS_FUNCTIONS),
    ):
        given = (cfg.get(section) or {}).get(key)
        name = given.get("type") if isinstance(given, dict) else None
        # mmengine looks these up in its own registries, whatever the config's scope.
        own = [r for r in _registries(kind) if r.scope == "mmengine"]
        if isinstance(name, str) and not any(registry.get(name) for registry in own):
            raise ConfigError(
                f"config: {section}.{key}.type={name!r} is no {kind} known here"
                f"{near(name, _names(kind))}"
            )


def _explain(error: Exception) -> str | None:
    text = str(error.args[0]) if error.args else ""
    if match := _UNKNOWN_ARGUMENT.search(text):
        called, argument = match[1].removesuffix(".__init__"), match[2]
        cls = _class_of(error, called)
        name = cls.__name__ if cls else called
        return f"{name} has no argument {argument!r}{near(argument, _arguments(cls))}"
    if match := _MISSING_ARGUMENT.search(text):
        called = match[1].removesuffix(".__init__")
        cls = _class_of(error, called)
        return f"{cls.__name__ if cls else called} needs the argument {match[2]}"
    if match := _UNKNOWN_NAME.search(text):
        name, kind = match.groups()
        return f"type={name!r} is no {kind} known here{near(name, _names(kind))}"
    if match := _NO_TYPE.search(text):
        return f"a 'type' is missing in {match[1]}"
    if match := _INCOMPLETE.search(text):
        return f"{match[1]} come together; some of them are missing"
    return None


def _class_of(error: Exception, called: str) -> type | None:
    """The class that was being built when the constructor of ``called``, it or a base, failed."""
    built: list[Any] = [DataLoader]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "build_from_cfg":
            built.append(frame.f_locals.get("obj_cls"))
    for cls in reversed(built):
        if inspect.isclass(cls) and called in (c.__name__ for c in cls.__mro__):
            return cls
    return None


def _arguments(cls: type | None) -> set[str]:
    """Arguments of the constructors of a class and of its bases."""
    if cls is None:
        return set()
    return {
        p.name
        for c in cls.__mro__
        if "__init__" in vars(c) and c is not object
        for p in inspect.signature(vars(c)["__init__"]).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"
    }


def _registries(kind: str) -> list[Registry]:
    found = [*vars(project_registries).values(), *vars(mmengine_registries).values()]
    return [r for r in found if isinstance(r, Registry) and r.name == kind]


def _names(kind: str) -> set[str]:
    return {name for r in _registries(kind) for name in r.module_dict}


_FEWER = "num_workers, prefetch_factor or batch_size of the config's dataloaders"
# What a loader's errors say, whatever the case of their letters, and what to tell of them.
_LOADER_ERRORS = (
    (
        r"Too many open files|received 0 items of ancdata",
        "a data loader ran out of open files: raise the limit (ulimit -n 65536), or lower {fewer}",
    ),
    (
        r"Bus error|No space left on device|out of shared memory|Cannot allocate memory"
        r"|unable to (?:allocate|write|resize)",
        "shared memory (/dev/shm) is full, through which workers hand over their batches: enlarge"
        " it (docker run --shm-size=16g, or --ipc=host), or lower {fewer}",
    ),
    (
        r"worker \(pid.*?\) is killed by signal: (?P<signal>[^.]*[^. ])",
        "a data loader's worker was killed (signal: {signal}); most often memory ran out: lower"
        " {fewer}; dataloader.num_workers=0 shows the error itself",
    ),
    (
        r"worker \(pid\(s\).*?\) exited unexpectedly",
        "a data loader's worker ended without a word; dataloader.num_workers=0 shows the error"
        " itself",
    ),
    (
        r"DataLoader timed out after (?P<seconds>\d+) seconds",
        "no batch came for {seconds} s: raise the dataloader's timeout, or look at the disk that"
        " the data lies on",
    ),
)


@contextmanager
def readable_loader_errors() -> Iterator[None]:
    """Within it, a data loader's failure is raised as a ``UserError`` that says what to change."""
    try:
        yield
    except UserError:
        raise
    except (RuntimeError, OSError) as error:
        message = None
        if _is_a_loaders(error):
            # What a worker died of is the cause of the loader's finding that it is gone.
            message = _explain_loader(str(error.__cause__ or "")) or _explain_loader(str(error))
        if message is None:
            raise
        raise UserError(message) from error


def _is_a_loaders(error: BaseException) -> bool:
    """Whether it comes from a loader: a signal's handler raises it anywhere, but names a worker."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "DataLoader" in str(error) or any(
        re.search(r"multiprocessing|torch.utils.data", file) for file in files
    )


def _explain_loader(text: str) -> str | None:
    for pattern, message in _LOADER_ERRORS:
        if match := re.search(pattern, text, re.IGNORECASE):
            return message.format(fewer=_FEWER, **match.groupdict())
    return None
