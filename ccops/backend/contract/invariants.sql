-- Each query returns the rows that break its rule; none means it holds.

-- name: gold_never_negative
-- No wallet holds less than nothing.
SELECT user_id, gold FROM wallets WHERE gold < 0;

-- name: wallet_is_sum_of_ledger
-- A wallet holds exactly what its ledger adds up to.
SELECT w.user_id, w.gold, coalesce(sum(l.delta), 0) AS ledger
  FROM wallets w LEFT JOIN gold_ledger l ON l.user_id = w.user_id
 GROUP BY w.user_id, w.gold
HAVING w.gold <> coalesce(sum(l.delta), 0);

-- name: wallet_version_counts_ledger
-- Ledger rows of a wallet are numbered 1, 2, 3 .. up to the wallet's version.
SELECT w.user_id, w.version, count(l.id) AS rows, coalesce(max(l.seq), 0) AS last
  FROM wallets w LEFT JOIN gold_ledger l ON l.user_id = w.user_id
 GROUP BY w.user_id, w.version
HAVING w.version <> count(l.id) OR w.version <> coalesce(max(l.seq), 0);

-- name: balance_after_is_running_sum
-- Each ledger row states the balance that the rows up to it add up to.
SELECT user_id, seq, balance_after, running
  FROM (SELECT user_id, seq, balance_after,
               sum(delta) OVER (PARTITION BY user_id ORDER BY seq) AS running FROM gold_ledger) AS l
 WHERE balance_after <> running;

-- name: success_has_one_ledger_row
-- A successful purchase moved exactly its gold, once; a refund moved it back; any other moved none.
SELECT t.user_id, t.public_id, t.status, count(l.id) AS rows, sum(l.delta) AS moved
  FROM (SELECT *, CASE WHEN amount_cents IS NULL THEN -unit_price * qty ELSE gold_amount END AS gold
          FROM shop_transactions) AS t
  LEFT JOIN gold_ledger l ON l.user_id = t.user_id AND l.ref_type = 'shop_tx' AND l.ref_id = t.public_id::text
 GROUP BY t.id, t.user_id, t.public_id, t.status, t.gold
HAVING count(l.id) <> CASE WHEN t.gold = 0 THEN 0 WHEN t.status = 'SUCCESS' THEN 1
                           WHEN t.status = 'REFUNDED' THEN 2 ELSE 0 END
    OR coalesce(sum(l.delta), 0) <> CASE WHEN t.status = 'SUCCESS' THEN t.gold ELSE 0 END
    OR count(*) FILTER (WHERE l.reason = 'refund') <> (t.gold <> 0 AND t.status = 'REFUNDED')::int;

-- name: purchase_states_agree
-- A final purchase says when and why, and no purchase stays open after its payment was processed.
SELECT t.user_id, t.public_id, t.status, t.failure_reason
  FROM shop_transactions t
 WHERE (t.status = 'PENDING') <> (t.settled_at IS NULL)
    OR (t.status = 'REFUNDED') <> (t.refunded_at IS NOT NULL)
    OR (t.status IN ('FAILED', 'REVIEW')) AND t.failure_reason IS NULL
    OR t.status = 'PENDING' AND EXISTS (
        SELECT 1 FROM payment_events e
         WHERE e.provider = t.provider AND e.receipt = t.receipt AND e.processed_at IS NOT NULL);

-- name: ledger_row_has_its_cause
-- Every purchase, streak, round and bet in the ledger exists.
SELECT l.user_id, l.seq, l.ref_type, l.ref_id
  FROM gold_ledger l
 WHERE l.ref_type IN ('shop_tx', 'streak', 'round', 'crash', 'adjust') AND NOT EXISTS (
     SELECT 1
       FROM (SELECT 'shop_tx' AS kind, 'user:' || user_id AS owner, public_id::text AS id
               FROM shop_transactions
             UNION ALL SELECT 'streak', 'user:' || user_id, action_type || ':' || claim_day FROM streak_claims
             UNION ALL SELECT 'round', 'user:' || user_id, public_id::text FROM game_rounds
             UNION ALL SELECT 'crash', 'user:' || user_id, public_id::text FROM crash_bets
             UNION ALL SELECT 'adjust', target, after->>'adjustment_id' FROM audit_log
                        WHERE action = 'gold_adjust') AS cause
      WHERE cause.kind = l.ref_type AND cause.owner = 'user:' || l.user_id AND cause.id = l.ref_id);

-- name: audit_chain_unbroken
-- Each audit row's hash is that of its content and of the row before it.
SELECT id, action, target,
       CASE WHEN prev_hash <> expected THEN 'another row went before' ELSE 'its content changed' END AS how
  FROM (SELECT *, coalesce(lag(hash) OVER (ORDER BY id), sha256('ccops.audit'::bytea)) AS expected,
               sha256(prev_hash || convert_to(jsonb_build_array(
                   id, actor_id, action, target, before, after, reason, trace_id, request_id,
                   extract(epoch FROM created_at))::text, 'UTF8')) AS computed FROM audit_log) AS a
 WHERE prev_hash <> expected OR hash <> computed;

-- name: adjustment_is_booked
-- Every adjustment in the audit log moved gold.
SELECT a.id, a.target, a.after->>'adjustment_id' AS adjustment
  FROM audit_log a
 WHERE a.action = 'gold_adjust' AND NOT EXISTS (
     SELECT 1 FROM gold_ledger l
      WHERE l.ref_type = 'adjust' AND l.reason = 'adjust' AND l.user_id = substr(a.target, 6)::bigint
        AND l.ref_id = a.after->>'adjustment_id');

-- name: claim_is_booked
-- Every claim and grant has the one ledger row that it names, over the same gold.
SELECT c.kind, c.user_id, c.ref_id, c.gold, l.delta
  FROM (SELECT 'streak' AS kind, user_id, action_type || ':' || claim_day AS ref_id, ledger_seq AS seq,
               reward_gold AS gold FROM streak_claims
        UNION ALL SELECT 'battle_pass', user_id, season || ':' || track || ':' || level, ledger_seq,
                         reward_gold FROM battle_pass_claims
        UNION ALL SELECT 'grant', user_id, ref, ledger_seq, gold FROM reward_grants
        UNION ALL SELECT 'achievement', user_id, code, NULL, claimed_gold FROM user_achievements
                   WHERE claimed_gold > 0
        UNION ALL SELECT 'event', user_id, event_id, NULL, NULL FROM event_participants
                   WHERE claimed_at IS NOT NULL) AS c
  LEFT JOIN gold_ledger l ON l.user_id = c.user_id AND l.ref_type = c.kind AND l.ref_id = c.ref_id
       AND l.reason = c.kind
 WHERE l.id IS NULL OR l.seq <> c.seq OR l.delta <> c.gold;

-- name: grant_of_gold_has_its_claim
-- Every reward in the ledger was claimed, by a claim that could be made.
SELECT l.user_id, l.seq, l.ref_type, l.ref_id
  FROM gold_ledger l
 WHERE CASE l.ref_type
         WHEN 'achievement' THEN NOT EXISTS (
             SELECT 1 FROM user_achievements a WHERE a.user_id = l.user_id AND a.code = l.ref_id
                AND a.claimed_at IS NOT NULL AND a.unlocked_at IS NOT NULL)
         WHEN 'event' THEN NOT EXISTS (
             SELECT 1 FROM event_participants p WHERE p.user_id = l.user_id AND p.event_id = l.ref_id
                AND p.claimed_at IS NOT NULL AND p.completed_at IS NOT NULL)
         WHEN 'battle_pass' THEN NOT EXISTS (
             SELECT 1 FROM battle_pass_claims c
              WHERE c.user_id = l.user_id AND c.season || ':' || c.track || ':' || c.level = l.ref_id)
         WHEN 'grant' THEN NOT EXISTS (
             SELECT 1 FROM reward_grants g WHERE g.user_id = l.user_id AND g.ref = l.ref_id)
         ELSE false END;

-- name: pass_claims_are_earned
-- Premium rewards went to owners of the pass, and no reward above its claimer's level.
SELECT c.user_id, c.season, c.track, c.level, u.level AS user_level
  FROM battle_pass_claims c JOIN users u ON u.id = c.user_id
 WHERE c.level > u.level
    OR c.track = 'premium' AND NOT EXISTS (
        SELECT 1 FROM battle_pass_owners o WHERE o.season = c.season AND o.user_id = c.user_id);

-- name: pass_owner_has_bought
-- Every pass was opened by a successful purchase of its owner, and every such purchase opened one.
SELECT coalesce(o.user_id, t.user_id) AS user_id, o.season, t.public_id, t.status
  FROM battle_pass_owners o
  FULL JOIN (SELECT t.*, p.season FROM shop_transactions t JOIN products p ON p.id = t.product_id
              WHERE t.kind = 'battle_pass' AND t.status = 'SUCCESS') AS t
    ON t.public_id = o.shop_tx_id AND t.user_id = o.user_id
 WHERE o.user_id IS NULL OR t.public_id IS NULL;

-- name: streak_is_its_claims
-- A streak ends with its last claim, and its longest run is no shorter than the current one.
SELECT s.user_id, s.action_type, s.current, s.longest, s.last_claim_day, max(c.claim_day) AS last
  FROM user_streaks s
  LEFT JOIN streak_claims c ON c.user_id = s.user_id AND c.action_type = s.action_type
 GROUP BY s.user_id, s.action_type
HAVING s.last_claim_day IS DISTINCT FROM max(c.claim_day) OR s.current NOT BETWEEN 1 AND s.longest
    OR s.longest > count(c.claim_day);

-- name: round_is_booked
-- A round's ledger rows add up to its payout minus its bet.
SELECT r.user_id, r.public_id, r.bet, r.payout, coalesce(sum(l.delta), 0) AS booked
  FROM game_rounds r
  LEFT JOIN gold_ledger l ON l.user_id = r.user_id AND l.ref_id = r.public_id::text
       AND l.ref_type = CASE r.game WHEN 'crash' THEN 'crash' ELSE 'round' END
 GROUP BY r.id
HAVING r.payout - r.bet <> coalesce(sum(l.delta), 0);

-- name: limited_stock_is_holds
-- A package's reserved stock is what is held of it, its sold stock what was captured.
SELECT p.id, p.stock_reserved, p.stock_sold,
       coalesce(sum(h.qty) FILTER (WHERE h.status = 'HELD'), 0) AS held,
       coalesce(sum(h.qty) FILTER (WHERE h.status = 'CAPTURED'), 0) AS captured
  FROM limited_packages p LEFT JOIN limited_holds h ON h.package_id = p.id
 GROUP BY p.id
HAVING p.stock_reserved <> coalesce(sum(h.qty) FILTER (WHERE h.status = 'HELD'), 0)
    OR p.stock_sold <> coalesce(sum(h.qty) FILTER (WHERE h.status = 'CAPTURED'), 0);

-- name: limited_user_count_is_holds
-- What counts towards a person's limit is what they hold or have bought, and within the limit.
SELECT package_id, user_id, c.bought, h.qty, p.per_user_limit
  FROM limited_user_counts c
  FULL JOIN (SELECT package_id, user_id, sum(qty) AS qty FROM limited_holds
              WHERE status IN ('HELD', 'CAPTURED') GROUP BY package_id, user_id) AS h
      USING (package_id, user_id)
  LEFT JOIN limited_packages p ON p.id = package_id
 WHERE coalesce(c.bought, 0) <> coalesce(h.qty, 0) OR c.bought > p.per_user_limit;

-- name: captured_hold_is_a_sale
-- Each successful limited purchase captured one hold, and each captured hold was paid for.
SELECT t.user_id, t.public_id, t.status, h.id AS hold_id, h.status AS hold_status
  FROM (SELECT * FROM shop_transactions WHERE kind = 'limited') AS t
  FULL JOIN (SELECT * FROM limited_holds WHERE status = 'CAPTURED') AS h
      ON h.id = t.hold_id AND h.shop_tx_id = t.public_id AND h.user_id = t.user_id AND h.qty = t.qty
 WHERE (h.id IS NOT NULL) IS DISTINCT FROM (t.status = 'SUCCESS');

-- name: promo_use_is_a_redemption
-- A promo code was used as often as it was redeemed.
SELECT p.code, p.used_count, count(r.user_id) AS redeemed
  FROM promo_codes p LEFT JOIN promo_redemptions r ON r.code = p.code
 GROUP BY p.code
HAVING p.used_count <> count(r.user_id);

-- name: promo_redemption_is_booked
-- Each redemption is exactly one ledger row of its gold, and the reverse.
SELECT coalesce(r.user_id, l.user_id) AS user_id, coalesce(r.code, l.ref_id) AS code,
       r.gold, l.delta
  FROM promo_redemptions r
  FULL JOIN (SELECT * FROM gold_ledger WHERE reason = 'promo') AS l
      ON l.user_id = r.user_id AND l.ref_type = 'promo' AND l.ref_id = r.code AND l.seq = r.ledger_seq
 WHERE r.gold IS DISTINCT FROM l.delta;

-- name: key_has_its_answer
-- Every idempotency key that was committed holds the answer that a retry gets.
SELECT user_id, scope, key, created_at FROM idempotency_keys
 WHERE response_status IS NULL OR response_body IS NULL;

-- name: nonce_counts_rounds
-- The rounds that a user's seeds decided are numbered 0, 1, 2 .. up to before the next nonce.
SELECT s.user_id, s.nonce, count(r.id) AS rounds, max(r.nonce) AS last
  FROM user_seeds s LEFT JOIN game_rounds r ON r.user_id = s.user_id AND r.game <> 'crash'
 GROUP BY s.user_id
HAVING s.nonce <> count(r.id) OR s.nonce <> count(DISTINCT r.nonce)
    OR s.nonce <> coalesce(max(r.nonce) + 1, 0);

-- name: crash_bet_is_booked
-- A bet of crash moved what it says, and one round record tells of it once it is settled.
SELECT b.round_id, b.user_id, b.status, b.bet, b.payout, booked.gold, told.rows
  FROM crash_bets b
 CROSS JOIN LATERAL (SELECT coalesce(sum(l.delta), 0) AS gold FROM gold_ledger l
                      WHERE l.user_id = b.user_id AND l.ref_type = 'crash'
                        AND l.ref_id = b.public_id::text) AS booked
 CROSS JOIN LATERAL (SELECT count(*) AS rows, sum(r.payout) AS payout FROM game_rounds r
                      WHERE r.user_id = b.user_id AND r.public_id = b.public_id
                        AND r.game = 'crash' AND r.nonce = b.round_id AND r.bet = b.bet) AS told
 WHERE booked.gold <> b.payout - b.bet OR told.rows <> (b.status <> 'OPEN')::int
    OR told.payout <> b.payout;

-- name: crash_pays_up_to_the_point
-- Nobody left a round of crash above its point or their own limit; the payout is bet x multiplier.
SELECT b.round_id, b.user_id, b.bet, b.auto_x100, b.cashed_x100, b.payout, r.crash_x100
  FROM crash_bets b JOIN crash_rounds r ON r.id = b.round_id
 WHERE b.status = 'CASHED'
   AND (b.payout <> b.bet * b.cashed_x100 / 100 OR b.cashed_x100 > b.auto_x100
        OR b.cashed_x100 > r.crash_x100 OR r.crash_x100 = 100)
    OR b.status = 'LOST' AND r.status = 'CRASHED' AND r.crash_x100 > 100 AND b.auto_x100 <= r.crash_x100;

-- name: crash_settles_within_60s
-- A minute after the crash no bet of the round is open.
SELECT b.round_id, b.user_id, b.bet, r.ended_at
  FROM crash_bets b JOIN crash_rounds r ON r.id = b.round_id
 WHERE b.status = 'OPEN' AND r.status = 'CRASHED' AND r.ended_at < now() - interval '60 seconds';

-- name: outbox_leaves_within_60s
-- No event waits longer than a minute for a sink.
SELECT id, type, topic, created_at FROM outbox
 WHERE created_at < now() - interval '60 seconds'
   AND ((topic IS NOT NULL AND kafka_acked_at IS NULL) OR (realtime AND pushed_at IS NULL));
