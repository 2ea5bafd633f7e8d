"""A process that makes one dub and ends imports only what the dub needs.

diffusers and transformers import what they find installed and what only compiling needs, which takes longer than the dub itself.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any


# What the libraries do without where it is not installed: adapters, and other models' losses and schedulers.
OPTIONAL = ("peft", "scipy")
LIBRARIES = ("transformers", "diffusers", "accelerate")
COMPILER = "torch._dynamo"
# A module inside of it that transformers' masks are built with, and that needs nothing of the compiler.
USED = f"{COMPILER}._trace_wrapped_higher_order_op"


def unmarked(function: Any = None, *_: Any, **__: Any) -> Any:
    """A function as it is, in place of the same with a mark for the compiler; also as a decorator with arguments."""
    return (lambda marked: marked) if function is None else function


class NotCompiled:
    """What compiled modules are instances of; as long as the compiler is not loaded, no module is."""


class UnloadedCompiler(ModuleType):
    """torch's compiler before somebody compiles: its marks change nothing, no module is a compiled one, and whatever else is
    asked of it, by attribute or by an import from inside of it, loads it."""

    allow_in_graph = assume_constant_result = disable = staticmethod(unmarked)
    eval_frame = SimpleNamespace(OptimizedModule=NotCompiled)

    def __init__(self, spec: ModuleSpec):
        super().__init__(spec.name)
        self.__spec__, self.__path__ = spec, spec.submodule_search_locations
        self.inside = InsideCompiler(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.load(), name)

    def load(self) -> ModuleType:
        """The compiler itself, which takes this one's place."""
        self.leave()
        return importlib.import_module(COMPILER)

    def leave(self) -> None:
        """From now on the compiler is imported as ever."""
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        if self.inside in sys.meta_path:
            sys.meta_path.remove(self.inside)


class InsideCompiler:
    """Finds and loads what is imported from inside of the unloaded compiler: it comes with the whole, but for what is in use."""

    def __init__(self, compiler: UnloadedCompiler):
        self.compiler = compiler

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Of a module that the whole has imported; the others are looked for as ever."""
        if not name.startswith(f"{COMPILER}.") or name == USED:
            return None
        self.compiler.load()
        return importlib.util.spec_from_loader(name, self) if name in sys.modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """It is there."""
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """It has run."""


def _put_off_the_compiler() -> UnloadedCompiler | None:
    spec = None if COMPILER in sys.modules else importlib.util.find_spec(COMPILER)
    if spec is None:
        return None
    sys.modules[COMPILER] = unloaded = UnloadedCompiler(spec)
    sys.meta_path.insert(0, unloaded.inside)
    return unloaded


@contextmanager
def lean_imports() -> Iterator[None]:
    """Inside, libraries that are imported for the first time do not see [`OPTIONAL`] packages, their marks for torch's compiler do not load
    it, and nothing is searched for circles of garbage, of which imports make none.

    Only for a process that is the command's own: the libraries remember to its end that the packages are absent.
    """
    # Libraries that were imported before remember what they found then.
    settled = any(name in sys.modules for name in LIBRARIES)
    hidden = [] if settled else [name for name in OPTIONAL if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # None is how Python itself marks a module that is not to be had
    compiler = _put_off_the_compiler()
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]
        if compiler is not None:
            compiler.leave()
        gc.freeze()  # what was imported stays to the end: later searches leave it out
        if collecting:
            gc.enable()


__all__ = ["lean_imports"]
