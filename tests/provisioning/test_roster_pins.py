"""PINs: hashed with their own salt, checked in the same time whether or not the badge is known."""

from __future__ import annotations

import pytest

from provisioning import roster
from provisioning.errors import NotAccepted
from provisioning.roster import Clinician, Role, enlist, hash_pin, verify_pin


def test_the_right_badge_and_pin_give_the_clinician():
    ada, bob = enlist("n-1", "Ada", "clinician", "4711"), enlist("p-2", "Bob", "ward-lead", "081500")
    assert verify_pin([ada, bob], "p-2", "081500") == bob
    assert bob.role is Role.WARD_LEAD


@pytest.mark.parametrize(("badge", "pin"), [("n-1", "4712"), ("n-2", "4711"), ("", ""), ("n-1", ""), ("N-1", "4711")])
def test_anything_else_gives_nobody(badge, pin):
    assert verify_pin([enlist("n-1", "Ada", "clinician", "4711")], badge, pin) is None


def test_the_pin_is_not_in_its_hash_and_two_hashes_of_it_differ():
    first, second = hash_pin("4711"), hash_pin("4711")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "4711" not in repr(enlist("n-1", "Ada", "clinician", "4711"))


def test_an_unknown_badge_costs_as_much_as_a_wrong_pin(monkeypatch):
    asked = []

    class Counting:
        def verify(self, pin_hash: str, pin: str) -> bool:
            asked.append(pin_hash.rpartition("$")[0].rpartition("$")[0])
            return real.verify(pin_hash, pin)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    real = roster._HASHER
    monkeypatch.setattr(roster, "_HASHER", Counting())
    known = [enlist("n-1", "Ada", "clinician", "4711")]
    verify_pin(known, "n-1", "0000")
    verify_pin(known, "nobody", "0000")
    assert len(asked) == 2
    assert asked[0] == asked[1]


@pytest.mark.parametrize("pin", ["", "123", "1" * 13, "12a4", "१२३४", " 1234"])
def test_a_pin_that_is_not_4_to_12_digits_is_refused(pin):
    with pytest.raises(NotAccepted, match="4 to 12 digits"):
        hash_pin(pin)


@pytest.mark.parametrize(
    ("badge", "name", "pin_hash"),
    [
        ("", "Ada", None),
        ("a b", "Ada", None),
        ("n-1", "", None),
        ("n-1", "A\u202eda", None),
        ("n-1", " Ada", None),
        ("n-1", "Ada", "$argon2i$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"),
        ("n-1", "Ada", "$argon2id$v=19$m=9999999,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"),
    ],
)
def test_a_clinician_that_exists_is_legal(badge, name, pin_hash):
    with pytest.raises(ValueError, match=r"badge|name|PIN"):
        Clinician(badge, name, Role.CLINICIAN, pin_hash or hash_pin("1234"))
