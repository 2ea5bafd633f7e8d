"""What every model of this package keeps, as a class that the tests of a model inherit."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import torch


class ModelContracts:
    """Save and load, batches, tuples and the meta device, tried with a small model.

    A test class gives `make`, `inputs` of two rows and the name of the `output` to compare.
    """

    output: str

    def make(self) -> Any:
        """A small model with the same fresh weights every time, in evaluation mode."""
        raise NotImplementedError

    def inputs(self) -> dict[str, torch.Tensor]:
        """Keyword arguments of a call with a batch of two."""
        raise NotImplementedError

    def result(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            return getattr(model(**inputs), self.output)

    def test_a_saved_model_gives_the_same_and_tells_no_folder(self, tmp_path: Path):
        model, inputs = self.make(), self.inputs()
        model.save_pretrained(tmp_path / "first")
        loaded, report = type(model).from_pretrained(tmp_path / "first", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"]
        torch.testing.assert_close(
            self.result(loaded.eval(), inputs), self.result(model, inputs), atol=1e-6, rtol=1e-5
        )
        loaded.save_pretrained(tmp_path / "second")
        for file in (tmp_path / "second").iterdir():
            assert str(tmp_path).encode() not in file.read_bytes(), file.name
        weights = [file.suffix for file in (tmp_path / "second").iterdir() if file.suffix not in (".json", ".md")]
        assert weights == [".safetensors"]

    def test_a_row_does_not_depend_on_its_neighbour(self):
        model, inputs = self.make(), self.inputs()
        both = self.result(model, inputs)
        for row in range(2):
            alone = self.result(model, {name: value[row : row + 1] for name, value in inputs.items()})
            torch.testing.assert_close(both[row], alone[0], atol=2e-5, rtol=1e-4)

    def test_the_output_is_a_dictionary_and_a_tuple(self):
        with torch.no_grad():
            output = self.make()(**self.inputs())
        present = [value for value in output.values() if value is not None]
        assert output[self.output] is getattr(output, self.output)
        assert [type(value) for value in output.to_tuple()] == [type(value) for value in present]

    def test_the_same_seed_gives_the_same_fresh_weights(self):
        one, other = self.make().state_dict(), self.make().state_dict()
        assert all(torch.equal(value, other[name]) for name, value in one.items())

    def test_it_builds_on_the_meta_device_with_the_same_names(self):
        model = self.make()
        build = getattr(type(model), "from_config", type(model))  # diffusers' models take no config but its values
        with torch.device("meta"):
            empty = build(model.config)
        assert all(weight.is_meta for weight in empty.parameters())
        assert list(empty.state_dict()) == list(model.state_dict())
