"""What the rules know of abbreviations, capitals, apostrophes, stage directions and the net."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# --- abbreviations, from the exact to the general: before a number only, anywhere ------------------------------------

BEFORE_NUMBERS = {
    "No": "number", "no": "number", "Nos": "numbers", "nos": "numbers", "Nr": "number", "nr": "number", "Vol": "volume",
    "vol": "volume", "p": "page", "pp": "pages", "Pg": "page", "pg": "page", "Ch": "chapter", "ch": "chapter", "Chap": "chapter",
    "chap": "chapter", "Sec": "section", "sec": "section", "Fig": "figure", "fig": "figure", "Figs": "figures", "Eq": "equation",
    "eq": "equation", "Ext": "extension", "ext": "extension", "x": "extension", "Apt": "apartment", "apt": "apartment",
    "Ste": "suite", "Rm": "room", "rm": "room", "Hwy": "highway", "Rte": "route", "Art": "article", "art": "article",
    "Ep": "episode", "ep": "episode", "Op": "opus", "op": "opus", "vs": "versus", "ca": "circa", "c": "circa", "approx": "approximately",
    "Approx": "approximately", "est": "established", "Est": "established", "Tel": "telephone", "tel": "telephone",
    "Ph": "phone", "Bldg": "building", "Fl": "floor", "Pt": "part", "pt": "part", "max": "maximum", "min": "minimum",
    "Max": "maximum", "Min": "minimum", "Lv": "level", "lvl": "level", "Lvl": "level",
}  # fmt: skip
ABBREVIATIONS = {
    "Tues": "Tuesday", "Thurs": "Thursday", "Thur": "Thursday", "Weds": "Wednesday", "Yrs": "years",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "Dept": "department",
    "Inc": "incorporated", "Ltd": "limited", "Corp": "corporation", "Bros": "brothers", "Assn": "association",
    "Assoc": "associates", "Univ": "university", "Jr": "junior", "Sr": "senior", "Esq": "esquire", "govt": "government",
    "Govt": "government", "misc": "miscellaneous", "incl": "including", "excl": "excluding",
    "temp": "temp", "bldg": "building", "blvd": "boulevard", "hwy": "highway", "mgr": "manager", "Mgr": "manager",
    "asst": "assistant", "Asst": "assistant", "intl": "international", "Intl": "international", "natl": "national",
    "Natl": "national", "viz": "namely", "cf": "compare", "ibid": "ibidem", "al": "al", "est": "estimated", "attn": "attention",
    "Attn": "attention", "tbsp": "tablespoon", "tsp": "teaspoon", "pkg": "package", "qty": "quantity", "Qty": "quantity",
    "acct": "account", "appt": "appointment", "Mfg": "manufacturing", "dist": "district", "Dist": "district", "mph": "miles per hour",
    "kph": "kilometers per hour", "hrs": "hours", "mins": "minutes", "secs": "seconds", "yrs": "years", "lbs": "pounds",
}  # fmt: skip
# These need their full stop, being words without it.
DOTTED = {
    "Co": "company", "co": "company", "Gen": "general", "Mon": "Monday", "Sun": "Sunday", "Sat": "Saturday", "Wed": "Wednesday",
    "min": "minutes", "max": "maximum", "no": "no", "fig": "figure", "est": "estimated", "ed": "edition", "col": "column",
    "in": "inches", "misc": "miscellaneous", "Sen": "senator", "Rep": "representative",
}  # fmt: skip

# --- capitals -------------------------------------------------------------------------------------------------------

# Spelled in running text although the lexicon has a word, or a wrong word, of the same letters.
SPELLED_CAPITALS = frozenset(
    _words(
    "AC ADA AI AM AMA APA API APR ARM ASA ATA ATM BA BBC BMI BS CAD CD CE CIA CO COB CPA CPR CSI CV DA DC DIY "
    "DJ DM DOA DOB DOE DOT ECG ED EDT EEG EMT ENT EP ER ESP EST ETA EU EV FA FAA FAQ FDA GDP GE GI GM GPA GPS "
    "GPU HBO HP HQ HR IBM ICU ID IE IL IMF IP IPA IPO IQ IRS ISO ISP IT IUD IV IVF JFK LA LED LP MA MBA MC MD "
    "MI MIT MP MPH MRI MS MTV MVP NBA NBC NCO NDA NFL NGO NHL NHS NPR NRA NSA NSW NY NYC OBE ODI OECD OS OT PA "
    "PC PE PG PI PM PMS POV POW PR PS PT PTA PVC QA RAF RBI REM RN RNA RPG RV SAS SE SEC SOS SUV TA TB TD TED "
    "TGI TLC TNT TV UFO UK UN UPS URL US USA USB VA VIP VR WTO XL XML SQL ASAP BCE"
)
) - {"TED", "REM", "SAS", "SEC", "ARM", "DOT", "DOE", "COB", "ED"}  # fmt: skip
# In a text without small letters these are the words of everyday.
WORDS_WHEN_SHOUTED = frozenset(_words("AM IT US ADA APR BA CAD DA LA LED MA MI PA PI UN ID ETA OS PER SE MS"))
LONGEST_INITIALISM = 5
# Words of the language in capitals, where a spelled name has the same letters: spelled after "the" and its like.
SPELLED_AFTER_ARTICLE = frozenset({"WHO", "ARM", "DOT", "DOE", "SEC", "AA", "EPA", "SAT", "ACT"})
# Written in small and large letters.
MIXED_CASE = {
    "WWII": "world war two", "WWI": "world war one", "OMG": "O M G",
    "PhD": "P H D", "PhDs": "P H D's", "iOS": "I O S", "macOS": "mac O S", "iPad": "ipad", "iPads": "ipads", "WiFi": "wifi",
    "Wi-Fi": "wifi", "wi-fi": "wifi", "SaaS": "sass", "LaTeX": "lay tech", "mRNA": "M R N A", "DevOps": "dev ops", "IoT": "I O T",
    "PayPal": "pay pal", "QAnon": "Q anon", "McKinsey": "mckinsey", "BSc": "B S C", "MSc": "M S C", "DPhil": "D phil", "YouTuber": "youtuber",
    "YouTubers": "youtubers", "VoIP": "voip", "CoVid": "covid", "Covid": "covid", "pH": "P H", "eSports": "E sports", "LLCs": "L L C's",
}  # fmt: skip

# --- apostrophes left out -------------------------------------------------------------------------------------------

WITHOUT_APOSTROPHE = {
    word.replace("'", ""): word
    for word in _words(
        "aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mustn't needn't shouldn't wasn't "
        "weren't won't wouldn't ain't shan't mightn't i'm i've you're you've you'll you'd they're they've they'll "
        "they'd he's she's that's that'll what's where's who's there's here's how's it'll we've let's y'all o'clock "
        "ma'am could've should've would've might've must've everyone's somebody's nobody's"
    )
    if word not in ("let's", "he's", "where's")
}
WITHOUT_APOSTROPHE |= {"lets": "lets", "hes": "he's", "wheres": "where's", "oclock": "o'clock", "yall": "y'all"}
# "ill see", "id like", "well see": only before these
AUXILIARY_BEFORE = {"ill": "i'll", "id": "i'd"}
AFTER_AUXILIARY = _words(
    "be see go do take call get have never just always try tell give make let show find ask wait come say like "
    "love rather prefer bet hate say need want know think help keep meet send write not also probably still"
)

# --- stage directions -----------------------------------------------------------------------------------------------

DIRECTION_WORDS = _words(
    "applause aside beat bleep breathes breathing chuckle chuckles chuckling clears coughs coughing cries "
    "crying exhales gasp gasps gasping giggle giggles giggling groan groans groaning grins growls hums humming "
    "inaudible inhales indistinct laugh laughs laughing laughter moans mumbles murmurs music mutters nods "
    "off-camera off-screen offscreen offstage panting pants pause pauses pausing quietly screams screaming "
    "shouting shouts shrugs sigh sighing sighs silence singing sings smiles smiling snaps sniffles sniffs "
    "snorts sobbing sobs softly squeals stutters voiceover v.o. o.s. o.c. cont'd contd continued wheezes "
    "whimpers whispering whispers winks whistles whistling yawns yelling yells yawning sarcastically angrily "
    "sadly happily excitedly nervously loudly crosstalk foreign unintelligible static phone rings door"
)
NOT_SPEAKERS = frozenset(
    _words(
        "WARNING NOTE CAUTION TIP PS P.S UPDATE BREAKING DANGER ALERT IMPORTANT NOTICE REMINDER FYI TODO RE FW FAQ "
        "Q A QUESTION ANSWER STEP"
    )
)

TOP_DOMAINS = _words(
    "com org net edu gov io ai co uk us ca de fr es it eu ly me tv app dev info biz xyz au nz in jp cn ru br ch "
    "nl se no"
)
FILE_ENDINGS = _words(
    "pdf txt doc docx xls xlsx csv ppt pptx jpg jpeg png gif svg mp3 mp4 wav mov avi mkv zip exe html css js ts "
    "py json xml yaml md toml log sh psd"
)
