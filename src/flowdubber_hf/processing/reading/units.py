"""What the rules know of money, units and the symbols of numbers."""

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
    ("b", "bit"): "k K M G",
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
    del units["b"]  # a letter, where it stands alone
    for symbol in ("mm", "cm", "m", "km", "ft", "in", "mi", "yd"):
        one, several = units.get(symbol) or ("inch", "inches")
        for power, word in (("2", "square"), ("²", "square"), ("3", "cubic"), ("³", "cubic")):
            units[symbol + power] = (f"{word} {one}", f"{word} {several}")
    for symbol, below in (
        ("km", "h"), ("km", "hr"), ("km", "s"), ("m", "s"), ("m", "s²"), ("m", "min"), ("ft", "s"), ("L", "min"), ("l", "min"),
        ("mg", "dL"), ("mg", "kg"), ("mg", "L"), ("g", "L"), ("kg", "m³"), ("g", "cm³"), ("MB", "s"), ("Mb", "s"), ("Gb", "s"), ("GB", "s"), ("kB", "s"),
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

# --- symbols --------------------------------------------------------------------------------------------------------

SYMBOLS = {
    "&": "and", "%": "percent", "‰": "per mille", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by",
    "±": "plus or minus", "≈": "is about", "≠": "is not equal to", "≤": "is at most", "≥": "is at least", "√": "the square root of",
    "∞": "infinity", "§": "section", "¶": "paragraph", "©": "copyright", "→": "to", "⇒": "implies", "№": "number", "¢": "cents",
    "°": "degrees", "∑": "the sum of", "∫": "the integral of", "∂": "partial", "∈": "in", "∩": "and", "∪": "or", "¬": "not",

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
