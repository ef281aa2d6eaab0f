"""SQL of the dashboard: everything a client shows first, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast

from ccops.backend.db import Connection

# One statement is one snapshot: gold, version and streaks can't contradict each other.
# $1 user, $2 today in the game's calendar, $3 the streaks there are, $4 the calendar day before today.
_SNAPSHOT = """
SELECT json_build_object(
  'user', json_build_object(
      'id', u.id, 'public_id', u.public_id, 'site_id', u.site_id, 'nickname', u.nickname, 'rank', u.rank,
      'level', u.level, 'exp', u.exp, 'age_verified', u.age_verified_at IS NOT NULL),
  'gold_balance', w.gold, 'wallet_version', w.version, 'level', u.level, 'exp', u.exp,
  'streaks', (
      SELECT coalesce(json_agg(json_build_object(
          'action_type', kind.name,
          'count', CASE WHEN s.last_claim_day >= $4::date THEN s.current ELSE 0 END,
          'longest', coalesce(s.longest, 0), 'last_claim_day', s.last_claim_day,
          'claimed_today', coalesce(s.last_claim_day >= $2::date, false)) ORDER BY kind.name), '[]')
        FROM unnest($3::text[]) AS kind(name)
        LEFT JOIN user_streaks s ON s.user_id = u.id AND s.action_type = kind.name),
  'achievements', (
      SELECT coalesce(json_agg(json_build_object(
          'code', a.code, 'title', a.title, 'threshold', a.threshold, 'progress', coalesce(ua.progress, 0),
          'unlocked', ua.unlocked_at IS NOT NULL,
          'claimed', ua.claimed_at IS NOT NULL) ORDER BY a.code), '[]')
        FROM achievements a LEFT JOIN user_achievements ua ON ua.code = a.code AND ua.user_id = u.id),
  'stats', (
      SELECT coalesce(json_agg(json_build_object(
          'game', g.game, 'plays', g.plays, 'wins', g.wins, 'losses', g.losses, 'wagered', g.wagered,
          'paid', g.paid) ORDER BY g.game), '[]')
        FROM game_stats g WHERE g.user_id = u.id),
  'recent_actions', (
      SELECT coalesce(json_agg(json_build_object(
          'event_id', r.event_id, 'action_type', r.action_type, 'context', r.context,
          'client_ts', r.client_ts, 'created_at', r.created_at) ORDER BY r.created_at DESC, r.id DESC), '[]')
        FROM (SELECT * FROM user_actions WHERE user_id = u.id
               ORDER BY created_at DESC, id DESC LIMIT 20) r),
  'unclaimed', json_build_object('events', (
      SELECT count(*) FROM event_participants p
       WHERE p.user_id = u.id AND p.completed_at IS NOT NULL AND p.claimed_at IS NULL)))
  FROM users u JOIN wallets w ON w.user_id = u.id WHERE u.id = $1
"""


async def snapshot_or_none(
    conn: Connection, user_id: int, *, today: date, before: date, streaks: Sequence[str]
) -> dict[str, object] | None:
    """Return the user's state as one consistent snapshot, or None when the account is gone."""
    found = await conn.fetchval(_SNAPSHOT, user_id, today, list(streaks), before)
    return cast("dict[str, object] | None", found)
