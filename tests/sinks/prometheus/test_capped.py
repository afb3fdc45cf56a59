"""Places are handed out once, to so many, and kept."""

from __future__ import annotations

from sinks.prometheus.capped import Capped


def test_the_first_tenants_have_a_name_and_keep_it() -> None:
    capped = Capped(tenants=2)
    assert [capped.tenant(name) for name in ("a", "b", "c", "a", "b", "c")] == ["a", "b", "other", "a", "b", "other"]


def test_the_first_values_of_each_dimension_have_a_name() -> None:
    capped = Capped(values=1)
    asked = [("team", "x"), ("team", "y"), ("channel", "y"), ("team", "x"), ("team", "")]
    assert [capped.value("a", *each)[1] for each in asked] == ["x", "other", "y", "x", ""]
    assert capped.value("b", "team", "y") == ("b", "y")


def test_behind_the_cap_nothing_is_kept_of_a_tenant() -> None:
    capped = Capped(tenants=1)
    capped.tenant("a")
    assert [capped.value(f"late{n}", "team", f"x{n}") for n in range(100)] == [("other", "other")] * 100
    assert capped.value("late", "team", "") == ("other", "")
    assert list(capped._places) == ["a"]


def test_who_only_asks_gets_no_place() -> None:
    capped = Capped(tenants=1, values=1)
    assert capped.value("a", "team", "x", take=False) == ("other", "other")
    assert capped.value("b", "team", "y") == ("b", "y")
    assert capped.value("b", "team", "x", take=False) == ("b", "other")


def test_no_name_takes_no_place() -> None:
    capped = Capped(tenants=1)
    assert [capped.tenant(name) for name in ("", "a", "")] == ["", "a", ""]
