// SPDX-License-Identifier: Apache-2.0
// e03, mutations: where Chronon keeps rows in windows that they have left, and what is right there.

#pragma once

#include <cstddef>

namespace catena::parity {

inline constexpr char kMutationsCase[] = "e03_entities_mutations_temporal";

// 154 of the 1,448 cells of each of SUM, COUNT and AVERAGE, all of them in windows.
inline constexpr size_t kStaleCells = 3 * 154;

// What e03 asks, by the definition: the snapshot of the day before, in which each row that the day
// has changed before the query is as it was changed last.
inline constexpr char kMutationsTwin[] = R"(
  WITH q AS (SELECT qid, key, ts, strftime(epoch_ms(ts), '%Y-%m-%d') AS today,
               strftime(epoch_ms(ts - 86400000), '%Y-%m-%d') AS yesterday FROM $qs),
  touched AS (SELECT q.qid, m.rid, max(m.mutation_ts) AS last FROM q JOIN $mutations m
              ON m.ds = q.today AND m.mutation_ts < q.ts GROUP BY ALL),
  state AS (
    SELECT q.qid, q.ts, s.val, s.created FROM q JOIN $snap s ON s.ds = q.yesterday AND s.key = q.key
      WHERE NOT EXISTS (SELECT 1 FROM touched t WHERE t.qid = q.qid AND t.rid = s.rid)
    UNION ALL
    SELECT q.qid, q.ts, m.val, m.created FROM q JOIN touched t ON t.qid = q.qid JOIN $mutations m
      ON m.rid = t.rid AND m.mutation_ts = t.last AND m.ds = q.today AND m.key = q.key
      WHERE NOT m.is_before)
  SELECT q.qid, sum(val) FILTER (created >= (s.ts - 3600000) // 300000 * 300000 AND created < s.ts)
      ::BIGINT AS mut_val_sum_1h,
    sum(val) FILTER (created >= (s.ts - 86400000) // 3600000 * 3600000 AND created < s.ts)
      ::BIGINT AS mut_val_sum_1d,
    sum(val) FILTER (created >= (s.ts - 604800000) // 3600000 * 3600000 AND created < s.ts)
      ::BIGINT AS mut_val_sum_7d,
    sum(val) FILTER (created < s.ts)::BIGINT AS mut_val_sum,
    nullif(count(val) FILTER (created >= (s.ts - 3600000) // 300000 * 300000 AND created < s.ts), 0)
      AS mut_val_count_1h,
    nullif(count(val) FILTER (created < s.ts), 0) AS mut_val_count
  FROM q LEFT JOIN state s ON s.qid = q.qid GROUP BY q.qid ORDER BY q.qid)";

}  // namespace catena::parity
