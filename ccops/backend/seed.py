"""Demo data: an unlimited invite, the catalogue, achievements, a running event. Safe to run again."""

from __future__ import annotations

from ccops.backend.core.config import settings

_INVITE = """
INSERT INTO invite_codes (code) VALUES (%s) ON CONFLICT DO NOTHING
"""
_DEMO = """
INSERT INTO products (id, title, kind, price_gold, price_cents, gold_amount, adult_only) VALUES
  ('LUCKY_CHARM',  'Lucky charm',      'item',      200, NULL,    0, false),
  ('GOLDEN_FRAME', 'Golden frame',     'item',      900, NULL,    0, false),
  ('NIGHT_LOUNGE', 'Night lounge key', 'item',      500, NULL,    0, true),
  ('GOLD_1000',    '1,000 gold',       'gold_pack', NULL, 999, 1000, false),
  ('GOLD_5000',    '5,000 gold',       'gold_pack', NULL, 3999, 5000, false)
ON CONFLICT (id) DO NOTHING;
INSERT INTO achievements (code, title, metric, threshold, reward_gold) VALUES
  ('FIRST_STREAK',   'First streak claim',   'streak_claims', 1, 50),
  ('WEEK_STREAK',    'Seven streak claims',  'streak_claims', 7, 500),
  ('FIRST_SPIN',     'First spin',           'slot_spins',    1, 20),
  ('HUNDRED_SPINS',  'A hundred spins',      'slot_spins',  100, 1000),
  ('FIRST_PURCHASE', 'First purchase',       'purchases',     1, 100),
  ('FIRST_EVENT',    'First event finished', 'event_claims',  1, 100)
ON CONFLICT (code) DO NOTHING;
INSERT INTO game_events (id, title, kind, goal, reward_gold) VALUES
  ('WELCOME', 'Welcome event', 'collect', 100, 250),
  ('MARATHON', 'Marathon', 'collect', 100000, 5000)
ON CONFLICT (id) DO NOTHING;
"""


def load(kind: str) -> None:
    """Load the seed `kind` (`none` only makes the configured invite code usable)."""
    import psycopg

    with psycopg.connect(settings.database_url, connect_timeout=10) as conn:
        if settings.unlimited_invite_code:
            conn.execute(_INVITE, (settings.unlimited_invite_code,))
        if kind == "demo":
            conn.execute(_DEMO)
