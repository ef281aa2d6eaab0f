"""Demo data: an unlimited invite, the catalogue, a season, achievements, events. Safe to run again."""

from __future__ import annotations

from ccops.backend import administrator
from ccops.backend.core.config import settings

_INVITE = """
INSERT INTO invite_codes (code) VALUES (%s) ON CONFLICT DO NOTHING
"""
_DEMO = """
INSERT INTO battle_pass_seasons (id, title) VALUES ('S1', 'First season') ON CONFLICT (id) DO NOTHING;
INSERT INTO products (id, title, kind, price_gold, season) VALUES
  ('BATTLE_PASS_S1', 'Battle pass, first season', 'battle_pass', 500, 'S1')
ON CONFLICT (id) DO NOTHING;
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
INSERT INTO products (id, title, kind, price_gold, price_cents, gold_amount) VALUES
  ('FOUNDERS_CHEST', 'Founder''s chest',    'limited', 300, NULL,    0),
  ('LAST_TICKET',    'The last ticket',     'limited', 100, NULL,    0),
  ('VAULT_5000',     'The vault',           'limited', NULL, 1999, 5000)
ON CONFLICT (id) DO NOTHING;
INSERT INTO limited_packages (id, product_id, stock_total, per_user_limit, hold_s, starts_at, ends_at) VALUES
  ('FOUNDERS_CHEST', 'FOUNDERS_CHEST', 100000, 1, NULL, now(), NULL),
  ('VAULT_5000',     'VAULT_5000',     100000, 2, NULL, now(), NULL),
  -- One piece, held for two seconds: what a scenario can watch expire. Nobody should buy it.
  ('LAST_TICKET',    'LAST_TICKET',         1, 1,    2, now(), NULL),
  ('TOMORROWS_BOX',  'FOUNDERS_CHEST',    100, 1, NULL, timestamptz '2099-01-01 00:00Z', NULL),
  ('YESTERDAYS_BOX', 'FOUNDERS_CHEST',    100, 1, NULL, timestamptz '2020-01-01 00:00Z',
                                                        timestamptz '2020-02-01 00:00Z')
ON CONFLICT (id) DO NOTHING;
INSERT INTO promo_codes (code, gold, max_uses, expires_at) VALUES
  ('WELCOME100',   100, NULL,   NULL),
  ('EARLY_BIRD',   250, 100000, NULL),
  ('TOO_LATE',     500, 0,      NULL),
  ('LAST_YEAR',    500, NULL,   timestamptz '2020-01-01 00:00Z')
ON CONFLICT (code) DO NOTHING;
"""


def load(kind: str) -> str:
    """Load the seed `kind` (`none`: only what the settings name); returns what the administrator became."""
    import psycopg

    with psycopg.connect(settings.database_url, connect_timeout=10) as conn:
        if settings.unlimited_invite_code:
            conn.execute(_INVITE, (settings.unlimited_invite_code,))
        if kind == "demo":
            conn.execute(_DEMO)
        return administrator.keep(conn)
