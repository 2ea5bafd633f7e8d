"""Words that are spelled alike and said differently: which one a sentence means, from the words beside it.

The lexicon decides most by their part of speech. Here stand the common ones whose tag does not tell or is often wrong.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Sequence
from typing import NamedTuple


class Sense(NamedTuple):
    """A pronunciation, and patterns of the words before and behind that ask for it; either may be empty."""

    phonemes: str
    before: str = ""
    after: str = ""


_BE = "am|is|are|was|were|be|been|being|'s|'re|'m"
_HAVE = "have|has|had|having|'ve|i've|you've|we've|they've|he's|she's"
_TO = "to|will|would|can|could|should|must|may|might|shall|do|does|did|don't|didn't|doesn't|won't|can't|i|you|we|they|let's|please|i'll|you'll|we'll|they'll|not"

# The first sense that fits is said. Words run as "... before" and "after ...", one space between them.
SENSES: dict[str, tuple[Sense, ...]] = {
    "read": (
        Sense("R EH1 D", rf"\b(?:{_HAVE}|{_BE})(?: (?:not|never|already|just|ever|also|been|all|both|only|recently))*$"),
        Sense("R EH1 D", r"\b(?:yesterday|ago|last (?:night|week|year|month))\b(?!.*\b(?:to|will|can|could)$)"),
        Sense("R IY1 D", rf"\b(?:{_TO})(?: (?:never|always|often|just|also|usually|really|quickly))*$", r"^(?!.*\b(?:yesterday|ago|last)\b)"),
        Sense("R EH1 D", r"\b(?:he|she|it)(?: (?:never|always|once|also|just))*$"),
        Sense("R EH1 D", "", r"\b(?:yesterday|ago|last (?:night|week|year|month|time))\b"),
        Sense("R EH1 D", r"\bwell$"),
    ),
    "lead": (
        Sense("L EH1 D", "", r"^(?:pipes?|paint|poisoning|pencils?|bullets?|weights?|acid|balloon|free|shot|crystal|soldiers?|content|roof|singer is not)\b"),
        Sense("L EH1 D", r"\b(?:made of|of|contains?|containing|molten|heavy as|like|with|pencil|red|white|tons? of|pounds? of|from)$", r"^(?:$|and\b|or\b|in the (?:water|paint)|is (?:a|heavy|toxic|soft|poisonous)|\.)"),
        Sense("L EH1 D", "", r"^(?:is|was) (?:a (?:heavy )?metal|heavy|toxic|soft|poisonous)"),
        Sense("L IY1 D"),
    ),
    "leads": (Sense("L IY1 D Z"),),
    "live": (
        Sense("L AY1 V", "", r"^(?:music|broadcasts?|shows?|concerts?|audience|tv|television|stream|streaming|performances?|wires?|animals?|band|bait|action|recording|ammunition|rounds?|fire|coverage|updates?|chat|events?|feed|on (?:air|tv|television|stage|youtube)|from (?:new|the|our|london|studio|washington|los))\b"),
        Sense("L AY1 V", rf"\b(?:{_BE}|go|goes|going|went|broadcast|sing|sang|singing|streamed|streaming|perform|performed|watch|seen|recorded|coming to you)(?: (?:now|back|it|this|performing))?$"),
        Sense("L AY1 V", r"\b(?:a|the|this)$"),
        Sense("L IH1 V"),
    ),
    "lives": (
        Sense("L AY1 V Z", r"\b(?:our|their|your|my|her|his|the|of|many|nine|human|people's|saved?|saving|save|lost|other|two|three|several|these|those|whose|all|daily|cost|risk(?:ed)?|ruin(?:ed)?|take|changed?|more|thousands of|black|private|past|double)$"),
        Sense("L IH1 V Z"),
    ),
    "wind": (
        Sense("W AY1 N D", "", r"^(?:up|down|the (?:clock|watch|toy|yarn|string|rope|wool|tape|bandage)|it|around|your|his|her|back|through the)\b"),
        Sense("W AY1 N D", rf"\b(?:{_TO})$", r"^(?!(?:and|blew|blows|is|was|in|turbines?|power|energy)\b)"),
        Sense("W IH1 N D"),
    ),
    "winds": (Sense("W AY1 N D Z", r"\b(?:road|river|path|trail|street|stream|it|he|she|staircase)$"), Sense("W IH1 N D Z")),
    "close": (
        Sense("K L OW1 S", "", r"^(?:to|by|enough|friends?|call|up|second|range|quarters|together|relatives?|family|attention|behind|race|contact|look|eye|examination|ties|match|game|inspection|knit|associates?|watch|proximity)\b(?! (?:the (?:door|window|gate|shop|lid)))"),
        Sense("K L OW1 S", rf"\b(?:{_BE}|very|so|too|how|as|get|gets|getting|got|come|came|comes|stay|stayed|stand|stood|hold|held|pretty|quite|that|this|really|draw|drew|sit|sat|more|not)$", r"^(?!(?:the|your|my|its|his|her|our|their) )"),
        Sense("K L OW1 Z"),
    ),
    "use": (
        Sense("Y UW1 S", r"\b(?:the|of|no|in|any|some|a|its|for|more|much|our|their|your|his|her|my|good|make|made|making|what's the|this|that|drug|daily|energy|land|personal|full|best|better|common|such|water|power|public|further|heavy)$", r"^(?!(?:it|them|this|these|those|the|a|an|my|your)\b)"),
        Sense("Y UW1 S", r"\b(?:it's|is|are|was) (?:no|of)$"),
        Sense("Y UW1 Z"),
    ),
    "uses": (
        Sense("Y UW1 S IH0 Z", r"\b(?:many|the|of|its|other|has|have|several|different|various|practical|new|two|three|medical|common|these|those|all|best)$"),
        Sense("Y UW1 Z IH0 Z"),
    ),
    "used": (Sense("Y UW1 S T", "", r"^to (?!(?:make|create|treat|build|cut|measure|produce|help|store|cook|clean|hold|find|show|describe|control|get|power|move)\b)"), Sense("Y UW1 Z D")),
    "tear": (
        Sense("T EH1 R", "", r"^(?:up|down|apart|off|out|it|them|through|into|away|the|this|that|your|my|his|her|in (?:my|his|her|the|your) (?:shirt|jeans|sleeve|fabric|dress|pants|coat|jacket|sail|tendon|muscle|knee))\b"),
        Sense("T EH1 R", rf"\b(?:{_TO}|wear and)$"),
        Sense("T IH1 R"),
    ),
    "tears": (
        Sense("T EH1 R Z", r"\b(?:he|she|it|that|which|paper|who|storm|dog)$", r"^(?!(?:were|are|in|and|of|ran|rolled|fell)\b)"),
        Sense("T IH1 R Z"),
    ),
    "bow": (
        Sense("B OW1", "", r"^(?:tie|ties|and arrows?|string|hunting|legged|saw)\b"),
        Sense("B OW1", r"\b(?:violin|cello|the|a) (?:long|hair|red|pink|silk|big|pretty|little|hunting|wooden|cross|blue|white|black|hunter's|ribbon)?$", r"^(?!(?:of the|and|to|before|down|wave)\b)"),
        Sense("B OW1", r"\b(?:violin|cello|cross|compound|hair|ribbon|her|his|a) $"),
        Sense("B AW1", rf"\b(?:{_TO}|take a|took a|takes a|and|final|deep|low|polite|the ship's)$"),
        Sense("B AW1", "", r"^(?:down|to|before|out|of the (?:ship|boat)|your|his|her|your heads?|wave)\b"),
        Sense("B OW1"),
    ),
    "bass": (
        Sense("B AE1 S", "", r"^(?:fish|fishing|boat|swim|swam|in the (?:lake|river))\b"),
        Sense("B AE1 S", r"\b(?:sea|striped|largemouth|smallmouth|caught a|catch a|catch|caught|fried|grilled|pound|black|fishing for|a big|eat|ate)$"),
        Sense("B EY1 S"),
    ),
    "dove": (Sense("D OW1 V", r"\b(?:he|she|they|we|i|it|who|and|then|swimmer|diver)$", r"^(?:in|into|under|down|off|for|deep|right|back|head)\b"), Sense("D AH1 V")),
    "wound": (
        Sense("W AW1 N D", "", r"^(?:up|down|around|through|the (?:clock|watch|string|yarn)|tight|tightly|its|his way|back)\b"),
        Sense("W UW1 N D"),
    ),
    "minute": (
        Sense("M AY0 N UW1 T", rf"\b(?:a|{_BE}|very|so|most|in|the)$", r"^(?:detail|details|amounts?|quantit(?:y|ies)|particles?|differences?|traces?|fraction|changes?|creatures?)\b"),
        Sense("M IH1 N AH0 T"),
    ),
    "row": (Sense("R AW1", r"\b(?:had a|having a|have a|big|terrible|blazing|flaming|almighty)$", r"^(?:$|with\b|about\b|over\b)"), Sense("R OW1")),
    "sow": (Sense("S AW1", r"\b(?:a|the|old|fat|pregnant|our)$", r"^(?!seeds?\b)"), Sense("S OW1")),
    "desert": (
        Sense("D IH0 Z ER1 T", rf"\b(?:{_TO}|never|not|just)$"),
        Sense("D EH1 Z ER0 T"),
    ),
    "content": (
        Sense("K AH0 N T EH1 N T", rf"\b(?:{_BE}|feel|feels|felt|seem|seems|seemed|quite|very|perfectly|not|remain|heart's|more than)$", r"^(?:$|with|to|and|in|just|now|here|at)"),
        Sense("K AH0 N T EH1 N T", "", r"^with (?:life|what|my|his|her|that|this|it|their|our|your|little)\b"),
        Sense("K AA1 N T EH0 N T"),
    ),
    "object": (Sense("AH0 B JH EH1 K T", rf"\b(?:{_TO})$"), Sense("AA1 B JH EH0 K T")),
    "refuse": (
        Sense("R EH1 F Y UW2 Z", r"\b(?:the|of|household|garden|city's|collect|dump)$", r"^(?:$|collection|collector|is\b|was\b|bin|in\b|heap|dump|to the)"),
        Sense("R AH0 F Y UW1 Z"),
    ),
    "invalid": (Sense("IH1 N V AH0 L AH0 D", r"\b(?:an|the|an elderly|poor|old)$", r"^(?:$|in a\b|who\b|for\b|son|mother|child|aunt|chair)"), Sense("IH0 N V AE1 L AH0 D")),
    "does": (Sense("D OW1 Z", r"\b(?:two|three|the|bucks and|several|many)$", r"^(?:and bucks|grazed|ran|are grazing|with their)"), Sense("D AH1 Z")),
    "number": (Sense("N AH1 M ER0", "", r"^(?:fingers|and number)"), Sense("N AH1 M B ER0")),
    "moped": (Sense("M OW1 P T", r"\b(?:he|she|they|i|we|and|just)$", r"^(?:around|about|all|for|in his|in her)\b"), Sense("M OW1 P EH2 D")),
    "axes": (Sense("AE1 K S IY2 Z", r"\b(?:x and y|both|coordinate|two|three|the|of the)$", r"^(?:of|are (?:labeled|perpendicular)|x|on the (?:graph|chart)|cross)\b"), Sense("AE1 K S IH0 Z")),
    "bases": (Sense("B EY1 S IY2 Z", r"\b(?:different|legal|these|four|dna|nucleotide)$", r"^(?:of (?:dna|the argument|his)|for)\b"), Sense("B EY1 S IH0 Z")),
    "sewer": (Sense("S UW1 ER0"),),
    "resume": (Sense("R EH1 Z AH0 M EY2", r"\b(?:my|your|his|her|a|the|their|updated|attached|impressive|send a|our|good|strong)$"), Sense("R IH0 Z UW1 M")),
    "buffet": (Sense("B AH0 F EY1"),),
    "nice": (Sense("N IY1 S", r"\b(?:in|to|from|near|of|visit(?:ed)?)$", r"^(?:$|france|,|and\b|is a city|last|next)"), Sense("N AY1 S")),
    "mobile": (Sense("M OW1 B IY0 L", r"\b(?:in|to|from)$", r"^(?:alabama)"), Sense("M OW1 B AH0 L")),
    "separate": (
        Sense("S EH1 P ER0 EY2 T", rf"\b(?:{_TO})$"),
        Sense("S EH1 P R AH0 T"),
    ),
    "house": (Sense("HH AW1 Z", r"\b(?:to|will|can|could|would|must)$", r"^(?:the|them|him|her|up|all|hundreds|thousands|people|more|a|over|\w+ (?:people|refugees|guests))\b"), Sense("HH AW1 S")),
    "excuse": (Sense("IH0 K S K Y UW1 S", r"\b(?:an|the|no|any|good|bad|poor|lame|his|her|your|that|another|my|for an|perfect|this|some|better)$"), Sense("IH0 K S K Y UW1 Z")),
    "record": (
        Sense("R AH0 K AO1 R D", rf"\b(?:{_TO}|and|you can)$"),
        Sense("R EH1 K ER0 D"),
    ),
    "present": (
        Sense("P R IY0 Z EH1 N T", rf"\b(?:{_TO}|proudly|and)$", r"^(?:the|a|an|you|it|them|to|this|our|your|my|his|her|their|new|him|with|these|itself|himself)\b"),
        Sense("P R EH1 Z AH0 N T"),
    ),
    "permit": (Sense("P ER0 M IH1 T", rf"\b(?:{_TO}|weather)$"), Sense("P ER1 M IH2 T")),
    "produce": (
        Sense("P R OW1 D UW0 S", r"\b(?:fresh|organic|the|of|local|farm|buy|sell|sells|our)$", r"^(?:$|and|is|was|section|aisle|department|from|in|at|market)"),
        Sense("P R AH0 D UW1 S"),
    ),
    "project": (Sense("P R AH0 JH EH1 K T", rf"\b(?:{_TO})$"), Sense("P R AA1 JH EH0 K T")),
    "conduct": (Sense("K AH0 N D AH1 K T", rf"\b(?:{_TO})$"), Sense("K AA1 N D AH0 K T")),
    "contract": (Sense("K AH0 N T R AE1 K T", rf"\b(?:{_TO})$"), Sense("K AA1 N T R AE2 K T")),
    "insult": (Sense("IH0 N S AH1 L T", rf"\b(?:{_TO})$"), Sense("IH1 N S AH2 L T")),
    "rebel": (Sense("R IH0 B EH1 L", rf"\b(?:{_TO})$"), Sense("R EH1 B AH0 L")),
    "convict": (Sense("K AH0 N V IH1 K T", rf"\b(?:{_TO})$"), Sense("K AA1 N V IH0 K T")),
    "progress": (Sense("P R AH0 G R EH1 S", rf"\b(?:{_TO})$"), Sense("P R AA1 G R EH2 S")),
    "perfect": (Sense("P ER0 F EH1 K T", r"\b(?:to|will|can|could|would|must)$", r"^(?:the|my|your|his|her|their|it|this)\b"), Sense("P ER1 F IH2 K T")),
    "attribute": (Sense("AH0 T R IH1 B Y UW0 T", rf"\b(?:{_TO})$"), Sense("AE1 T R AH0 B Y UW2 T")),
    "export": (Sense("IH0 K S P AO1 R T", rf"\b(?:{_TO})$"), Sense("EH1 K S P AO0 R T")),
    "import": (Sense("IH0 M P AO1 R T", rf"\b(?:{_TO})$"), Sense("IH1 M P AO2 R T")),
    "graduate": (Sense("G R AE1 JH UW0 EY2 T", rf"\b(?:{_TO})$"), Sense("G R AE1 JH AH0 W AH0 T")),
    "estimate": (Sense("EH1 S T AH0 M EY2 T", rf"\b(?:{_TO})$"), Sense("EH1 S T AH0 M AH0 T")),
    "delegate": (Sense("D EH1 L AH0 G EY2 T", rf"\b(?:{_TO})$"), Sense("D EH1 L AH0 G AH0 T")),
    "advocate": (Sense("AE1 D V AH0 K EY2 T", rf"\b(?:{_TO})$"), Sense("AE1 D V AH0 K AH0 T")),
    "alternate": (Sense("AO1 L T ER0 N EY2 T", rf"\b(?:{_TO})$"), Sense("AO1 L T ER0 N AH0 T")),
    "duplicate": (Sense("D UW1 P L AH0 K EY2 T", rf"\b(?:{_TO})$"), Sense("D UW1 P L AH0 K AH0 T")),
    "moderate": (Sense("M AA1 D ER0 EY2 T", rf"\b(?:{_TO})$"), Sense("M AA1 D ER0 AH0 T")),
    "abuse": (Sense("AH0 B Y UW1 Z", rf"\b(?:{_TO})$", r"^(?:the|him|her|it|them|your|his|my|animals|children|their|power)\b"), Sense("AH0 B Y UW1 S")),
    "entrance": (Sense("EH0 N T R AE1 N S", r"\b(?:to|will|can|would)$", r"^(?:the|an|his|her|them|you|audiences)\b"), Sense("EH1 N T R AH0 N S")),
    "learned": (Sense("L ER1 N AH0 D", r"\b(?:a|the|my|very|most)$", r"^(?:man|men|professor|friend|colleague|scholar|judge|counsel|society)\b"), Sense("L ER1 N D")),
    "blessed": (Sense("B L EH1 S AH0 D", r"\b(?:the|this|that|my|every)$", r"^(?:virgin|mother|sacrament|day|event|thing|sleep|peace)\b"), Sense("B L EH1 S T")),
    "aged": (Sense("EY1 JH IH0 D", r"\b(?:the|an|my|his|her|their)$", r"^(?:$|man|mother|father|parents|woman|and)\b"), Sense("EY1 JH D")),
}  # fmt: skip

_SEARCHED = 12  # words on either side


def by_sense(words: Sequence[str], index: int) -> str | None:
    """Phonemes of the word at `index` of a sentence in small letters, where its company decides; else `None`."""
    senses = SENSES.get(words[index])
    if not senses:
        return None
    before = " ".join(words[max(0, index - _SEARCHED) : index])
    after = " ".join(words[index + 1 : index + 1 + _SEARCHED])
    for sense in senses:
        if (not sense.before or re.search(sense.before, before)) and (
            not sense.after or re.search(sense.after, after)
        ):
            return sense.phonemes
    return None
