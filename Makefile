.PHONY: cards docs style quality test ci figures

sources := src tests examples spaces

# Changes files.
style:
	ruff check --fix $(sources)
	ruff format $(sources)

# Checks only. The rules left out ask for a place inside transformers' own tree (038, 041, 057) or forbid what diffusers' models
# take, `return_dict` (045).
left_out := TRF038 TRF041 TRF045 TRF057
quality:
	ruff check $(sources)
	ruff format --check $(sources)
	python -c "import mlinter, pathlib, re, sys; \
		rules = (pathlib.Path(mlinter.__file__).parent / 'rules.toml').read_text(); \
		off = r'(\[rules\.(?:$(shell echo $(left_out) | tr ' ' '|'))\][^\[]*?default_enabled = )true'; \
		sys.stdout.write(re.sub(off, r'\1false', rules))" > .mlinter.toml
	python -m mlinter --no-cache --rules-toml .mlinter.toml src/flowdubber_hf/models

test:
	pytest

ci:
	.ci/run

# Needs the extra `eval`, resemblyzer, and DATA, the folder that holds grid/.
figures:
	python examples/evaluate_benchmarks.py --data $(DATA) --docs .

# The measured figures (hub_cards/figures.json) into the cards and the README.
cards:
	python examples/render_cards.py

# What the command says of itself, and the picture of the method, a real dub.
docs:
	python examples/render_cli.py
	python examples/draw_method.py docs/method.svg
