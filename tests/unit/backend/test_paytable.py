"""Every table states its exact return, and a table whose figures disagree stops the start."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from ccops.backend.rules import RulesInvalid, load, paytables
from ccops.backend.rules.paytables import Table
from ccops.backend.rules.reader import read

GAMES = ("slot", "gacha", "rps", "crash")
Change = Callable[[dict], object]


def table(game: str) -> Table:
    return getattr(paytables(), game)


@pytest.mark.parametrize("game", GAMES)
def test_chances_add_up_to_one_and_give_the_stated_return(game: str) -> None:
    returned = sum((chance * pays for chance, pays in table(game).chances()), Fraction(0))

    assert returned == table(game).rtp
    assert Fraction(3, 4) <= returned < 1
    if game != "crash":  # its line is the return itself; tests/unit/backend/test_crash_point.py enumerates it
        assert sum((chance for chance, _ in table(game).chances()), Fraction(0)) == 1


@pytest.mark.parametrize(
    ("bet", "taken"), [(0, False), (9, False), (10, True), (15, False), (1_000, True), (1_010, False)]
)
def test_bets_are_limited_and_stepped(bet: int, taken: bool) -> None:
    assert paytables().rps.takes(bet) is taken


def test_every_whole_bet_of_rps_pays_whole_gold() -> None:
    rps = paytables().rps

    assert all(
        bet * x100 % 100 == 0 for bet in range(10, 1_001, 10) for x100 in (rps.win_x100, rps.draw_x100)
    )


BAD: list[tuple[str, Change, str]] = [
    ("wrong rtp", lambda t: t["slot"].update(rtp="0.9"), "rtp says 0.9, its figures give 0.872728"),
    ("yaml float", lambda t: t["gacha"].update(rtp=0.92), 'quoted decimal or fraction such as "0.92"'),
    ("nonsense rtp", lambda t: t["gacha"].update(rtp="1/0"), "quoted decimal or fraction"),
    ("zero weight", lambda t: t["slot"].update(weights=[40, 30, 16, 10, 0]), "slot.weights[4]"),
    ("missing weight", lambda t: t["slot"].update(weights=[40, 30, 16, 10]), "each symbol needs one weight"),
    ("unknown symbol", lambda t: t["slot"]["pays"].update(PLUM=1), "pays must list exactly the symbols"),
    ("negative pay", lambda t: t["gacha"]["prizes"]["RARE"].update(pays=-1), "gacha.prizes.RARE.pays"),
    ("limits", lambda t: t["rps"].update(min_bet=2_000), "must be in order and multiples of bet_step"),
    ("fractions of gold", lambda t: t["rps"].update(bet_step=5), "must make every payout whole gold"),
    (
        "player's edge",
        lambda t: t["gacha"]["prizes"]["RARE"].update(pays=3) or t["gacha"].update(rtp="1.14"),
        "must be at least 0.75 and below 1",
    ),
    ("edge", lambda t: t["crash"].update(edge_bp=500, rtp="0.95"), "crash.edge_bp"),
    ("typo", lambda t: t["crash"].update(grwoth=1), "crash.grwoth"),
    ("game missing", lambda t: t.pop("rps"), "rps"),
]


@pytest.mark.parametrize(("change", "said"), [pytest.param(c, s, id=name) for name, c, s in BAD])
def test_a_bad_table_is_refused_and_the_place_is_named(change: Change, said: str, tmp_path: Path) -> None:
    raw = deepcopy(load("paytables"))
    change(raw)
    (tmp_path / "paytables.yml").write_text(yaml.safe_dump(raw), encoding="utf-8")

    with pytest.raises(RulesInvalid) as refused:
        read("paytables", tmp_path)
    assert str(refused.value).startswith("paytables.yml: ")
    assert said in str(refused.value)
