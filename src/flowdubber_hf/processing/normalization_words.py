"""What the rules of [`normalization`](normalization.py) know: units, money, months, titles, places, symbols, initialisms."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

# --- money: unit, units, hundredth, hundredths; the last two are empty where there are none -------------------------

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("U S dollar", "U S dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "R$": ("real", "reais", "centavo", "centavos"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₺": ("lira", "lira", "kurush", "kurush"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₴": ("hryvnia", "hryvnias", "kopeck", "kopecks"),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "₫": ("dong", "dong", "hao", "hao"),
    "₦": ("naira", "naira", "kobo", "kobo"),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "USD": ("U S dollar", "U S dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "JPY": ("yen", "yen", "sen", "sen"),
    "INR": ("rupee", "rupees", "paisa", "paise"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
}
MAGNITUDES = {
    "k": "thousand", "m": "million", "mn": "million", "mm": "million", "mil": "million", "bn": "billion",
    "b": "billion", "tn": "trillion", "t": "trillion",
}  # fmt: skip
MAGNITUDE_WORDS = ("hundred", "thousand", "million", "billion", "trillion", "dozen")

# --- units: as written, one, several -------------------------------------------------------------------------------

_PREFIXED = {  # metric units and those of computers, with the prefixes that are in use
    ("m", "meter"): "n μ m c d k",
    ("g", "gram"): "μ m k",
    ("s", "second"): "n μ m",
    ("l", "liter"): "μ m c d",
    ("L", "liter"): "μ m c d",
    ("W", "watt"): "m k M G T",
    ("Wh", "watt hour"): "k M G T",
    ("V", "volt"): "m k",
    ("mAh", "milliamp hour"): "",
    ("Hz", "hertz"): "k M G T",
    ("J", "joule"): "k M",
    ("N", "newton"): "k",
    ("Pa", "pascal"): "h k M",
    ("B", "byte"): "k K M G T P",
    ("bps", "bit per second"): "k K M G",
    ("bit", "bit"): "k K M G",
    ("Ω", "ohm"): "k M",
}
_PREFIXES = {
    "n": "nano", "μ": "micro", "m": "milli", "c": "centi", "d": "deci", "h": "hecto", "k": "kilo", "K": "kilo",
    "M": "mega", "G": "giga", "T": "tera", "P": "peta",
}  # fmt: skip
_UNITS = {
    "ft": ("foot", "feet"), "in.": ("inch", "inches"), "yd": ("yard", "yards"), "yds": ("yard", "yards"),
    "mi": ("mile", "miles"), "nmi": ("nautical mile", "nautical miles"), "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "fl oz": ("fluid ounce", "fluid ounces"),
    "fl. oz": ("fluid ounce", "fluid ounces"), "gal": ("gallon", "gallons"), "qt": ("quart", "quarts"),
    "pt": ("pint", "pints"), "pts": ("points", "points"), "tsp": ("teaspoon", "teaspoons"), "tsps": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"), "tbsps": ("tablespoon", "tablespoons"), "Tbsp": ("tablespoon", "tablespoons"),
    "cc": ("C C", "C Cs"), "ha": ("hectare", "hectares"), "t": ("ton", "tons"), "cal": ("calorie", "calories"),
    "kcal": ("kilocalorie", "kilocalories"), "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"), "rpm": ("R P M", "R P M"), "bpm": ("beat per minute", "beats per minute"),
    "fps": ("frame per second", "frames per second"), "dpi": ("dot per inch", "dots per inch"),
    "ppm": ("part per million", "parts per million"), "psi": ("P S I", "P S I"), "px": ("pixel", "pixels"),
    "MP": ("megapixel", "megapixels"), "dB": ("decibel", "decibels"), "hp": ("horsepower", "horsepower"),
    "kn": ("knot", "knots"), "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "h": ("hour", "hours"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "sec": ("second", "seconds"), "secs": ("second", "seconds"),
    "wk": ("week", "weeks"), "wks": ("week", "weeks"), "mo": ("month", "months"), "mos": ("month", "months"),
    "yr": ("year", "years"), "yrs": ("year", "years"), "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"), "sq mi": ("square mile", "square miles"),
    "sq m": ("square meter", "square meters"), "sq km": ("square kilometer", "square kilometers"),
    "cu ft": ("cubic foot", "cubic feet"), "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "° C": ("degree Celsius", "degrees Celsius"),
    "° F": ("degree Fahrenheit", "degrees Fahrenheit"), "° N": ("degree north", "degrees north"), "° S": ("degree south", "degrees south"), "° E": ("degree east", "degrees east"),
    "° W": ("degree west", "degrees west"), "°N": ("degree north", "degrees north"),
    "°S": ("degree south", "degrees south"), "°E": ("degree east", "degrees east"), "°W": ("degree west", "degrees west"),
    "°": ("degree", "degrees"), "amp": ("amp", "amps"), "mA": ("milliamp", "milliamps"), "kts": ("knot", "knots"),
    "mol": ("mole", "moles"), "atm": ("atmosphere", "atmospheres"), "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "pH": ("P H", "P H"), "kt": ("carat", "carats"), "¢": ("cent", "cents"), "ct": ("carat", "carats"),
    "doz": ("dozen", "dozen"), "pc": ("piece", "pieces"), "pcs": ("piece", "pieces"), "pp": ("pages", "pages"),
    "ppl": ("people", "people"), "lm": ("lumen", "lumens"), "lx": ("lux", "lux"), "Nm": ("newton meter", "newton meters"),
    "kgs": ("kilogram", "kilograms"), "kms": ("kilometer", "kilometers"), "mils": ("mil", "mils"), "u": ("unit", "units"),
}  # fmt: skip


def _units() -> dict[str, tuple[str, str]]:
    units = dict(_UNITS)
    for (symbol, name), prefixes in _PREFIXED.items():
        first, _, others = name.partition(" ")
        for prefix in ("", *prefixes.split()):
            long = _PREFIXES.get(prefix, "")
            several = f"{first}s {others}".strip() if others != "hour" else f"{first} hours"
            several = name if first == "hertz" else several
            units[prefix + symbol] = (f"{long}{name}", f"{long}{several}")
    for symbol in ("mm", "cm", "m", "km", "ft", "in", "mi", "yd"):
        one, several = units.get(symbol) or ("inch", "inches")
        for power, word in (("2", "square"), ("²", "square"), ("3", "cubic"), ("³", "cubic")):
            units[symbol + power] = (f"{word} {one}", f"{word} {several}")
    for symbol, below in (
        ("km", "h"), ("km", "hr"), ("km", "s"), ("m", "s"), ("m", "s²"), ("m", "min"), ("ft", "s"), ("L", "min"), ("l", "min"),
        ("mg", "dL"), ("mg", "kg"), ("mg", "L"), ("g", "L"), ("kg", "m³"), ("g", "cm³"), ("MB", "s"), ("GB", "s"), ("kB", "s"),
        ("W", "kg"), ("lb", "ft"), ("oz", "gal"), ("mi", "h"), ("beats", "min"), ("words", "min"), ("L", "km"), ("g", "km"),
    ):  # fmt: skip
        one, several = units.get(symbol) or (symbol[:-1], symbol)
        per = {"s²": "second squared", "hr": "hour"}.get(below) or units[below][0]
        units[f"{symbol}/{below}"] = (f"{one} per {per}", f"{several} per {per}")
    return units


UNITS = _units()
# Those that are words or letters of English as well, so that a space or a bare number must not make them units.
UNITS_ONLY_CLOSE = frozenset({"u", "t", "pp"})  # "5t", but not "5 t"
UNITS_ONLY_APART = frozenset({"s", "B", "d", "mil", "MP", "L", "W", "V", "N", "J"})  # "5 V", but not "5V" or "1990s"

# What stands behind a number over a slash: "$5/month", "3/day".
PERIODS = {
    "month": "month", "mo": "month", "year": "year", "yr": "year", "week": "week", "wk": "week", "day": "day",
    "hour": "hour", "hr": "hour", "h": "hour", "minute": "minute", "min": "minute", "second": "second", "sec": "second",
    "night": "night", "person": "person", "head": "head", "user": "user", "piece": "piece", "seat": "seat", "kg": "kilogram",
    "lb": "pound", "oz": "ounce", "g": "gram", "km": "kilometer", "mile": "mile", "gal": "gallon", "gallon": "gallon",
    "liter": "liter", "l": "liter", "L": "liter", "sq ft": "square foot", "share": "share", "page": "page", "word": "word",
    "each": "each", "pp": "person", "quarter": "quarter", "session": "session", "kWh": "kilowatt hour", "barrel": "barrel",
}  # fmt: skip

# --- the calendar ---------------------------------------------------------------------------------------------------

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTH_NAMES = {
    **{name: name for name in MONTHS}, **{name[:3]: name for name in MONTHS if name != "May"}, "Sept": "September",
}  # fmt: skip
WEEKDAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Weds": "Wednesday", "Thu": "Thursday",
    "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip

# --- people and places ----------------------------------------------------------------------------------------------

# Said so before a name (a capital) only.
TITLES = {
    "Mr": "mister", "Mrs": "missus", "Ms": "ms", "Mx": "mix", "Messrs": "messers", "Prof": "professor", "Gen": "general",
    "Sgt": "sergeant", "Capt": "captain", "Col": "colonel", "Lt": "lieutenant", "Maj": "major", "Cpl": "corporal",
    "Pvt": "private", "Adm": "admiral", "Cmdr": "commander", "Rev": "reverend", "Fr": "father", "Hon": "honorable",
    "Sen": "senator", "Rep": "representative", "Gov": "governor", "Pres": "president", "Supt": "superintendent",
    "Drs": "doctors", "Mt": "mount", "Ft": "fort", "Det": "detective", "Insp": "inspector", "Amb": "ambassador",
    "Sr": "sister", "Br": "brother", "Atty": "attorney", "Mme": "madame", "Mlle": "mademoiselle",
}  # fmt: skip
# Behind a name or a number.
STREETS = {
    "Ave": "avenue", "Av": "avenue", "Blvd": "boulevard", "Rd": "road", "Ln": "lane", "Hwy": "highway", "Pkwy": "parkway",
    "Sq": "square", "Ct": "court", "Pl": "place", "Ter": "terrace", "Cir": "circle", "Expy": "expressway", "Trl": "trail",
    "Bldg": "building", "Aly": "alley", "Plz": "plaza", "Xing": "crossing", "Rte": "route",
}  # fmt: skip
STREET_WORDS = (
    "Street", "Avenue", "Boulevard", "Road", "Lane", "Drive", "Court", "Place", "Square", "Way", "Highway", "Parkway",
    "Terrace", "Circle", "St", "Dr", *STREETS,
)  # fmt: skip
DIRECTIONS = {
    "N": "north", "S": "south", "E": "east", "W": "west", "NE": "northeast", "NW": "northwest", "SE": "southeast",
    "SW": "southwest",
}  # fmt: skip
SAINTS = frozenset(
    "Albans Andrew Andrews Anne Anthony Augustine Barnabas Bart Barts Bernard Catharines Catherine Clair Cloud Croix David "
    "Elizabeth Elmo Francis George Germain Helena Helens Ives James Joan John Johns Joseph Jude Kitts Lawrence Louis Lucia "
    "Lucie Luke Mark Martin Mary Matthew Michael Moritz Nicholas Nick Olaf Pancras Patrick Paul Pauls Peter Peters Petersburg "
    "Pierre Stephen Thomas Tropez Valentine Vincent".split()
)
# Behind "City, ".
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
    "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
    "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana",
    "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah",
    "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
    "DC": "D C",
}  # fmt: skip
# Names that bear a number in Roman numerals, said as an ordinal: "Henry the eighth".
RULERS = frozenset(
    "Albert Alexander Alfonso Alfred Amenhotep Anne Benedict Boniface Carl Catherine Charles Christian Clement Cleopatra "
    "Constantine Darius David Edward Elizabeth Eric Ferdinand Francis Franz Frederick Friedrich George Gregory Gustav Haakon "
    "Harald Harold Henri Henry Innocent Isabella Ivan James John Joseph Juan Julius Justinian Karl Leo Leopold Louis Margaret "
    "Mary Maximilian Mehmed Mohammed Murad Napoleon Nicholas Olaf Oscar Otto Paul Pedro Peter Philip Philippe Pius Ptolemy "
    "Ramesses Ramses Richard Robert Rudolf Seti Sigismund Sixtus Suleiman Theodore Thutmose Umberto Urban Valdemar Victor "
    "Vittorio Wilhelm Wilhelmina William Xerxes Zog".split()
)
# Before a number of Roman numerals, even of one letter, said as a cardinal: "chapter five".
NUMBERED = (
    "act appendix article battle book bowl canto case category chapter class division episode figure form grade group item "
    "lesson level mark option page part phase plan play psalm question round scene schedule season section sequel series "
    "stage step symphony table tier title type unit volume war zone apollo rocky saturn gemini"
).split()
# Before a number that is said in pairs of digits: "room one oh one".
PAIRED = (
    "room rooms suite apt apartment flight highway route bus building gate ext extension channel model boeing airbus "
    "interstate area-code unit ward cell platform section dorm hall locker cabin office terminal zone hwy rte ste rm"
).split()
EMERGENCY_BEFORE = ("call", "calls", "called", "calling", "dial", "dialed", "dialing", "ring", "text", "phone")

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
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "Dept": "department",
    "Inc": "incorporated", "Ltd": "limited", "Corp": "corporation", "Bros": "brothers", "Assn": "association",
    "Assoc": "associates", "Univ": "university", "Jr": "junior", "Sr": "senior", "Esq": "esquire", "govt": "government",
    "Govt": "government", "misc": "miscellaneous", "incl": "including", "excl": "excluding", "approx": "approximately",
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
    "AC ADA AI AM AMA APA API APR ARM ASA ATA ATM BA BBC BMI BS CAD CD CE CIA CO COB CPA CPR CSI CV DA DC DIY DJ DM DOA DOB "
    "DOE DOT ECG ED EDT EEG EMT ENT EP ER ESP EST ETA EU EV FA FAA FAQ FDA GDP GE GI GM GPA GPS GPU HBO HP HQ HR IBM ICU ID "
    "IE IL IMF IP IPA IPO IQ IRS ISO ISP IT IUD IV IVF JFK LA LED LP MA MBA MC MD MI MIT MP MPH MRI MS MTV MVP NBA NBC NCO "
    "NDA NFL NGO NHL NHS NPR NRA NSA NSW NY NYC OBE ODI OECD OS OT PA PC PE PG PI PM PMS POV POW PR PS PT PTA PVC QA RAF RBI "
    "REM RN RNA RPG RV SAS SE SEC SOS SUV TA TB TD TED TGI TLC TNT TV UFO UK UN UPS URL US USA USB VA VIP VR WTO XL XML SQL ASAP BCE".split()
) - {"TED", "REM", "SAS", "SEC", "ARM", "DOT", "DOE", "COB", "ED"}  # fmt: skip
# In a text without small letters these are the words of everyday.
WORDS_WHEN_SHOUTED = frozenset("AM IT US ADA APR BA CAD DA LA LED MA MI PA PI UN ID ETA OS PER SE MS".split())
LONGEST_INITIALISM = 5
# Words of the language in capitals, where a spelled name has the same letters: spelled after "the" and its like.
SPELLED_AFTER_ARTICLE = frozenset({"WHO", "ARM", "DOT", "DOE", "SEC", "AA", "EPA", "ACT", "RAM"}) - {"RAM", "ACT"}
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
    for word in (
        "aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mustn't needn't shouldn't wasn't weren't "
        "won't wouldn't ain't shan't mightn't i'm i've you're you've you'll you'd they're they've they'll they'd he's she's "
        "that's that'll what's where's who's there's here's how's it'll we've let's y'all o'clock ma'am could've should've "
        "would've might've must've everyone's somebody's nobody's"
    ).split()
    if word not in ("let's", "he's", "where's")
}
WITHOUT_APOSTROPHE |= {"lets": "lets", "hes": "he's", "wheres": "where's", "oclock": "o'clock", "yall": "y'all"}
# "ill see", "id like", "well see": only before these
AUXILIARY_BEFORE = {"ill": "i'll", "id": "i'd"}
AFTER_AUXILIARY = (
    "be see go do take call get have never just always try tell give make let show find ask wait come say like love rather "
    "prefer bet hate say need want know think help keep meet send write not also probably still"
).split()

# --- stage directions -----------------------------------------------------------------------------------------------

DIRECTION_WORDS = (
    "applause aside beat bleep breathes breathing chuckle chuckles chuckling clears coughs coughing cries crying exhales gasp "
    "gasps gasping giggle giggles giggling groan groans groaning grins growls hums humming inaudible inhales indistinct "
    "laugh laughs laughing laughter moans mumbles murmurs music mutters nods off-camera off-screen offscreen offstage panting "
    "pants pause pauses pausing quietly screams screaming shouting shouts shrugs sigh sighing sighs silence singing sings "
    "smiles smiling snaps sniffles sniffs snorts sobbing sobs softly squeals stutters voiceover v.o. o.s. o.c. cont'd "
    "contd continued wheezes whimpers whispering whispers winks whistles whistling yawns yelling yells yawning sarcastically "
    "angrily sadly happily excitedly nervously loudly crosstalk foreign unintelligible static phone rings door"
).split()
NOT_SPEAKERS = frozenset(
    "WARNING NOTE CAUTION TIP PS P.S UPDATE BREAKING DANGER ALERT IMPORTANT NOTICE REMINDER FYI TODO RE FW FAQ Q A QUESTION "
    "ANSWER STEP".split()
)

# --- symbols --------------------------------------------------------------------------------------------------------

SYMBOLS = {
    "&": "and", "%": "percent", "‰": "per mille", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by",
    "±": "plus or minus", "≈": "is about", "≠": "is not equal to", "≤": "is at most", "≥": "is at least", "√": "the square root of",
    "∞": "infinity", "§": "section", "¶": "paragraph", "©": "copyright", "→": "to", "⇒": "implies", "№": "number", "¢": "cents",
    "°": "degrees", "∑": "the sum of", "∫": "the integral of", "∂": "partial", "∈": "in", "∩": "and", "∪": "or", "¬": "not",
    "$": "dollars", "£": "pounds", "€": "euros", "¥": "yen", "₹": "rupees",
}  # fmt: skip
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "gamma", "Δ": "delta", "Θ": "theta", "Λ": "lambda", "Π": "pi", "Σ": "sigma", "Φ": "phi",
    "Ψ": "psi", "Ω": "omega",
}  # fmt: skip
VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5),
    "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
TOP_DOMAINS = (
    "com org net edu gov io ai co uk us ca de fr es it eu ly me tv app dev info biz xyz au nz in jp cn ru br ch nl se no"
).split()
FILE_ENDINGS = (
    "pdf txt doc docx xls xlsx csv ppt pptx jpg jpeg png gif svg mp3 mp4 wav mov avi mkv zip exe html css js ts py json xml yaml "
    "md toml log sh psd"
).split()
