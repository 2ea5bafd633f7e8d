"""Words made of known ones: endings, beginnings, British spellings, lengthened and shortened words, compounds."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Callable


IPA = tuple[str, ...]
LookUp = Callable[[str], IPA | None]

_SIBILANTS = frozenset(["s", "z", "ʃ", "ʒ", "t͡ʃ", "d͡ʒ"])
_VOICELESS = frozenset(["p", "t", "k", "f", "θ"])
_SHORTEST_STEM = 3

# Endings after an apostrophe, beside 's and 'd.
_SHORT_WORDS = {"'ll": ("ə", "l"), "'ve": ("ə", "v"), "'re": ("ɚ",), "'m": ("ə", "m")}

# Ending: its sounds, and what may stand for it at the end of the stem ("nicer" is "nice" with "er").
_ENDINGS: tuple[tuple[str, IPA, tuple[str, ...]], ...] = (
    ("iness", ("i", "n", "ə", "s"), ("y",)), ("ness", ("n", "ə", "s"), ("",)), ("lessly", ("l", "ə", "s", "l", "i"), ("",)),
    ("less", ("l", "ə", "s"), ("",)), ("fully", ("f", "ə", "l", "i"), ("",)), ("ful", ("f", "ə", "l"), ("",)),
    ("ability", ("ə", "b", "ˈɪ", "l", "ɪ", "t", "i"), ("", "e")), ("able", ("ə", "b", "ə", "l"), ("", "e")), ("ingly", ("ɪ", "ŋ", "l", "i"), ("", "e")),
    ("ily", ("ə", "l", "i"), ("y",)), ("ly", ("l", "i"), ("",)), ("ment", ("m", "ə", "n", "t"), ("",)), ("ship", ("ʃ", "ˌɪ", "p"), ("",)),
    ("hood", ("h", "ˌʊ", "d"), ("",)), ("like", ("l", "ˌaɪ", "k"), ("",)), ("wise", ("w", "ˌaɪ", "z"), ("",)),
    ("proof", ("p", "ɹ", "ˌu", "f"), ("",)), ("ish", ("ɪ", "ʃ"), ("", "e")), ("ism", ("ˌɪ", "z", "ə", "m"), ("", "e")),
    ("ist", ("ɪ", "s", "t"), ("", "e")), ("iest", ("i", "ə", "s", "t"), ("y",)), ("est", ("ə", "s", "t"), ("", "e")), ("ier", ("i", "ɚ"), ("y",)),
    ("ers", ("ɚ", "z"), ("", "e")), ("er", ("ɚ",), ("", "e")), ("ings", ("ɪ", "ŋ", "z"), ("", "e")), ("ing", ("ɪ", "ŋ"), ("", "e")),
)  # fmt: skip
_BEGINNINGS: dict[str, IPA] = {
    "re": ("ɹ", "ˌi"), "pre": ("p", "ɹ", "ˌi"), "un": ("ˌʌ", "n"), "non": ("n", "ˌɑ", "n"), "anti": ("ˌæ", "n", "t", "i"),
    "over": ("ˌoʊ", "v", "ɚ"), "under": ("ˌʌ", "n", "d", "ɚ"), "out": ("ˌaʊ", "t"), "mis": ("m", "ˌɪ", "s"), "dis": ("d", "ˌɪ", "s"),
    "super": ("s", "ˌu", "p", "ɚ"), "sub": ("s", "ˌʌ", "b"), "semi": ("s", "ˌɛ", "m", "i"), "multi": ("m", "ˌʌ", "l", "t", "i"),
    "inter": ("ˌɪ", "n", "t", "ɚ"), "co": ("k", "ˌoʊ"), "de": ("d", "ˌi"), "micro": ("m", "ˌaɪ", "k", "ɹ", "oʊ"), "mega": ("m", "ˌɛ", "ɡ", "ə"),
    "mini": ("m", "ˌɪ", "n", "i"), "counter": ("k", "ˌaʊ", "n", "t", "ɚ"), "cyber": ("s", "ˌaɪ", "b", "ɚ"), "ultra": ("ˌʌ", "l", "t", "ɹ", "ə"),
    "auto": ("ˌɔ", "t", "oʊ"), "hyper": ("h", "ˌaɪ", "p", "ɚ"), "bio": ("b", "ˌaɪ", "oʊ"), "eco": ("ˌi", "k", "oʊ"), "geo": ("d͡ʒ", "ˌi", "oʊ"),
    "neuro": ("n", "ˌʊ", "ɹ", "oʊ"), "nano": ("n", "ˌæ", "n", "oʊ"), "crypto": ("k", "ɹ", "ˌɪ", "p", "t", "oʊ"), "pseudo": ("s", "ˌu", "d", "oʊ"),
    "mid": ("m", "ˌɪ", "d"), "post": ("p", "ˌoʊ", "s", "t"), "trans": ("t", "ɹ", "ˌæ", "n", "z"), "extra": ("ˌɛ", "k", "s", "t", "ɹ", "ə"),
    "photo": ("f", "ˌoʊ", "t", "oʊ"), "electro": ("ɪ", "l", "ˌɛ", "k", "t", "ɹ", "oʊ"), "techno": ("t", "ˌɛ", "k", "n", "oʊ"),
    "ex": ("ˌɛ", "k", "s"), "pro": ("p", "ɹ", "ˌoʊ"), "self": ("s", "ˌɛ", "l", "f"), "vice": ("v", "ˌaɪ", "s"), "quasi": ("k", "w", "ˌeɪ", "z", "aɪ"),
}  # fmt: skip
# British spelling, American spelling; only where the American word is known.
_BRITISH = (
    (r"our(?=s|ed|ing|ite|ful|able|less|$)", "or"), (r"is(?=e|es|ed|ing|er|ers|ation|ations|able)", "iz"), (r"ys(?=e|es|ed|ing|er)", "yz"),
    (r"tre(?=s?$)", "ter"), (r"ll(?=ed|ing|er|ers|ery|ation)", "l"), (r"ence$", "ense"), (r"ogue(?=s?$)", "og"), (r"ae|oe", "e"),
    (r"mme(?=s?$)", "m"), (r"l(?=ment|ful)", "ll"), (r"que(?=s?$)", "ck"), (r"grey", "gray"), (r"yre(?=s?$)", "ire"),
)  # fmt: skip


def derive(word: str, look_up: LookUp) -> IPA | None:
    """IPA of a word in small letters that no lexicon has but whose parts are known, else `None`."""
    for way in (_apostrophe, _dropped_g, _lengthened, _british, _plural, _past, _ending, _beginning):
        ipa = way(word, look_up)
        if ipa:
            return ipa
    return None


def hyphen_beginning(part: str) -> IPA | None:
    """IPA of what stands before a hyphen as a beginning and would be another word alone: `re-enter`."""
    return (
        _BEGINNINGS.get(part)
        if part in ("re", "pre", "co", "de", "anti", "ex", "semi", "multi", "pro", "bi")
        else None
    )


def plural_ipa(ipa: IPA) -> IPA:
    """A word's sounds with the ending s."""
    if ipa[-1] in _SIBILANTS:
        return (*ipa, "ɪ", "z")
    return (*ipa, "s" if ipa[-1] in _VOICELESS else "z")


def past_ipa(ipa: IPA) -> IPA:
    """A word's sounds with the ending d."""
    if ipa[-1] in ("t", "d"):
        return (*ipa, "ɪ", "d")
    return (*ipa, "t" if ipa[-1] in _VOICELESS | {"s", "ʃ", "t͡ʃ"} else "d")


def _apostrophe(word: str, look_up: LookUp) -> IPA | None:
    """`O'Neil's`, `I'd've`, `players'`."""
    stem, mark, ending = word.rpartition("'")
    if not mark or not stem:
        return None
    ipa = look_up(stem) or derive(stem, look_up)
    if not ipa:
        return None
    if not ending:
        return ipa
    if ending == "s":
        return plural_ipa(ipa)
    if ending == "d":
        return (*ipa, "ɪ", "d") if ipa[-1] in ("t", "d") else (*ipa, "d")
    suffix = _SHORT_WORDS.get(mark + ending)
    return (*ipa, *suffix) if suffix else None


def _dropped_g(word: str, look_up: LookUp) -> IPA | None:
    """`goin'`."""
    if not word.endswith(("in'", "in")):
        return None
    ipa = look_up(word.removesuffix("'") + "g")
    return (*ipa[:-1], "n") if ipa and ipa[-1] == "ŋ" else None


def _lengthened(word: str, look_up: LookUp) -> IPA | None:
    """`sooooo`, `noooo`, `yesss`."""
    if not re.search(r"(.)\1\1", word):
        return None
    single_first = re.search(r"([aiou])\1\1$", word)  # "sooo" is "so", "freee" is "free"
    for times in (r"\1", r"\1\1") if single_first else (r"\1\1", r"\1"):
        ipa = look_up(re.sub(r"(.)\1{2,}", times, word))
        if ipa:
            return ipa
    return None


def _british(word: str, look_up: LookUp) -> IPA | None:
    for pattern, american in _BRITISH:
        other = re.sub(pattern, american, word, count=1)
        ipa = look_up(other) if other != word else None
        if ipa:
            return ipa
    return None


def _stems(word: str, ending: str, tails: tuple[str, ...]) -> list[str]:
    stem = word.removesuffix(ending)
    stems = [stem + tail for tail in tails]
    if len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2]:
        stems.append(stem[:-1])
    return stems


def _plural(word: str, look_up: LookUp) -> IPA | None:
    if word.endswith("ss") or not word.endswith("s"):
        return None
    stems = [word[:-1]]
    stems += [word[:-2]] if word.endswith("es") else []
    stems += [f"{word[:-3]}y"] if word.endswith("ies") else []
    return next((plural_ipa(ipa) for stem in stems if len(stem) >= _SHORTEST_STEM and (ipa := look_up(stem))), None)


def _past(word: str, look_up: LookUp) -> IPA | None:
    if not word.endswith("ed"):
        return None
    stems = [*_stems(word, "ed", ("", "e")), *([f"{word[:-3]}y"] if word.endswith("ied") else [])]
    return next((past_ipa(ipa) for stem in stems if len(stem) >= _SHORTEST_STEM and (ipa := look_up(stem))), None)


def _ending(word: str, look_up: LookUp) -> IPA | None:
    for ending, sounds, tails in _ENDINGS:
        if not word.endswith(ending):
            continue
        for stem in _stems(word, ending, tails):
            ipa = look_up(stem) if len(stem) >= _SHORTEST_STEM else None
            if ipa:
                doubled = ending.startswith("l") and ipa[-1] == "l"
                return (*ipa, *(sounds[1:] if doubled else sounds))
    return None


def _beginning(word: str, look_up: LookUp) -> IPA | None:
    for beginning in sorted(_BEGINNINGS, key=len, reverse=True):
        stem = word.removeprefix(beginning)
        if stem == word or len(stem) < _SHORTEST_STEM + 1:
            continue
        ipa = look_up(stem) or _plural(stem, look_up) or _past(stem, look_up) or _ending(stem, look_up)
        if ipa:
            return (*_BEGINNINGS[beginning], *ipa)
    return None


def compound(word: str, look_up: LookUp) -> IPA | None:
    """IPA of two known words in one, `skateboardpark`; the second in a lower stress."""
    for middle in sorted(range(4, len(word) - 3), key=lambda place: abs(2 * place - len(word))):
        first, second = look_up(word[:middle]), look_up(word[middle:])
        if first and second:
            return (*first, *(symbol.replace("ˈ", "ˌ") for symbol in second))
    return None
