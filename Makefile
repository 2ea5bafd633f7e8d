.PHONY: style quality test ci figures

sources := src tests examples

# Changes files.
style:
	ruff check --fix $(sources)
	ruff format $(sources)

# Checks only. The rules left out ask for a place inside transformers' own tree.
quality:
	ruff check $(sources)
	ruff format --check $(sources)
	python -m mlinter --no-cache --disable TRF038,TRF041,TRF057 src/flowdubber_hf/models

test:
	pytest

ci:
	.ci/run

# Needs the extra `eval`, resemblyzer, and DATA, the folder that holds grid/.
figures:
	python examples/evaluate_benchmarks.py --data $(DATA) --docs .
