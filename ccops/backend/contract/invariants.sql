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
-- A successful purchase moved gold exactly once, any other never.
SELECT t.user_id, t.public_id, t.status, count(l.id) AS rows
  FROM shop_transactions t
  LEFT JOIN gold_ledger l ON l.user_id = t.user_id AND l.ref_type = 'shop_tx' AND l.ref_id = t.public_id::text
 GROUP BY t.id
HAVING count(l.id) <> (t.status = 'SUCCESS')::int;

-- name: ledger_row_has_its_cause
-- Every purchase, streak and round in the ledger exists.
SELECT l.user_id, l.seq, l.ref_type, l.ref_id
  FROM gold_ledger l
 WHERE CASE l.ref_type
         WHEN 'shop_tx' THEN NOT EXISTS (
             SELECT 1 FROM shop_transactions t WHERE t.user_id = l.user_id AND t.public_id::text = l.ref_id)
         WHEN 'streak' THEN NOT EXISTS (
             SELECT 1 FROM streak_claims c
              WHERE c.user_id = l.user_id AND c.action_type || ':' || c.claim_day = l.ref_id)
         WHEN 'round' THEN NOT EXISTS (
             SELECT 1 FROM game_rounds r WHERE r.user_id = l.user_id AND r.public_id::text = l.ref_id)
         WHEN 'adjust' THEN NOT EXISTS (
             SELECT 1 FROM audit_log a
              WHERE a.action = 'gold_adjust' AND a.target = 'user:' || l.user_id
                AND a.after->>'adjustment_id' = l.ref_id)
         ELSE false END;

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

-- name: round_is_booked
-- A round's ledger rows add up to its payout minus its bet.
SELECT r.user_id, r.public_id, r.bet, r.payout, coalesce(sum(l.delta), 0) AS booked
  FROM game_rounds r
  LEFT JOIN gold_ledger l ON l.user_id = r.user_id AND l.ref_type = 'round' AND l.ref_id = r.public_id::text
 GROUP BY r.id
HAVING r.payout - r.bet <> coalesce(sum(l.delta), 0);

-- name: outbox_leaves_within_60s
-- No event waits longer than a minute for a sink.
SELECT id, type, topic, created_at FROM outbox
 WHERE created_at < now() - interval '60 seconds'
   AND ((topic IS NOT NULL AND kafka_acked_at IS NULL) OR (realtime AND pushed_at IS NULL));
