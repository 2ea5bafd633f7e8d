"""A process that only dubs: what it does not import, and that the libraries still find it afterwards."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import gc
import subprocess
import sys
import types

import pytest

from flowdubber_hf import lean


def run(code: str) -> str:
    """What a fresh process prints: the libraries decide only once a process what they see."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_hidden_packages_are_there_again(monkeypatch):
    for name in (*lean.OPTIONAL, *lean.LIBRARIES):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, lean.COMPILER, sys.modules.get(lean.COMPILER) or types.ModuleType(lean.COMPILER))
    with lean.lean_imports():
        assert all(sys.modules[name] is None for name in lean.OPTIONAL) and not gc.isenabled()
    assert not set(lean.OPTIONAL) & set(sys.modules) and gc.isenabled()
    gc.unfreeze()


def test_what_is_loaded_already_stays(monkeypatch):
    loaded = [types.ModuleType(name) for name in lean.OPTIONAL]
    for module in loaded:
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, lean.COMPILER, types.ModuleType(lean.COMPILER))
    with lean.lean_imports():
        assert [sys.modules[name] for name in lean.OPTIONAL] == loaded
    gc.unfreeze()


def test_nothing_is_hidden_from_libraries_that_have_looked(monkeypatch):
    monkeypatch.delitem(sys.modules, "scipy", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", types.ModuleType("transformers"))
    monkeypatch.setitem(sys.modules, lean.COMPILER, types.ModuleType(lean.COMPILER))
    with lean.lean_imports():
        assert "scipy" not in sys.modules
    gc.unfreeze()


def test_marks_change_nothing():
    compiler = lean.UnloadedCompiler
    assert compiler.disable(len) is len and compiler.allow_in_graph(len) is len
    assert compiler.disable(recursive=False)(len) is len
    assert not isinstance(len, compiler.eval_frame.OptimizedModule)


@pytest.mark.slow
def test_the_pipeline_is_opened_without_them_and_compiles_all_the_same():
    heavy = ("peft", "scipy", "torch._dynamo.symbolic_convert", "torch._inductor")
    said = run(
        "import sys, torch\n"
        "from flowdubber_hf.lean import lean_imports\n"
        "with lean_imports():\n"
        "    from flowdubber_hf.dubbing.loading import load_pipeline\n"
        "    pipe = load_pipeline('flowdubber-grid-tiny', 'cpu')\n"
        f"print(sorted(set({heavy!r}) & set(sys.modules)))\n"
        "import importlib, importlib.util\n"
        f"for name in {lean.OPTIONAL!r}:\n"
        "    importlib.util.find_spec(name) and importlib.import_module(name)\n"
        "double = torch.compile(lambda x: 2 * x, backend='eager')\n"
        "print(double(torch.ones(1)).item(), 'torch._dynamo.symbolic_convert' in sys.modules)\n"
        "from diffusers.utils.torch_utils import is_compiled_module\n"
        "print(is_compiled_module(torch.compile(pipe.vocoder, backend='eager')), is_compiled_module(pipe.vocoder))\n"
    )
    assert said.splitlines() == ["[]", "2.0 True", "True False"]


@pytest.mark.slow
def test_who_asks_for_more_of_the_compiler_gets_it():
    said = run(
        "import sys, torch\n"
        "from flowdubber_hf.lean import lean_imports\n"
        "with lean_imports():\n"
        "    from torch._dynamo.utils import dynamo_timed\n"
        "    print(sys.modules['torch._dynamo.utils'] is torch._dynamo.utils, torch._dynamo.config.verbose)\n"
        "    print(torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(1)).item())\n"
    )
    assert said.splitlines() == ["True False", "2.0"]
