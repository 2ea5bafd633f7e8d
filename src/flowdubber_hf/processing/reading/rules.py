"""Written English to plain words: one table of rules, tried in this order at each place of a script.

A row says what it reads and gives an example with its words; the tests read each example, and docs/text.md shows them.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Callable, Sequence

from . import abbreviations, amounts, capitals, context, dates, markup, number_names, numerals
from .places import MONTH_NAMES, WEEKDAYS
from .script import Rule
from .units import CURRENCIES, GREEK, MAGNITUDE_WORDS, PERIODS, SUPERSCRIPTS, SYMBOLS, UNITS, VULGAR
from .vocabulary import FILE_ENDINGS, TOP_DOMAINS


def one_of(choices: Sequence[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(choice) for choice in sorted(choices, key=len, reverse=True))


_L = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"  # letters; others were refused
_VULGAR = "".join(VULGAR)
_WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_AMOUNT = (
    rf"(?:{_WHOLE}(?:\.\d+)?\s?[{_VULGAR}]|{_WHOLE} \d{{1,3}}/\d{{1,3}}(?![\d/])|\d{{1,3}}/\d{{1,3}}(?![\d/])"
    rf"|{_WHOLE}\.\d+|{_WHOLE}|\.\d+|[{_VULGAR}])"
)
_RANGE = rf"{_AMOUNT}(?:(?:\s?[-–]\s?|\sto\s){_AMOUNT})?"
_SIGN = rf"(?P<sign>(?<![\w.,)])[-−+±~≈]\s?(?=[\d.$£€¥{_VULGAR}]))?"
_MONEY = one_of([c for c in CURRENCIES if not c.isalpha()])
_MONEY_CODES = one_of([c for c in CURRENCIES if c.isalpha()])
_MAGNITUDE = rf"(?:\s?(?P<magnitude>(?:k|K|m|M|mn|bn|b|B|tn|T)\b|(?<=\s)(?:{'|'.join(MAGNITUDE_WORDS)})\b))?"
_PER = rf"(?:\s?/\s?(?P<per>{one_of(PERIODS)})(?![{_L}]))?"
_MONTH = rf"(?P<month>{one_of(MONTH_NAMES)}|(?:{one_of([m.upper() for m in MONTH_NAMES])})|(?:{one_of([m.lower() for m in MONTH_NAMES if len(m) > 4 and m != 'March'])}))"
_HALF = r"\s?(?P<half>[aApP]\.?\s?[mM])\b\.?"


def _rule(name: str, pattern: str, say: str | Callable, example: str, spoken: str) -> Rule:
    return Rule(name, re.compile(pattern), say, example, spoken)


RULES: tuple[Rule, ...] = (
    # --- what is not said, and what the script itself gives ------------------------------------------------------
    _rule("spaces", r"\s+", "", "so far", "so far"),
    _rule("a pronunciation", r"\[([^\[\]|]{1,200})\|([^\[\]|]{0,1000})\]", markup.given, "[Zoey|Z OW1 IY0] sang", "zoey sang"),
    _rule("tags", r"</?[A-Za-z!?][^<>]{0,300}>", markup.dropped, '<break time="500ms"/>hello', "hello"),
    _rule("times of subtitles", r"(?:\d+\n)?\d\d:\d\d:\d\d[.,]\d{3}\s*-->\s*\d\d:\d\d:\d\d[.,]\d{3}", markup.dropped,
          "00:00:01,000 --> 00:00:02,500\nhello", "hello"),
    _rule("links of Markdown", r"!?\[([^\[\]]{1,300})\]\(([^()\s]{1,500})\)", markup.link, "see [our page](https://a.org)", "see our page"),
    _rule("directions in brackets", r"\[[^\[\]]{0,300}\]|\{[^{}]{0,300}\}", markup.dropped, "[music] hello", "hello"),
    _rule("directions in parentheses", r"\(([^()]{1,100})\)|\*([^*\s][^*]{0,60})\*", markup.direction, "oh no (laughs)", "oh no"),
    _rule("names of speakers",
          r"(?<![^\n])[ \t]*(?:>>|--?)?[ \t]*([A-Z][A-Z0-9'.-]*(?: [A-Z0-9][A-Z0-9'.-]*){0,3}) ?(?:\([^()\n]{0,60}\))? ?:(?=\s)",
          markup.speaker, "ANNA: come in", "come in"),
    _rule("faces of signs", r"(?<!\S)(?:>?[:;=]'?-?[()\[\]DPpOo|*/\\3]+|<3+|[xX]D+|\^_+\^|¯\\_\(ツ\)_/¯)(?![\w(])", markup.dropped, "yes :-)", "yes"),
    # --- addresses of the net ------------------------------------------------------------------------------------
    _rule("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", markup.address, "ann_lee@post.co.uk", "ann underscore lee at post dot co dot u k"),
    _rule("web address", r"(?:https?|ftp)://[^\s<>\"]+|www\.[^\s<>\"]+", markup.url, "https://example.com/docs?id=7", "example dot com slash docs"),
    _rule("domain, file", rf"[A-Za-z0-9][\w-]*(?:\.[\w-]+)*\.(?:{one_of([*TOP_DOMAINS, *FILE_ENDINGS])})(?:/[\w./-]*\w)?(?![\w@]|\.\w)",
          markup.domain, "report.pdf on example.org", "report dot p d f on example dot org"),
    _rule("handle", r"(?<![\w@])@(\w[\w.]*\w|\w)", markup.handle, "@nasa", "at nasa"),
    _rule("hashtag", rf"(?<![\w#])#([{_L}]\w*)", markup.hashtag, "#GoodMorning", "hashtag good morning"),
    # --- money ---------------------------------------------------------------------------------------------------
    _rule("money", rf"{_SIGN}(?P<code>{_MONEY})\s?(?P<amount>{_WHOLE}(?:\.\d+)?|\.\d+){_MAGNITUDE}"
          rf"(?:\s?[-–]\s?(?:{_MONEY})?(?P<upper>{_WHOLE}(?:\.\d+)?)(?P<magnitude2>(?:k|K|m|M|bn|b|B)\b)?)?{_PER}",
          amounts.money, "$1,500/month", "one thousand five hundred dollars a month"),
    _rule("money, sign behind", rf"{_SIGN}(?P<amount>{_WHOLE}(?:[.,]\d\d?(?!\d))?){_MAGNITUDE}\s?(?P<code>{_MONEY}|(?:{_MONEY_CODES})\b){_PER}",
          amounts.money, "20 €", "twenty euros"),
    _rule("money by its code", rf"(?P<code>{_MONEY_CODES})\s?(?P<amount>{_WHOLE}(?:\.\d+)?){_MAGNITUDE}{_PER}",
          amounts.money, "EUR 20", "twenty euros"),
    # --- dates and times -----------------------------------------------------------------------------------------
    _rule("date, year first", r"(?<!\d)(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?!\d)", dates.date, "2023-12-25", "december twenty fifth twenty twenty three"),
    _rule("date in digits", r"(?<![\d/.-])(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d\d(?=\b(?!\.\d)))(?![\d/])",
          dates.numeric_date, "25.12.2023", "december twenty fifth twenty twenty three"),
    _rule("date without a year", r"(?<![\d/])(?P<month>1[0-2]|0?[1-9])/(?P<day>3[01]|[12]\d|0?[1-9])(?![\d/])", dates.short_date,
          "on 12/25", "on december twenty fifth"),
    _rule("month and day", rf"(?<![{_L}]){_MONTH}\.?\s+(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?![\d%]|[:.,/]\d|\s?[AaPp]\.?[Mm])"
          r"(?P<rest>\s?[-–]\s?(?P<last>3[01]|[12]\d|[1-9])(?!\d))?(?P<comma>,?)(?:\s+(?P<year>\d{4})(?![\d,]))?",
          dates.month_day, "July 4, 1776", "july fourth seventeen seventy six"),
    _rule("day and month", rf"(?<![\d.,:/$-])(?P<day>3[01]|[12]\d|0?[1-9])(?P<suffix>st|nd|rd|th)?\s+(?P<of>of\s+)?{_MONTH}\b\.?(?:,?\s+(?P<year>\d{{4}})(?![\d,]))?",
          dates.day_month, "4 July", "the fourth of july"),
    _rule("month", rf"(?<![{_L}])(?P<month>Jan|Feb|Apr|Aug|Sept?|Oct|Nov|Dec)\b\.?(?=\s+['’]?\d)", lambda m, s: MONTH_NAMES[m["month"]], "Jan. 2020", "january twenty twenty"),
    _rule("days of the week", rf"(?<![{_L}])(?:(?P<one>{one_of(WEEKDAYS)})\.?(?:(?P<mark>\s?[-–/]\s?)(?P<two>{one_of(WEEKDAYS)})\b\.?|(?=,?\s+\d|,\s+[A-Z])))(?![{_L}])",
          dates.weekdays, "Mon-Fri", "monday to friday"),
    _rule("months, one to another", rf"(?<![{_L}])(?P<one>{one_of(MONTH_NAMES)})\.?\s?[-–]\s?(?P<two>{one_of(MONTH_NAMES)})\b\.?(?![{_L}])",
          lambda m, s: f"{MONTH_NAMES[m['one']]} to {MONTH_NAMES[m['two']]}", "Jan-Mar", "january to march"),
    _rule("hours, minutes, seconds", r"(?<![\d:])(?P<h>\d{1,3}):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?:[.,](?P<f>\d+))?(?![\d:])", dates.duration,
          "3:05:10", "three hours five minutes and ten seconds"),
    _rule("clock", rf"(?<![\d:])(?P<h>2[0-4]|1\d|0?\d):(?P<m>[0-5]\d)(?![\d:])(?:{_HALF})?", dates.clock, "at 10:05 p.m.", "at ten oh five p m"),
    _rule("hour", rf"(?<![\d:.,$-])(?P<h>1[0-2]|0?[1-9])(?P<m>){_HALF}(?![{_L}])", dates.clock, "5pm", "five p m"),
    _rule("ratio", r"(?<![\d:])(\d{1,4}):(\d{1,4})(?![\d:])", lambda m, s: f"{amounts.whole(m[1])} to {amounts.whole(m[2])}", "16:9", "sixteen to nine"),
    _rule("known pairs", r"(?<![\d/.])(24/7(?:/365)?|9/11|50[-/]50|20/20|4x4)(?![\d/])", dates.known_pair, "24/7", "twenty four seven"),
    # --- telephones, versions, codes -----------------------------------------------------------------------------
    _rule("telephone",
          r"(?<![\d.,/-])(?:\+\d{1,3}(?:[\s.-]?\(?\d{1,5}\)?){2,5}"
          r"|(?:1[\s.-])?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}|\d{3}-\d{4}"
          r"|1-8\d\d-[A-Z0-9]{2,}(?:-[A-Z0-9]{2,})*|\(?0\d{2,4}\)?[\s-]\d{3,4}(?:[\s-]?\d{3,4})?"
          r"|\d{3}-\d{2}-\d{4}|\d{4}(?:[\s-]\d{4}){2,3})(?![\d/]|-\d|[.,]\d)", number_names.telephone,
          "(555) 123-4567", "five five five one two three four five six seven"),
    _rule("digits with hyphens", r"(?<![\w.,/-])\d{1,4}(?:-\d{1,4}){2,}(?![\w/-]|[.,]\d)", number_names.hyphened_digits, "9-1-1", "nine one one"),
    _rule("emergency number", r"(?<![\d.,:/$-])([1-9]\d\d)(?![\d%/]|[.,:-]\d)", number_names.emergency, "call 911", "call nine one one"),
    _rule("version", r"(?<![\w.])(?:(?P<v>[vV])(?:\.?\s?(?=\d+\.\d)|\.)?(?P<one>\d{1,6}(?:\.\d{1,6})*)|(?P<two>\d{1,6}(?:\.\d{1,6}){2,}))(?!\w|\.\d)", number_names.version,
          "v2.0.1", "version two point zero point one"),
    _rule("zip code", r"(?<![\d,.$-])(\d{5})(?:-(\d{4}))?(?![\d,%]|\.\d)", number_names.zip_code, "Austin, TX 73301", "austin texas seven three three zero one"),
    _rule("numbers of houses", r"(?<![\d,.$/-])(?P<number>\d{1,5})(?P<letter>[A-Za-z]?)(?=\s+[A-Z0-9])", number_names.house, "1600 Main St.", "sixteen hundred main street"),
    _rule("numbers of rooms", r"(?<![\d,.$/-])(\d{3,4})([A-Za-z]?)(?![\w,%]|\.\d)", number_names.paired, "room 101", "room one oh one"),
    # --- quantities ----------------------------------------------------------------------------------------------
    _rule("feet and inches", rf"(\d+)\s?'\s?(\d{{1,2}}(?:\.\d+)?[{_VULGAR}]?)(?:\s?(?:\"|'')|(?![\w']))|(?<=\d)'(?=[\s.,;!?]|$)", amounts.feet, "6'2\"", "six feet two inches"),
    _rule("inches", rf"(?P<amount>{_AMOUNT})\s?(?:\"|'')", amounts.inches, 'a 27" screen', "a twenty seven inch screen"),
    _rule("feet", rf"(?P<amount>{_AMOUNT})'(?=[\s.,;!?x×]|$)", lambda m, s: amounts.with_unit(m["amount"], ("foot", "feet")), "a wall of 6'", "a wall of six feet"),
    _rule("degrees, minutes, seconds", r"(\d+(?:\.\d+)?)\s?°\s?(\d+)'(?:\s?(\d+(?:\.\d+)?)\")?(?:\s?([NSEW])\b)?", amounts.angle,
          "40°26'46\"N", "forty degrees twenty six minutes forty six seconds north"),
    _rule("units", rf"{_SIGN}(?P<amount>{_RANGE})(?P<gap>\s?-?)(?P<unit>{one_of(UNITS)})(?![{_L}\d²³]|\.[{_L}])(?:\.(?=\s+[a-z]))?{_PER}", amounts.unit,
          "10 km", "ten kilometers"),
    _rule("inches in words", rf"(?P<amount>{_RANGE})(?P<gap>\s?-?)(?P<unit>in)(?:\.(?=[\s,)])|(?=\s?(?:[x×]|wide|tall|long|high|deep|thick)\b))", amounts.unit,
          "5 in. wide", "five inches wide"),
    _rule("mixed numbers", rf"{_SIGN}(?P<whole>{_WHOLE})\s?(?P<vulgar>[{_VULGAR}])", amounts.mixed, "2½ hours", "two and a half hours"),
    _rule("fractions in one sign", rf"{_SIGN}[{_VULGAR}]", lambda m, s: amounts.quantity(m[0])[0], "¾ cup", "three quarters cup"),
    _rule("fractions", rf"(?P<whole>{_WHOLE}[ -])?(?<![\d/.,])(?P<above>\d{{1,3}})/(?P<below>\d{{1,3}})(?![\d/])", amounts.slash_fraction,
          "1 1/2 cups", "one and one half cups"),
    _rule("powers of ten", r"(?P<a>\d+(?:\.\d+)?)[eE](?P<sign>[+-]?)(?P<b>\d{1,3})\b", amounts.scientific, "1.5e-3", "one point five times ten to the minus three"),
    _rule("percent", rf"{_SIGN}(?P<amount>{_RANGE})\s?(?P<unit>%|‰)", amounts.percent, "12.5%", "twelve point five percent"),
    _rule("ordinals", r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH)\b", lambda m, s: numerals.ordinal(amounts.integer(m[1])), "the 21st", "the twenty first"),
    _rule("decades", r"(?<![\w.,])(')?(\d*\d0)'?s\b", dates.decade, "the 1990s", "the nineteen nineties"),
    _rule("years cut short", r"(?<![\w'])'(\d\d)(?![\d'])", dates.short_year, "summer of '69", "summer of sixty nine"),
    _rule("years", r"(?<![\d.,:/$-])(1\d{3}|20\d\d)(?P<rest>[-–](\d\d|1\d{3}|20\d\d)(?![\d-]))?(?![\d%×]|[.:]\d|,\d{3}\b|\w)", dates.year_or_number,
          "in 1998", "in nineteen ninety eight"),
    _rule("ranges", rf"(?<![\d-])(?P<one>{_WHOLE}(?:\.\d+)?)\s?[-–]\s?(?P<two>{_WHOLE}(?:\.\d+)?)(?![\d-]|\.\d|\s?=)", amounts.number_range, "5-10 people", "five to ten people"),
    _rule("dimensions", rf"(?<![\w.])(?P<one>{_WHOLE}(?:\.\d+)?)(?:\s?x|×(?!\s?10[⁰¹²³⁴-⁹⁻^]))(?=\s?\d)", amounts.dimension, "2x4", "two by four"),
    _rule("so many times", rf"(?<![\w.])(?P<amount>{_WHOLE}(?:\.\d+)?)[x×](?!\w|\s?[-+=*/^²³])", lambda m, s: f"{amounts.quantity(m['amount'])[0]} times", "10x faster", "ten times faster"),
    _rule("decimals", rf"{_SIGN}(?P<amount>(?:(?:\d{{1,3}}(?:,\d{{3}})+|\d+))?\.\d+)(?!\d|\.\d)", amounts.signed, "-3.14", "minus three point one four"),
    _rule("millions in short", rf"(?<![\w.])(?P<amount>{_WHOLE}(?:\.\d+)?)(?P<magnitude>k|K|M|bn|B|mn)(?=\s(?!is|was|has)[a-z]+s\b|\speople\b|\+)", amounts.magnitude, "5M users", "five million users"),
    _rule("long or zero-led digits", r"(?<![\d.,])(?:0\d+|\d{8,})(?![\d]|[.,]\d)", lambda m, s: numerals.digit_by_digit(m[0]), "agent 007", "agent zero zero seven"),
    _rule("thousands apart", r"(?<![\w.,])[1-9]\d{0,2}(?:[  ']\d{3}){2,}(?![\d])", lambda m, s: numerals.cardinal(amounts.integer(m[0])), "1 000 000", "one million"),
    _rule("numbers", rf"{_SIGN}(?P<amount>{_WHOLE})(?![{_L}\d]|/\d)", amounts.signed, "1,234", "one thousand two hundred and thirty four"),
    # --- words ---------------------------------------------------------------------------------------------------
    _rule("Roman numerals", r"(?<![\w'])([IVXLCDM]+|[ivx]+)('s)?(?![\w']|-[A-Za-z])", abbreviations.numeral, "Henry VIII", "henry the eighth"),
    _rule("streets and saints", r"(?P<word>Dr|St)\b(?P<dot>\.?)", abbreviations.doctor_or_drive, "Dr. King Dr.", "doctor king drive"),
    _rule("directions", r"(?P<word>[NS][EW]|[NSEW])\b\.?(?=\s+(?:[A-Z]|\d))", abbreviations.compass, "12 N. Oak St.", "twelve north oak street"),
    _rule("states", r"(?<=[a-z], )(?P<word>[A-Z]{2})\b(?=\s+\d{5}|[,.!?;]|\s*$)", abbreviations.state, "Portland, OR", "portland oregon"),
    _rule("Latin", r"(?<![\w.])(?:(?P<eg>[eE]\.\s?[gG]\.,?|eg(?=[.,]?\s)\.?,?)|(?P<ie>[iI]\.\s?[eE]\.,?)|(?P<etc>[eE]tc\b(?:\.(?!\s*$|\s+[A-Z]))?)|(?P<etal>et al\b\.?))",
          abbreviations.latin, "fruit, e.g. figs", "fruit for example figs"),
    _rule("eras and halves of the day", r"(?<![\w.])(?P<word>A\.D|B\.C\.E|B\.C|C\.E|[ap]\.m|Ph\.\s?D|M\.D|AD(?=\s\d)|(?<=\d\s)(?:AD|BCE?|CE))\b(?P<dot>\.?)", abbreviations.dotted_letters, "300 B.C.", "three hundred b c"),
    _rule("letters with stops", r"(?<![A-Za-z0-9.])(?:[A-Za-z]\.){2,}[A-Za-z]?(?![a-z])(?:'s)?", abbreviations.dotted_letters, "the U.S.", "the u s"),
    _rule("with and without", r"(?<![\w.])(?P<word>w/o|w/|b/c|c/o|n/a|N/A|a/c|A/C)(?=\s?\w|\s|[.,;!?]|$)", abbreviations.slashed, "w/o sugar", "without sugar"),
    _rule("sizes", r"(?<!\w)x(?=\s?\d)", amounts.size, "1 in. x 2 in.", "one inch by two inches"),
    _rule("abbreviations", r"(?<![\w.'])(?P<word>[A-Za-z]+)(?P<dot>\.?)(?!\w|'\w)", abbreviations.abbreviation, "Prof. Lee vs. No. 5", "professor lee versus number five"),
    _rule("letters joined", r"(?<![\w&])([A-Z]{1,3})\s?&\s?([A-Z]{1,3})(s|'s)?(?![\w&])", capitals.joined, "R&B", "r and b"),
    _rule("letters with a sign", r"(?<![\w+#])(?P<letter>[A-Z])(?P<sign>\+\+|\+|#|-(?=[\s.,;!?)]|$))(?!\w)", capitals.graded, "C++", "c plus plus"),
    _rule("words and numbers in one", r"(?<!\w)(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9₀-₉]+(?:-[A-Z])?(?!\w)", capitals.mixed_code, "MP3", "m p three"),
    _rule("formulas", r"(?<!\w)[A-Za-z]{1,4}[₀-₉][A-Za-z₀-₉]*", capitals.mixed_code, "H₂O", "h two o"),
    _rule("letter and number", r"(?<!\w)(?P<letters>[A-Z][A-Za-z]*)-(?P<digits>\d{1,4})(?P<tail>[A-Za-z]?)(?!\w|[-.]\d)", capitals.hyphened_code, "COVID-19", "covid nineteen"),
    _rule("and, shortened", r"(?<!\w)'n'(?!\w)|(?<=\w)'n'(?=\w)|(?<!\S)'n(?=\s)", "and", "rock 'n' roll", "rock and roll"),
    _rule("apostrophe in front", rf"(?i)(?<![\w'])'(?:em|til|till|cause|bout|tis|twas|n|round|cept|nuff|kay)(?![{_L}'])", capitals.fronted, "tell 'em", "tell 'em"),
    _rule("masked words", rf"(?<![\w*])[{_L}]+(?:\*+[{_L}]+|\*{{2,}})[{_L}*]*", markup.dropped, "what the f**k", "what the"),
    _rule("letters with a power", r"(?<!\w)[A-Za-z]{1,3}(?=[²³⁴⁵⁶⁷⁸⁹ⁿ])", lambda m, s: context.spell(m[0]), "E = mc²", "e equals m c squared"),
    _rule("words", rf"[{_L}]+(?:(?:'(?=[{_L}])|-(?=[{_L}]))[{_L}]+)*(?:(?<=in)'(?![{_L}]))?", capitals.word, "well-known", "well known"),
    # --- signs ---------------------------------------------------------------------------------------------------
    _rule("powers", rf"(?<=[\w)])(?P<up>[{''.join(SUPERSCRIPTS)}]+)|(?<=\w)\s?\^\s?(?P<down>-?\d+)", amounts.power, "mc²", "m c squared"),
    _rule("number sign", r"#\s?(?=\d)", "number ", "#7", "number seven"),
    _rule("heading", r"(?<![^\n])#{1,6}(?=\s)", "", "# Hello", "hello"),
    _rule("ranges of other kinds", r"(?<=[\w.%°])\s?–\s?(?=[\d$£€])|(?<=[\d%apm.])-(?=[\d$£€])", " to ", "9am-5pm", "nine a m to five p m"),
    _rule("signs of arithmetic", r"(?:(?<=[\w)])|(?<=[\w)]\s))(?P<sign>[*/<>−-])(?P<gap>\s?)(?=[\d(]|[A-Za-z]\b)", amounts.arithmetic, "6 * 7 < 50", "six times seven is less than fifty"),
    _rule("arrows", r"<?[-=]+>|→|⇒", lambda m, s: "to", "Rome -> Paris", "rome to paris"),
    _rule("minus", r"(?<![\w)])[-−](?=\d)", "minus ", "-5", "minus five"),
    _rule("about", r"[~≈](?=\s?[\d$])", "about ", "~5", "about five"),
    _rule("symbols", rf"[{re.escape(''.join(c for c in SYMBOLS if len(c) == 1))}]", lambda m, s: SYMBOLS[m[0]], "2 + 2 = 4", "two plus two equals four"),
    _rule("Greek letters", rf"[{''.join(GREEK)}]", lambda m, s: GREEK[m[0]], "π", "pi"),
    _rule("dots", r"\.\.\.+", "...", "well... no", "well no"),
    _rule("dot in front of a word", r"(?<![\w.])\.(?=[A-Za-z])", "dot ", ".NET", "dot net"),
    _rule("pauses", r"[.,;:!?]", lambda m, s: m[0], "stop!", "stop"),
    _rule("dashes", r"(?<=\s)[-–]+(?=\s)|-{2,}|–|(?<=\w)-(?=\s\w)", ",", "yes - no", "yes no"),
    _rule("quotes, brackets, emphasis", r"""[¿¡"'()\[\]{}<>*_~^|\\/#`-]""", "", '"quoted"', "quoted"),
    _rule("digits left over", r"\d+", lambda m, s: amounts.whole(m[0]), "3/4/5/6", "three over four over five over six"),
    _rule("everything else", r".", markup.dropped, "yes 🙂", "yes"),
)  # fmt: skip
