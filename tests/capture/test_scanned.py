"""What a badge and a wristband say, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.scanned import BadgeRule, PatientCheck, parse_badge, parse_patient

GSRN = "735005385000000011"
DIGITS = st.text("0123456789", min_size=9, max_size=9)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("71940355", "71940355"),
        (" 71940355\r\n", "71940355"),
        ("71940355^^^WARD&1.2.3&ISO^MR", "71940355"),
        ("]C191AB-12", "AB-12"),
        ("\x1d91AB-12\x1d92", None),
        ("(91)AB-12", "AB-12"),
        ("(8018)" + GSRN, GSRN),
        ("\x1d8018" + GSRN + "91AB-12", GSRN),
        ("]d28018" + GSRN, GSRN),
        ("(8018)735005385000000012", None),
        ("(8018)" + GSRN[:-1], None),
        ("(91)A(91)B", None),
        ("(91)A(92)B", None),
        ("(10)LOT", None),
        ("\x1d10LOT", None),
        ("", None),
        ("a\x00b", None),
        ("x" * 65, None),
    ],
)
def test_a_wristband_names_one_patient_or_is_refused(text, reference):
    if reference is None:
        with pytest.raises(ValueError, match=r"scan"):
            parse_patient(text, PatientCheck.NONE)
    else:
        assert parse_patient(text, PatientCheck.NONE) == reference


@pytest.mark.parametrize(
    "text", ["943 476 5919", "943-476-5919", "9434765919", "(91)9434765919", "9434765919^^^NHS^NH"]
)
def test_an_nhs_number_comes_back_as_ten_digits_however_it_is_written(text):
    assert parse_patient(text, PatientCheck.NHS) == "9434765919"


@given(DIGITS)
def test_of_ten_last_digits_at_most_one_is_an_nhs_numbers(nine):
    def taken(last: int) -> bool:
        try:
            return bool(parse_patient(f"{nine}{last}", PatientCheck.NHS))
        except ValueError:
            return False

    total = sum(int(digit) * (10 - place) for place, digit in enumerate(nine))
    fitting = [last for last in range(10) if (total + last) % 11 == 0]
    assert [last for last in range(10) if taken(last)] == fitting


@given(st.integers(0, 8), st.integers(1, 9))
def test_one_mistyped_digit_of_an_nhs_number_is_always_refused(place, change):
    digits = [int(digit) for digit in "9434765919"]
    digits[place] = (digits[place] + change) % 10
    with pytest.raises(ValueError, match="check digit is wrong"):
        parse_patient("".join(map(str, digits)), PatientCheck.NHS)


@given(st.text(min_size=8).map(lambda text: f"{text}\x00Q"), st.sampled_from(PatientCheck))
def test_a_refusal_never_repeats_what_was_read(text, check):
    with pytest.raises(ValueError, match=r"scan") as refused:
        parse_patient(text.replace("^", ""), check)
    assert "\x00" not in str(refused.value)
    assert refused.value.__context__ is None


@given(st.text(), st.sampled_from(PatientCheck))
def test_what_is_taken_for_a_reference_can_be_shown_and_reads_as_a_whole_line(text, check):
    try:
        reference = parse_patient(text, check)
    except ValueError:
        return
    assert 1 <= len(reference) <= 64
    assert reference == reference.strip()
    assert reference.isprintable()


@pytest.mark.parametrize(
    ("text", "rule", "badge"),
    [
        ("4711\r\n", BadgeRule(), "4711"),
        ("STAFF-4711", BadgeRule("STAFF-", 4), "4711"),
        ("4711", BadgeRule("STAFF-"), None),
        ("STAFF-47110", BadgeRule("STAFF-", 4), None),
        ("two words", BadgeRule(), None),
        ("", BadgeRule(), None),
    ],
)
def test_a_badge_is_as_the_site_says_or_is_refused(text, rule, badge):
    if badge is None:
        with pytest.raises(ValueError, match="not a badge of this hospital"):
            parse_badge(text, rule)
    else:
        assert parse_badge(text, rule) == badge


@pytest.mark.parametrize("length", [0, 65, -1])
def test_a_badge_rule_without_a_possible_badge_is_refused(length):
    with pytest.raises(ValueError, match="1 to 64"):
        BadgeRule(length=length)
