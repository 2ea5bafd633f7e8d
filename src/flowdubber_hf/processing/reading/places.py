"""What the rules know of the calendar, people and places."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


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
    _words(
        "Albans Andrew Andrews Anne Anthony Augustine Barnabas Bart Barts Bernard Catharines Catherine Clair Cloud "
        "Croix David Elizabeth Elmo Francis George Germain Helena Helens Ives James Joan John Johns Joseph Jude "
        "Kitts Lawrence Louis Lucia Lucie Luke Mark Martin Mary Matthew Michael Moritz Nicholas Nick Olaf Pancras "
        "Patrick Paul Pauls Peter Peters Petersburg Pierre Stephen Thomas Tropez Valentine Vincent"
    )
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
    _words(
        "Albert Alexander Alfonso Alfred Amenhotep Anne Benedict Boniface Carl Catherine Charles Christian Clement "
        "Cleopatra Constantine Darius David Edward Elizabeth Eric Ferdinand Francis Franz Frederick Friedrich "
        "George Gregory Gustav Haakon Harald Harold Henri Henry Innocent Isabella Ivan James John Joseph Juan "
        "Julius Justinian Karl Leo Leopold Louis Margaret Mary Maximilian Mehmed Mohammed Murad Napoleon Nicholas "
        "Olaf Oscar Otto Paul Pedro Peter Philip Philippe Pius Ptolemy Ramesses Ramses Richard Robert Rudolf Seti "
        "Sigismund Sixtus Suleiman Theodore Thutmose Umberto Urban Valdemar Victor Vittorio Wilhelm Wilhelmina "
        "William Xerxes Zog"
    )
)
# Before a number of Roman numerals, even of one letter, said as a cardinal: "chapter five".
NUMBERED = _words(
    "act appendix article battle book bowl canto case category chapter class division episode figure form grade "
    "group item lesson level mark option page part phase plan play psalm question round scene schedule season "
    "section sequel series stage step symphony table tier title type unit volume war zone apollo rocky saturn "
    "gemini"
)
# Before a number that is said in pairs of digits: "room one oh one".
PAIRED = _words(
    "room rooms suite apt apartment flight highway route bus building gate ext extension channel model boeing "
    "airbus interstate area-code unit ward cell platform section dorm hall locker cabin office terminal zone "
    "hwy rte ste rm"
)
EMERGENCY_BEFORE = ("call", "calls", "called", "calling", "dial", "dialed", "dialing", "ring", "text", "phone")
