// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/mutations.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "catena/base/log.h"
#include "catena/batch/rows/answers.h"
#include "catena/fetch/entities/lives.h"
#include "catena/fetch/entities/mutation_query.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

using fetch::Mutation;

// Behind every row of a snapshot of the same time, whatever its source order.
constexpr uint64_t kMutationOrder = uint64_t{1} << 59;
constexpr uint64_t kFoldedRowsMax = uint64_t{1} << 28;

// The mutation table as a source of its own, whose rows carry mutation time and reversal.
Result<conf::Source> MutationSource(const BatchContext& context,
                                    const conf::EntitySource& entities) {
  CATENA_TRY(const table::Table table, context.warehouse->Find(entities.mutation_table));
  types::Schema columns;
  if (!entities.query.has_selects) {
    CATENA_TRY(columns, table.SchemaOf());
  }
  conf::EntitySource mutations = entities;
  mutations.snapshot_table = entities.mutation_table;
  mutations.query = fetch::MutationQuery(entities, columns);
  return conf::Source(std::move(mutations));
}

// Rows of snapshots and mutations as one: who lives when.
struct Lives : GroupByRows {
  std::vector<int64_t> born;  // kNoTime: in the snapshot.
  std::vector<int64_t> died;  // INT64_MAX: lives on.
};

class MutationReader {
 public:
  MutationReader(const conf::GroupBy& group_by, const types::Schema& schema, const KeyIndex& keys,
                 Lives* lives)
      : keys_(keys), reader_(schema, group_by.key_columns), schema_(schema), lives_(lives) {}

  Status Read(const BatchContext& context, const conf::Source& source,
              const table::PartitionRange& range, uint64_t source_bits) {
    SourceRequest request{range, {}};
    for (const types::Field& field : schema_.fields) request.columns.push_back(field.name);
    request.columns.insert(request.columns.end(), {fetch::kMutationTime, fetch::kReversal});
    CATENA_TRY(const types::Schema given, SchemaOfSource(context, source, request));
    CATENA_RETURN_IF_ERROR(fetch::CheckMutationColumns(given, schema_));
    has_time_ = !conf::QueryOf(source).time_column.spark.empty();
    CATENA_TRY(SourceRows all, ReadSource(context, source, request));
    if (all.orders.empty()) {
      all.orders.resize(all.times.size());
      std::iota(all.orders.begin(), all.orders.end(), uint64_t{0});
    }
    CATENA_RETURN_IF_ERROR(PlaceOrders(source_bits | kMutationOrder, all.orders));
    Add(all);
    return Status();
  }

  std::vector<Mutation> Take(std::vector<types::Batch>* pieces) {
    pieces->insert(pieces->end(), pieces_.begin(), pieces_.end());
    return std::move(mutations_);
  }

 private:
  void Add(const SourceRows& all) {
    std::vector<std::string> names;
    for (const types::Field& field : schema_.fields) names.push_back(field.name);
    const types::Batch rows = all.rows.Select(names);
    const types::Column& mutated = *all.rows.Find(fetch::kMutationTime);
    const types::Column& reversal = *all.rows.Find(fetch::kReversal);
    std::vector<Date> days_before;
    days_before.reserve(rows.rows());
    for (const Date day : all.days) days_before.push_back(day - 1);
    std::vector<uint32_t> groups(rows.rows(), 0);
    reader_.Find(rows, days_before, keys_, groups);
    std::vector<uint32_t> taken;
    for (size_t row = 0; row < rows.rows(); ++row) {
      const uint32_t group = groups[row];
      if (group == kNoGroup || all.times[row] == kNoTime || mutated.IsNull(row)) continue;
      const int64_t time = mutated.Values<int64_t>()[row];
      // What happened before the day is in its snapshot already.
      if (time < ToMillis(all.days[row].Start())) continue;
      taken.push_back(static_cast<uint32_t>(row));
      const bool before = !reversal.IsNull(row) && reversal.Values<int8_t>()[row] != 0;
      mutations_.push_back({group, time, before, static_cast<uint32_t>(lives_->times.size())});
      // Without a time column a row has that of its snapshot: the end of the day before.
      lives_->times.push_back(has_time_ ? all.times[row] : ToMillis(all.days[row].Start()) - 1);
      lives_->orders.push_back(all.orders[row]);
      lives_->groups.push_back(group);
      lives_->born.push_back(time);
      lives_->died.push_back(before ? time : INT64_MAX);
    }
    if (!taken.empty()) pieces_.push_back(rows.Take(taken));
  }

  const KeyIndex& keys_;
  KeyReader reader_;
  const types::Schema& schema_;
  Lives* lives_;
  bool has_time_ = false;  // Of the source at hand.
  std::vector<types::Batch> pieces_;
  std::vector<Mutation> mutations_;
};

// Mutations come out sorted by group and time.
void MatchReversals(std::vector<Mutation>* mutations, Lives* lives) {
  std::sort(mutations->begin(), mutations->end(), fetch::ComesBefore);
  std::vector<bool> changes(
      lives->groups.empty() ? 0
                            : 1 + *std::max_element(lives->groups.begin(), lives->groups.end()));
  for (const Mutation& mutation : *mutations) {
    if (mutation.reversal) changes[mutation.group] = true;
  }
  // Where nothing dies nothing is compared.
  std::vector<Mutation> compared;
  std::copy_if(mutations->begin(), mutations->end(), std::back_inserter(compared),
               [&](const Mutation& mutation) { return changes[mutation.group]; });
  std::vector<uint32_t> snapshot;
  for (uint32_t row = 0; row < lives->groups.size(); ++row) {
    if (lives->born[row] == kNoTime && changes[lives->groups[row]]) snapshot.push_back(row);
  }
  std::vector<size_t> columns(lives->rows.width());
  std::iota(columns.begin(), columns.end(), 0);
  const types::RowCodec codec(lives->rows.schema());
  const auto identity = [&](uint32_t row) {
    std::string bytes =
        std::to_string(lives->groups[row]) + ' ' + std::to_string(lives->times[row]) + ' ';
    codec.Encode(lives->rows, columns, row, &bytes);
    return bytes;
  };
  const uint64_t without_row = fetch::EndLives(compared, snapshot, identity, lives->died);
  if (without_row > 0) {
    CATENA_LOG_WARN("reversals_without_row", "count={}", without_row);
  }
}

// Queries of one group between two of its mutations see the same rows.
struct Stretches {
  std::vector<uint32_t> of_query;  // By left row; kNoGroup: none.
  Groups lives{{}, {0}};           // Rows of Lives by stretch, sorted within.
};

Result<Stretches> MakeStretches(const Lives& lives, const std::vector<Mutation>& mutations,
                                const KeyIndex& keys, const MutationQueries& queries) {
  const Groups rows = GroupRows(lives.groups, keys.size(), lives.times, lives.orders);
  const Groups asked = GroupRows(queries.groups, keys.size(), queries.times, {});
  Stretches stretches;
  stretches.of_query.assign(queries.groups.size(), kNoGroup);
  size_t next = 0;  // Mutation.
  for (uint32_t group = 0; group < keys.size(); ++group) {
    while (next < mutations.size() && mutations[next].group < group) ++next;
    int64_t seen = kNoTime;  // The last mutation that is visible.
    bool first = true;
    for (uint32_t i = asked.begin[group]; i < asked.begin[group + 1]; ++i) {
      const uint32_t query = asked.rows[i];
      bool changed = first;
      first = false;
      for (; next < mutations.size() && mutations[next].group == group &&
             mutations[next].time < queries.times[query];
           ++next) {
        seen = mutations[next].time;
        changed = true;
      }
      if (changed) {
        for (uint32_t r = rows.begin[group]; r < rows.begin[group + 1]; ++r) {
          const uint32_t row = rows.rows[r];
          if (lives.born[row] <= seen && seen < lives.died[row]) {
            stretches.lives.rows.push_back(row);
          }
        }
        if (stretches.lives.rows.size() > kFoldedRowsMax) {
          return Unsupported(
              "too many rows live between the mutations of one pass (more than 2^28); choose a "
              "shorter range, or make the GroupBy SNAPSHOT");
        }
        stretches.lives.begin.push_back(static_cast<uint32_t>(stretches.lives.rows.size()));
      }
      stretches.of_query[query] = static_cast<uint32_t>(stretches.lives.begin.size() - 2);
    }
  }
  return stretches;
}

}  // namespace

Status AnswerThroughMutations(const BatchContext& context, const conf::GroupBy& group_by,
                              const aggregate::WindowedAggregator& windowed,
                              const table::PartitionRange& range, const GroupByRows& snapshots,
                              const KeyIndex& keys, const MutationQueries& queries,
                              ScatteredColumns* answers) {
  const int threads = context.database->options().threads;
  Lives lives{snapshots, {}, {}};
  if (lives.orders.empty()) {
    lives.orders.resize(lives.times.size());
    std::iota(lives.orders.begin(), lives.orders.end(), uint64_t{0});
  }
  lives.born.assign(lives.times.size(), kNoTime);
  lives.died.assign(lives.times.size(), INT64_MAX);
  const types::Schema schema = snapshots.rows.schema();
  MutationReader reader(group_by, schema, keys, &lives);
  for (size_t i = 0; i < group_by.sources.size(); ++i) {
    const auto& entities = std::get<conf::EntitySource>(group_by.sources[i]);
    CATENA_TRY(const conf::Source source, MutationSource(context, entities));
    CATENA_RETURN_IF_ERROR(reader.Read(context, source, range, uint64_t{i} << kSourceShift)
                               .WithContext(entities.mutation_table));
  }
  std::vector<types::Batch> pieces = {snapshots.rows};
  std::vector<Mutation> mutations = reader.Take(&pieces);
  lives.rows = types::Concat(pieces);
  MatchReversals(&mutations, &lives);
  CATENA_TRY(const Stretches stretches, MakeStretches(lives, mutations, keys, queries));
  Asking asking;
  asking.groups = stretches.lives.begin.size() - 1;
  asking.events = std::move(lives.rows);
  asking.event_times = lives.times;
  asking.grouped_events = &stretches.lives;
  asking.query_times = queries.times;
  asking.query_groups = stretches.of_query;
  Answer(windowed, std::move(asking), threads, answers);
  return Status();
}

}  // namespace catena::batch
