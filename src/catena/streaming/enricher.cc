// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/enricher.h"

#include <numeric>

namespace catena::streaming {
namespace {

// The fetched columns as their confs say they are; those that could not be fetched are null.
Result<types::Batch> Typed(const types::Schema& schema, const types::Batch& fetched, size_t rows) {
  types::Batch typed;
  for (const types::Field& field : schema.fields) {
    const auto at = fetched.schema().Find(field.name);
    if (!at) {
      auto nulls = std::make_shared<types::Column>(field.type, rows);
      for (size_t row = 0; row < rows; ++row) nulls->AppendNull();
      typed.AddColumn(field.name, std::move(nulls));
      continue;
    }
    if (!(fetched.schema().fields[*at].type == field.type)) {
      return InvalidConf(
          "the stored definition of a part gives another type than its conf; give the changed "
          "GroupBy a new name: " +
          field.name);
    }
    typed.AddColumn(field.name, fetched.shared(*at));
  }
  return typed;
}

}  // namespace

Result<Enricher> Enricher::Bind(const std::vector<plan::EnrichStage>& stages,
                                const types::Schema& left, const fetch::SchemaResolver& resolver,
                                const StreamOptions& options, fetch::Fetcher* fetcher,
                                sql::Database* database) {
  Enricher enricher;
  enricher.options_ = options;
  enricher.fetcher_ = fetcher;
  if (!left.Find("ts")) {
    return InvalidConf("the left side of a chain needs a time column: " +
                       stages.front().join->metadata.name);
  }
  for (const plan::EnrichStage& stage : stages) {
    const std::string& name = stage.join->metadata.name;
    Stage bound;
    bound.join = name;
    CATENA_TRY(bound.shape, resolver.ShapeOf(*stage.join));
    CATENA_TRY(bound.output, resolver.RowsOf(*stage.join));
    if (!stage.join->derivations.empty()) {
      CATENA_TRY(bound.derivations,
                 sql::Derivations::Bind(database, stage.join->derivations, bound.shape.parts,
                                        fetch::WithTime(bound.shape.left)));
    }
    if (stage.next_left != nullptr) {
      auto next = sql::Projection::Bind(database, *stage.next_left, bound.output);
      if (!next.ok()) return next.error().WithContext(name + ": query of its JoinSource");
      const auto time = next->output().Find("ts");
      if (time && next->output().fields[*time].type.kind != types::Kind::kLong &&
          next->output().fields[*time].type.kind != types::Kind::kTimestamp) {
        return InvalidConf(name + ": the time column of its JoinSource must be LONG milliseconds");
      }
      bound.next_left = std::move(*next);
    }
    enricher.stages_.push_back(std::move(bound));
  }
  return enricher;
}

// Puts the fetched columns beside the left ones, in the Join's own order.
Status Enricher::RunStage(Stage* stage, Timestamp now, EnrichedRows* rows) {
  const size_t count = rows->rows.rows();
  std::vector<Timestamp> as_of(count);
  for (size_t row = 0; row < count; ++row) {
    as_of[row] =
        options_.event_time_query ? FromMillis(rows->event_times[row]) + options_.query_shift : now;
  }
  CATENA_TRY(fetch::FetchAnswer answer, fetcher_->FetchBaseJoin(stage->join, rows->rows, as_of));
  for (const fetch::PartAnswer& part : answer.parts) {
    if (part.error && part.error->code != ErrorCode::kNotFound) {
      return part.error->WithContext("enriching from " + part.name);
    }
    for (size_t row = 0; row < count; ++row) {
      std::string reason(fetch::IncompleteName(part.rows[row].incomplete));
      if (part.error) reason = "never_uploaded";
      if (part.rows[row].out_of_retention) reason = "out_of_retention";
      if (reason.empty()) continue;
      rows->incomplete[row] = 1;
      ++rows->incomplete_reasons[reason];
    }
  }
  CATENA_TRY(types::Batch features, Typed(stage->shape.parts, answer.features, count));
  if (stage->derivations) CATENA_RETURN_IF_ERROR(Derive(stage, rows, &features));
  types::Batch enriched;
  for (const types::Field& field : stage->output.fields) {
    // A derivation that is named like a left column has filled it.
    const auto computed = features.schema().Find(field.name);
    enriched.AddColumn(field.name, computed
                                       ? features.shared(*computed)
                                       : rows->rows.shared(*rows->rows.schema().Find(field.name)));
  }
  rows->rows = std::move(enriched);
  return Status();
}

Status Enricher::Derive(Stage* stage, EnrichedRows* rows, types::Batch* features) {
  types::Batch all = *features;
  for (size_t i = 0; i < rows->rows.width(); ++i) {
    const std::string& name = rows->rows.schema().fields[i].name;
    if (!all.schema().Find(name)) all.AddColumn(name, rows->rows.shared(i));
  }
  if (stage->derivations->Reads("ds") && !all.schema().Find("ds")) {
    auto days = std::make_shared<types::Column>(types::Kind::kString, rows->event_times.size());
    for (const int64_t time : rows->event_times) {
      days->AppendText(FormatDate(Date::Of(FromMillis(time))));
    }
    all.AddColumn("ds", std::move(days));
  }
  CATENA_TRY(sql::Derived derived, stage->derivations->Apply(all));
  for (const sql::BadRow& bad : derived.bad_rows) {
    rows->incomplete[bad.row] = 1;
    ++rows->incomplete_reasons[std::string(fetch::IncompleteName(fetch::Incomplete::kDerivation))];
  }
  *features = std::move(derived.columns);
  return Status();
}

Status Enricher::ProjectNext(Stage* stage, EnrichedRows* rows) {
  CATENA_TRY(sql::Projected projected, stage->next_left->Apply(rows->rows));
  for (const sql::BadRow& bad : projected.bad_rows) {
    rows->bad_left_rows.emplace_back(rows->left_rows[bad.row], bad.message);
  }
  EnrichedRows next;
  next.bad_left_rows = std::move(rows->bad_left_rows);
  next.incomplete_reasons = std::move(rows->incomplete_reasons);
  const types::Column* times = projected.rows.Find("ts");
  std::vector<uint32_t> keep;
  for (uint32_t i = 0; i < projected.source_rows.size(); ++i) {
    const uint32_t from = projected.source_rows[i];
    if (times != nullptr && times->IsNull(i)) {
      next.bad_left_rows.emplace_back(rows->left_rows[from], "its time column is null");
      continue;
    }
    keep.push_back(i);
    next.left_rows.push_back(rows->left_rows[from]);
    next.incomplete.push_back(rows->incomplete[from]);
    const int64_t time = times != nullptr ? times->Values<int64_t>()[i] : rows->event_times[from];
    next.event_times.push_back(time);
    // A Query that moves the time may move it past what the gate waited for.
    if (time > rows->event_times[from] && next.incomplete.back() == 0) {
      next.incomplete.back() = 1;
      ++next.incomplete_reasons["ahead_of_watermark"];
    }
  }
  next.rows =
      keep.size() == projected.rows.rows() ? std::move(projected.rows) : projected.rows.Take(keep);
  *rows = std::move(next);
  return Status();
}

Result<EnrichedRows> Enricher::Enrich(const types::Batch& left,
                                      std::span<const int64_t> event_times, int64_t complete_until,
                                      bool forced, Timestamp now) {
  EnrichedRows rows;
  rows.rows = left;
  rows.left_rows.resize(left.rows());
  std::iota(rows.left_rows.begin(), rows.left_rows.end(), 0);
  rows.event_times.assign(event_times.begin(), event_times.end());
  rows.incomplete.resize(left.rows());
  for (size_t row = 0; row < left.rows(); ++row) {
    const int64_t query_time = event_times[row] + options_.query_shift.count();
    if (!forced && query_time <= complete_until) continue;
    rows.incomplete[row] = 1;
    ++rows.incomplete_reasons[forced ? "forced" : "ahead_of_watermark"];
  }
  for (Stage& stage : stages_) {
    CATENA_RETURN_IF_ERROR(RunStage(&stage, now, &rows));
    if (stage.next_left) CATENA_RETURN_IF_ERROR(ProjectNext(&stage, &rows));
  }
  return rows;
}

}  // namespace catena::streaming
