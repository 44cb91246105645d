"""The languages in which people are told things; the program's own pages are English."""

from enum import StrEnum


class Language(StrEnum):
    """Of the messages to one person. Who has chosen none, and rooms that many read, are told in English."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"
    FRENCH = "fr"


LANGUAGES = {
    Language.ENGLISH: "English",
    Language.GERMAN: "Deutsch",
    Language.SPANISH: "Español",
    Language.FRENCH: "Français",
}
