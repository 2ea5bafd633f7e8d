"""The phonemes that every part of the package shares: ARPAbet with stress, and the IPA that lexicons are written in."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence

from ..work.wording import nearest


PAD_PHONEME = "<pad>"  # id 0, the blank of CTC too
SILENCE_PHONEME = "sil"  # before the first word and after the last one
OPTIONAL_PHONEME = "sp"  # between two words; may last no time at all
NOISE_PHONEME = "spn"

CONSONANTS = (
    ["B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"]
)  # fmt: skip
VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
STRESSES = ("0", "1", "2")

#: The one inventory: the index of a phoneme is its id.
PHONEMES: tuple[str, ...] = (
    PAD_PHONEME,
    SILENCE_PHONEME,
    OPTIONAL_PHONEME,
    NOISE_PHONEME,
    *CONSONANTS,
    *(vowel + stress for vowel in VOWELS for stress in STRESSES),
)
_IDS = {phoneme: index for index, phoneme in enumerate(PHONEMES)}
_SPOKEN = frozenset(PHONEMES[4:])
SILENCES = PHONEMES[:4]


def plain_phoneme(phoneme: str) -> str:
    """A phoneme without its stress; all silences are one class."""
    return SILENCE_PHONEME if phoneme in SILENCES else phoneme.rstrip("".join(STRESSES))


#: What phonemes are without stress, where only that counts: 39, and silence before them.
PHONEME_CLASSES: tuple[str, ...] = tuple(dict.fromkeys(plain_phoneme(phoneme) for phoneme in PHONEMES))
_CLASS_IDS = {name: index for index, name in enumerate(PHONEME_CLASSES)}
SILENCE_CLASS = _CLASS_IDS[SILENCE_PHONEME]  # 0, below all phonemes


def phoneme_class(phoneme: str) -> int:
    """Place of a phoneme in [`PHONEME_CLASSES`]."""
    return _CLASS_IDS[plain_phoneme(phoneme)]


MAX_PHONEMES = 200  # of a word; the longest of CMUdict has 28

# IPA of gruut's lexicon, which is CMUdict in IPA. The first symbol of a sound is the one that is written back.
_IPA_CONSONANTS = {
    "b": "B", "t͡ʃ": "CH", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "d͡ʒ": "JH", "k": "K", "l": "L",
    "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "v": "V",
    "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
_IPA_VOWELS = {
    "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "ɚ": "ER", "ɝ": "ER",
    "eɪ": "EY", "ɪ": "IH", "i": "IY", "oʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW",
}  # fmt: skip
_IPA_STRESSES = {"ˈ": "1", "ˌ": "2"}
_TO_IPA = {
    **{sound: ipa for ipa, sound in reversed(_IPA_CONSONANTS.items())},
    **{sound: ipa for ipa, sound in reversed(_IPA_VOWELS.items())},
}
_STRESS_MARKS = {"0": "", **{digit: mark for mark, digit in _IPA_STRESSES.items()}}


def phoneme_ids(phonemes: Iterable[str]) -> list[int]:
    """Ids of phoneme names.

    Raises:
        ValueError: a name that is not in [`PHONEMES`].
    """
    try:
        return [_IDS[phoneme] for phoneme in phonemes]
    except KeyError as error:
        raise ValueError(
            f"{error.args[0]!r} is no phoneme of this package; see flowdubber_hf.processing.text.PHONEMES."
        ) from error


def is_vowel(phoneme: str) -> bool:
    """Whether a phoneme can carry a syllable."""
    return phoneme[-1:] in STRESSES


def parse_phonemes(text: str) -> tuple[str, ...]:
    """A pronunciation as people write it, `N EY1 M`; a vowel without a digit is unstressed.

    Raises:
        ValueError: nothing, too much, a name that is no phoneme, or no vowel among them.
    """
    names = text.upper().split()
    if not names:
        raise ValueError("there are no phonemes; write them like N EY1 M.")
    if len(names) > MAX_PHONEMES:
        raise ValueError(f"{len(names)} phonemes are too many for a word; at most {MAX_PHONEMES}.")
    phonemes = tuple(name + "0" if name in VOWELS else name for name in names)
    for phoneme in phonemes:
        if phoneme not in _SPOKEN:
            near = nearest(phoneme, _SPOKEN, 0.5)
            hint = f"did you mean {near}?" if near else "see docs/text.md."
            raise ValueError(f"{phoneme[:20]!r} is no phoneme of English as it is written here; {hint}")
    if not any(map(is_vowel, phonemes)):
        raise ValueError(f"{' '.join(phonemes)[:80]} has no vowel, nobody can say it; vowels are {', '.join(VOWELS)}.")
    return phonemes


def ipa_to_arpabet(word: str, ipa: Sequence[str]) -> tuple[str, ...]:
    """IPA symbols, stress marks before vowels, as phonemes of this package.

    Raises:
        ValueError: a sound that English does not have, of `word`.
    """
    phonemes = []
    for symbol in ipa:
        stress = _IPA_STRESSES.get(symbol[:1], "0")
        sound = symbol.lstrip("".join(_IPA_STRESSES)).replace("ː", "")
        if sound in _IPA_VOWELS:
            phonemes.append(_IPA_VOWELS[sound] + stress)
        elif sound in _IPA_CONSONANTS:
            phonemes.append(_IPA_CONSONANTS[sound])
        else:
            raise ValueError(f"the word {word!r} has a sound ({symbol}) that English does not; write it otherwise.")
    return tuple(phonemes)


def arpabet_to_ipa(phonemes: Sequence[str]) -> tuple[str, ...]:
    """The inverse of [`ipa_to_arpabet`] for phonemes of [`PHONEMES`] that are spoken."""
    return tuple(
        _STRESS_MARKS[phoneme[-1]] + _TO_IPA[phoneme[:-1]] if is_vowel(phoneme) else _TO_IPA[phoneme]
        for phoneme in phonemes
    )
