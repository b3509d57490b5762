from __future__ import annotations

import math
from decimal import Decimal

import pytest

from seeder.catalog.formats.scalars import Surprise, plain
from seeder.merge.model import Text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_has_five_forms(text):
    assert plain(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("0", 0),
        ("-7", -7),
        ("12345678901234567890", 12345678901234567890),
        ("viewer", "viewer"),
        ("tRUE", "tRUE"),
        ("1.2.3", "1.2.3"),
        ("10.0.0.1", "10.0.0.1"),
        ("1,000", "1,000"),
        ("-", "-"),
        (".", "."),
        ("...", "..."),
        ("2 apples", "2 apples"),
        ("+49 151", "+49 151"),
    ],
)
def test_plain_values_are_what_they_look_like(text, value):
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["1.10", "-0.5", ".5", "1.", "1.0e5", "3.1e-7", "0.1000000000000000055"]
)
def test_decimals_keep_every_digit(text):
    assert plain(text) == Decimal(text)
    assert str(plain(text)) == str(Decimal(text))


@pytest.mark.parametrize("text", ["2026-11-01", "2026-11-01T10:00:00Z", "2026-11-01 10:00:00.5+02"])
def test_dates_stay_text_for_postgres(text):
    assert plain(text) == text
    assert type(plain(text)) is Text


def test_infinity_and_nan_are_floats():
    assert plain(".inf") == math.inf
    assert plain("-.Inf") == -math.inf
    assert math.isnan(plain(".nan"))


@pytest.mark.parametrize("text", ["yes", "No", "NO", "on", "OFF", "y", "N"])
def test_switch_words_are_refused(text):
    with pytest.raises(Surprise) as caught:
        plain(text)
    assert (
        caught.value.message == f"`{text}` is true or false to some YAML readers and text to others"
    )
    assert f'"{text}"' in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("010", "octal"),
        ("007", "octal"),
        ("01.5", "octal"),
        ("0o17", "number to some YAML readers"),
        ("0x1F", "number to some YAML readers"),
        ("0b11", "number to some YAML readers"),
        ("1_000", "number to some YAML readers"),
        ("1:30", "base 60"),
        ("08:30", "base 60"),
        ("190:20:30", "base 60"),
        ("+49151123", "lose its plus sign"),
        ("1e5", "number to some YAML readers"),
        ("9" * 5000, "digits"),
        ("1.0e999999999", "Postgres cannot hold"),
        ("1.0e-99999999999999999999", "Postgres cannot hold"),
    ],
)
def test_numbers_that_readers_disagree_about_are_refused(text, words):
    with pytest.raises(Surprise) as caught:
        plain(text)
    assert words in caught.value.message


def test_the_remedy_for_an_octal_number_names_both_readings():
    with pytest.raises(Surprise) as caught:
        plain("010")
    assert caught.value.remedy == 'Write "010" for the text, or 10 for the number.'
