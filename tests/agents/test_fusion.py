"""Merging several rankings into one."""

from agents.knowledge.fusion import DAMPING, fused


def test_what_two_rankings_have_stands_above_the_first_of_one() -> None:
    assert fused(["a", "b", "c"], ["d", "c"]) == ["c", "a", "d", "b"]


def test_of_equals_the_earlier_ranking_comes_first() -> None:
    assert fused(["a"], ["b"]) == ["a", "b"]
    assert fused(["b"], ["a"]) == ["b", "a"]


def test_a_single_ranking_stays_as_it_is() -> None:
    assert fused(["c", "a", "b"], []) == ["c", "a", "b"]
    assert fused([], []) == []


def test_low_in_two_is_no_more_than_high_in_two() -> None:
    far_down = [str(number) for number in range(DAMPING)]
    assert fused(["a", *far_down, "b"], ["a", *far_down, "b"])[0] == "a"
