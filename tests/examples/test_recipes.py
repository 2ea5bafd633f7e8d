"""Commands in the recipes and the documentation name scripts and options that exist."""

import re

import pytest


PAGES = ("docs/training.md", "docs/benchmarks.md", "examples/recipes/continue_from_bundled.sh", "README.md")
COMMAND = re.compile(r"(?:python|accelerate launch)[^\n]*?[\"/ ](?:examples/|\$examples/)?(\w+\.py)\"?([^\n]*)")


def commands(text: str) -> list[tuple[str, list[str]]]:
    """(script, options) of each command in a page or script; continued lines are joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    found = [(name, re.findall(r"--(\w+)", rest)) for name, rest in COMMAND.findall(joined)]
    return [(name, options) for name, options in found if name != "setup.py"]


def test_commands_are_found_in_a_page():
    page = 'a\npython examples/a_b.py --one x --two y\npython "$examples/c.py" --three \\\n    --four 1\n'
    assert commands(page) == [("a_b.py", ["one", "two"]), ("c.py", ["three", "four"])]


@pytest.mark.parametrize("page", PAGES)
def test_options_exist(repository, page):
    shared = (repository / "src/flowdubber_hf/training/loop.py").read_text(encoding="utf-8")
    for name, options in commands((repository / page).read_text(encoding="utf-8")):
        script = repository / "examples" / name
        assert script.is_file(), f"{page} names {name}"
        source = script.read_text(encoding="utf-8")
        known = source + shared if "LoopArguments" in source else source
        for option in options:
            assert re.search(rf"^    {option}: |\"--{option}\"", known, re.MULTILINE), f"{page}: {name} --{option}"


def test_ci_finds_both_commands_of_the_readme(repository):
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert blocks[0].startswith("pip install . && flowdubber demo demo --overwrite && flowdubber dub ")
    assert blocks[1] == 'pip install ".[test]" && pytest\n'
    assert blocks[0].count("\n") == 1
