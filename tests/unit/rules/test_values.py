"""The grammar of values: what is read, what is refused, and that what is written reads back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.rules.values import (
    BadValue,
    Kind,
    canonical,
    format_duration,
    parse_duration,
    parse_value,
)

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
# Each with a near miss that is read.
REFUSED = {
    "1_000": "1000", "NaN": "0", "nan": "0", "inf": "1e3", "+Inf": "20", "２０": "20", "٢٠": "20",
    "20\u00a0": "20 ", "20\u2009": "20\t", "1,000": "1000", "0,5": "0.5", "98%": "98", "abc": "1", "": "0",
    "true": "1", "None": "0", "020": "20", "-020": "-20", "00": "0", "0x14": "20", "1e400": "1e299",
    "1e-400": "1e-299", "--5": "-5", "+5": "5", "5.": "5.0", ".5": "0.5", "1e": "1e1", "1e1.5": "1e1",
    "12:30": "12", "20 # prod: 30": "20", "${ALERT_X}": "7", "$X": "7", "20 or vector(1)": "20",
    "20\n  - alert: X": "20", "20\r\r\r": "20\r", "2 0": "20", "'20'": "20", "1/2": "0.5", "²": "2",
    "½": "0.5",
    "1" * 65: "1" * 64, "-": "-1", "e5": "1e5", "0b1": "1", "0o7": "7", "1e99999999999": "1e9",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_another_parser_would_take_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_value(text, Kind.NUMBER)


@pytest.mark.parametrize("text", REFUSED.values())
def test_its_near_miss_is_read(text: str) -> None:
    assert parse_value(text, Kind.NUMBER).is_finite()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("020", "octal"),
        ("20 # x", "comment"),
        ("${A}", "not expanded"),
        ("1,000", "separators"),
        ("98%", "percent sign"),
        ("２０", "ASCII"),
    ],
)
def test_the_reason_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        parse_value(text, Kind.INT)


@pytest.mark.parametrize(("text", "kind"), [("2.9", Kind.INT), ("1e-1", Kind.INT), ("100.1", Kind.PERCENT)])
def test_a_value_must_be_of_its_kind(text: str, kind: Kind) -> None:
    with pytest.raises(BadValue):
        parse_value(text, kind)


def test_whole_numbers_may_be_written_as_people_do() -> None:
    read = {parse_value(text, Kind.INT) for text in ("20", "2e1", "20.0", " 20 ", "20\r")}

    assert read == {Decimal(20)}


def test_bounds_are_inclusive() -> None:
    low, high = Decimal(1), Decimal(5)

    assert parse_value("1", Kind.INT, low, high) == low
    assert parse_value("5", Kind.INT, low, high) == high
    for text in ("0", "6"):
        with pytest.raises(BadValue):
            parse_value(text, Kind.INT, low, high)


@given(NUMBERS)
def test_what_is_written_reads_back(value: Decimal) -> None:
    text = canonical(value)

    assert parse_value(text, Kind.NUMBER) == value
    assert "e" not in text.lower()
    assert canonical(parse_value(text, Kind.NUMBER)) == text


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_and_never_misread(text: str) -> None:
    try:
        value = parse_value(text, Kind.NUMBER)
    except BadValue:
        return
    # What is read is what every other reader of plain decimal notation sees.
    assert float(canonical(value)) == float(text)


@given(st.text(alphabet="0123456789.eE+-_, #%", max_size=8))
def test_texts_near_numbers_are_never_misread(text: str) -> None:
    test_any_text_is_read_or_refused_and_never_misread.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@given(st.integers(min_value=0, max_value=10**11))
def test_durations_read_back(milliseconds: int) -> None:
    seconds = Decimal(milliseconds) / 1000

    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["5min", "300", "-5m", "1h30", "1.5h", "30m1h", "", "m", "5 m", "05m", "5m5m", "５m", "1h\n"]
)
def test_what_is_no_duration_of_prometheus_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("1h30m", 5400), ("90s", 90), ("1d", 86400), ("0", 0), ("0s", 0)]
)
def test_durations_are_seconds(text: str, seconds: int) -> None:
    assert parse_value(text, Kind.DURATION) == seconds
