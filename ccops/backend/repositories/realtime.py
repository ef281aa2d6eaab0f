"""SQL of the initial state: one round trip, one snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from ccops.backend.db import Connection

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# $1 user, $2 the calendar day before today: a streak that ends earlier is over.
_STATE = """
SELECT json_build_object(
    'profile', json_build_object('user_id', u.id, 'public_id', u.public_id, 'nickname', u.nickname,
        'rank', u.rank, 'level', u.level, 'exp', u.exp, 'age_verified', u.age_verified_at IS NOT NULL),
    'gold_balance', w.gold,
    'wallet_version', w.version,
    'streaks', coalesce((SELECT json_agg(json_build_object('action_type', s.action_type,
            'streak_count', CASE WHEN s.last_claim_day >= $2::date THEN s.current ELSE 0 END,
            'longest', s.longest, 'last_claim_day', s.last_claim_day)
            ORDER BY s.action_type)
        FROM user_streaks s WHERE s.user_id = u.id), '[]'::json),
    'achievements', coalesce((SELECT json_agg(json_build_object('achievement_code', a.code,
            'progress', a.progress, 'unlocked', a.unlocked_at IS NOT NULL,
            'claimed', a.claimed_at IS NOT NULL) ORDER BY a.code)
        FROM user_achievements a WHERE a.user_id = u.id), '[]'::json),
    'stats', coalesce((SELECT json_agg(json_build_object('game_type', g.game, 'plays', g.plays,
            'wins', g.wins, 'losses', g.losses, 'wagered', g.wagered, 'paid', g.paid) ORDER BY g.game)
        FROM game_stats g WHERE g.user_id = u.id), '[]'::json),
    'recent_actions', coalesce((SELECT json_agg(json_build_object('event_id', r.event_id,
            'action_type', r.action_type, 'context', r.context, 'server_ts', r.created_at)
            ORDER BY r.created_at DESC, r.id DESC)
        FROM (SELECT * FROM user_actions WHERE user_id = u.id
              ORDER BY created_at DESC, id DESC LIMIT 20) r), '[]'::json)
) AS state
FROM users u JOIN wallets w ON w.user_id = u.id WHERE u.id = $1 AND u.is_active
"""

# Sessions whose refresh tokens were revoked, and all those of accounts that were closed.
_CLOSED = """
SELECT DISTINCT t.family_id::text AS family FROM refresh_tokens t JOIN users u ON u.id = t.user_id
 WHERE t.family_id = ANY($1::uuid[]) AND (t.revoked_at IS NOT NULL OR NOT u.is_active)
"""


async def initial_state(conn: Connection, user_id: int, *, before: date) -> Mapping[str, object] | None:
    """Return what a client needs to draw its screen; None when there is no such active user."""
    found = await conn.fetchval(_STATE, user_id, before)
    return found if isinstance(found, dict) else None


async def closed_sessions(conn: Connection, families: Iterable[str]) -> set[str]:
    """Return those of `families` that were closed. What is no id of a session is none."""
    asked = [family for family in families if _ID.fullmatch(family)]
    return {str(row["family"]) for row in await conn.fetch(_CLOSED, asked)}
