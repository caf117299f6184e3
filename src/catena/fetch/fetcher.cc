// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/fetcher.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "catena/conf/output_names.h"
#include "catena/fetch/derived_features.h"
#include "catena/fetch/external_columns.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {
namespace {

// Integers match integers of any width and numbers match numbers; text matches text only. A key of
// another family could never be found, and silence would look like a missing key.
bool SameFamily(const types::DataType& a, const types::DataType& b) {
  if (a.kind == b.kind) return true;
  if (a.IsText() && b.IsText()) return true;
  const auto whole = [](const types::DataType& type) {
    return type.IsInteger() || type.kind == types::Kind::kDate ||
           type.kind == types::Kind::kTimestamp;
  };
  return (whole(a) && whole(b)) || (a.IsFloating() && b.IsFloating());
}

// One part of one call: its reader, its keys, its plans.
struct Running {
  std::shared_ptr<const GroupByReader> reader;
  GroupByReader::View view;
  std::vector<std::string> keys;  // Encoded, by row; empty for a null part.
  std::vector<uint32_t> order;    // In which rows are planned; empty: as they come.
  std::vector<GroupByReader::RowPlan> plans;

  size_t RowOf(size_t plan) const { return order.empty() ? plan : order[plan]; }
};

// Rows of one key together and in order of time, so that they share what is read. Empty where no
// two have a key in common.
std::vector<uint32_t> OrderOf(const std::vector<std::string>& keys,
                              std::span<const Timestamp> as_of) {
  std::vector<uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int keys_differ = keys[a].compare(keys[b]);
    return keys_differ != 0 ? keys_differ < 0 : std::pair(as_of[a], a) < std::pair(as_of[b], b);
  });
  const auto same_key = [&](uint32_t a, uint32_t b) { return keys[a] == keys[b]; };
  if (std::adjacent_find(order.begin(), order.end(), same_key) == order.end()) return {};
  return order;
}

Status EncodeKeys(const types::Batch& rows, const std::vector<std::string>& names,
                  const types::Schema& key_schema, std::vector<std::string>* keys) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto at = rows.schema().Find(names[i]);
    if (!at) return InvalidConf("the request lacks the key column: " + names[i]);
    const types::DataType& type = rows.schema().fields[*at].type;
    if (i < key_schema.size() && !SameFamily(type, key_schema.fields[i].type)) {
      return InvalidConf("key column " + names[i] + " is " + types::TypeName(type) +
                         ", but the GroupBy's key is " +
                         types::TypeName(key_schema.fields[i].type));
    }
    columns.push_back(*at);
  }
  keys->resize(rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row) {
    types::EncodeKey(rows, columns, row, &(*keys)[row]);
  }
  return Status();
}

// From the order in which rows were planned to the one in which they came.
void PutInPlace(const std::vector<uint32_t>& order,
                std::vector<std::shared_ptr<types::Column>>* columns) {
  if (order.empty()) return;
  std::vector<uint32_t> plan_of(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) plan_of[order[i]] = i;
  for (auto& column : *columns) column = std::make_shared<types::Column>(column->Take(plan_of));
}

void MarkBadRows(std::span<const sql::BadRow> bad_rows, std::vector<RowAnswer>* rows) {
  for (const sql::BadRow& bad : bad_rows) {
    Incomplete& incomplete = (*rows)[bad.row].incomplete;
    if (incomplete == Incomplete::kNone) incomplete = Incomplete::kDerivation;
  }
}

}  // namespace

bool FetchAnswer::Complete(size_t row) const {
  return std::all_of(parts.begin(), parts.end(), [row](const PartAnswer& part) {
    return !part.error && part.rows[row].incomplete == Incomplete::kNone &&
           !part.rows[row].out_of_retention;
  });
}

Fetcher::Fetcher(kv::KVStore* store, bool gated)
    : store_(store), gated_(gated), derived_(std::make_unique<DerivedFeatures>()) {}

Fetcher::~Fetcher() = default;

void Fetcher::AddGroupBy(std::shared_ptr<const conf::GroupBy> group_by) {
  const std::lock_guard lock(mutex_);
  group_bys_[group_by->metadata.name] = std::move(group_by);
}

void Fetcher::AddJoin(std::shared_ptr<const conf::Join> join) {
  const std::lock_guard lock(mutex_);
  joins_[join->metadata.name] = std::move(join);
}

void Fetcher::AddConf(const conf::Conf& conf) {
  const auto lineage = conf::LineageOf(conf);
  if (!lineage.ok()) return;
  for (const auto& group_by : lineage->group_bys) AddGroupBy(group_by);
  for (const auto& join : lineage->joins) AddJoin(join);
  const std::lock_guard lock(mutex_);
  for (const auto& [table, schema] : conf.schemas) schemas_[table] = schema;
}

std::vector<std::string> Fetcher::GroupByNames() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, group_by] : group_bys_) names.push_back(name);
  return names;
}

std::vector<std::string> Fetcher::JoinNames() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, join] : joins_) names.push_back(name);
  return names;
}

Result<std::shared_ptr<const conf::Join>> Fetcher::JoinOf(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto at = joins_.find(name);
  if (at != joins_.end()) return at->second;
  return NotFound("no Join of this name; `catena fetch --list` names them: " + name);
}

Result<std::vector<Fetcher::Part>> Fetcher::PartsOf(const std::string& name, bool is_join) const {
  std::vector<Part> parts;
  if (!is_join) {
    const std::lock_guard lock(mutex_);
    const auto at = group_bys_.find(name);
    if (at == group_bys_.end()) {
      return NotFound("no GroupBy of this name; `catena fetch --list` names them: " + name);
    }
    parts.push_back(Part{at->second, at->second->key_columns, "", name});
    return parts;
  }
  CATENA_TRY(const auto join, JoinOf(name));
  for (const conf::JoinPart& part : join->join_parts) {
    const std::string label =
        part.full_prefix.empty()
            ? (part.prefix.empty() ? "" : part.prefix + "_") + part.group_by->metadata.name
            : part.full_prefix;
    parts.push_back(Part{part.group_by, conf::LeftKeys(part), conf::ColumnPrefix(part), label});
  }
  return parts;
}

Result<std::shared_ptr<const GroupByReader>> Fetcher::ReaderOf(
    const std::shared_ptr<const conf::GroupBy>& group_by) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = readers_.find(group_by.get());
    if (at != readers_.end()) return at->second;
  }
  CATENA_TRY(GroupByReader opened, GroupByReader::Open(store_, group_by));
  auto reader = std::make_shared<const GroupByReader>(std::move(opened));
  const std::lock_guard lock(mutex_);
  readers_[group_by.get()] = reader;
  return reader;
}

Result<FetchAnswer> Fetcher::Fetch(const std::vector<Part>& parts, const types::Batch& keys,
                                   std::span<const Timestamp> as_of) {
  CATENA_CHECK(keys.rows() == as_of.size(), "one instant a request");
  const size_t rows = as_of.size();
  FetchAnswer answer;
  std::vector<Running> running(parts.size());
  std::vector<kv::GetRequest> requests;
  for (size_t p = 0; p < parts.size(); ++p) {
    PartAnswer part{parts[p].label, 0, 0, std::vector<RowAnswer>(rows), std::nullopt};
    const auto prepare = [&]() -> Status {
      Running& run = running[p];
      CATENA_TRY(run.reader, ReaderOf(parts[p].group_by));
      CATENA_TRY(run.view, run.reader->ReadView(store_));
      run.view.gated = gated_;
      CATENA_RETURN_IF_ERROR(
          EncodeKeys(keys, parts[p].key_columns, run.reader->serving_info().keys, &run.keys));
      run.order = OrderOf(run.keys, as_of);
      run.plans.reserve(rows);
      const size_t begin = requests.size();
      for (size_t i = 0; i < rows; ++i) {
        const GroupByReader::RowPlan* before = i == 0 ? nullptr : &run.plans.back();
        const size_t row = run.RowOf(i);
        if (i == 1) requests.reserve(begin + (requests.size() - begin) * rows);  // All alike.
        run.plans.push_back(
            run.reader->Plan(run.view, run.keys[row], as_of[row], before, &requests));
      }
      return Status();
    };
    if (const Status status = prepare(); !status.ok()) part.error = status.error();
    answer.parts.push_back(std::move(part));
  }
  kv::FlatAnswers values;
  store_->MultiGetFlat(requests, &values);
  for (size_t p = 0; p < parts.size(); ++p) {
    PartAnswer& part = answer.parts[p];
    part.column_begin = part.column_end = answer.features.width();
    if (running[p].reader == nullptr) continue;
    const types::Schema& schema = running[p].reader->output_schema();
    std::vector<std::shared_ptr<types::Column>> columns;
    std::vector<types::Column*> into;
    for (const types::Field& field : schema.fields) {
      columns.push_back(std::make_shared<types::Column>(field.type, rows));
      into.push_back(columns.back().get());
    }
    if (!part.error) {
      const Status status = running[p].reader->Finish(running[p].plans, values, into);
      if (!status.ok()) part.error = status.error();
      for (size_t i = 0; i < rows; ++i) {
        part.rows[running[p].RowOf(i)] = running[p].plans[i].answer;
      }
    }
    if (part.error) continue;
    PutInPlace(running[p].order, &columns);
    types::Batch features;
    for (size_t i = 0; i < columns.size(); ++i) {
      features.AddColumn(schema.fields[i].name, columns[i]);
    }
    const Status derived = DerivePart(parts[p], keys, as_of, &features, &part.rows);
    if (!derived.ok()) {
      part.error = derived.error();
      continue;
    }
    for (size_t i = 0; i < features.width(); ++i) {
      answer.features.AddColumn(parts[p].prefix + features.schema().fields[i].name,
                                features.shared(i));
    }
    part.column_end = answer.features.width();
  }
  return answer;
}

Result<FetchAnswer> Fetcher::FetchGroupBy(const std::string& name, const types::Batch& keys,
                                          std::span<const Timestamp> as_of) {
  CATENA_TRY(auto parts, PartsOf(name, false));
  CATENA_TRY(FetchAnswer answer, Fetch(parts, keys, as_of));
  if (answer.parts[0].error) return *answer.parts[0].error;
  return answer;
}

Status Fetcher::DerivePart(const Part& part, const types::Batch& keys,
                           std::span<const Timestamp> as_of, types::Batch* features,
                           std::vector<RowAnswer>* rows) {
  if (part.group_by->derivations.empty()) return Status();
  types::Batch named;
  for (size_t i = 0; i < part.key_columns.size(); ++i) {
    named.AddColumn(part.group_by->key_columns[i],
                    keys.shared(*keys.schema().Find(part.key_columns[i])));
  }
  CATENA_TRY(sql::Derived derived,
             derived_->Derive(part.group_by->derivations, *features, named, as_of));
  MarkBadRows(derived.bad_rows, rows);
  *features = std::move(derived.columns);
  return Status();
}

Result<FetchAnswer> Fetcher::FetchBaseJoin(const std::string& name, const types::Batch& keys,
                                           std::span<const Timestamp> as_of) {
  CATENA_TRY(const auto join, JoinOf(name));
  CATENA_TRY(auto parts, PartsOf(name, true));
  CATENA_TRY(FetchAnswer answer, Fetch(parts, keys, as_of));
  for (const conf::ExternalPart& part : join->externals) {
    PartAnswer external{part.full_name, answer.features.width(), 0,
                        std::vector<RowAnswer>(as_of.size()), std::nullopt};
    CATENA_TRY(const types::Batch columns, ExternalColumns(part, keys, as_of.size()));
    for (size_t i = 0; i < columns.width(); ++i) {
      const std::string& column = columns.schema().fields[i].name;
      if (!answer.features.schema().Find(column)) {
        answer.features.AddColumn(column, columns.shared(i));
      }
    }
    external.column_end = answer.features.width();
    if (!part.contextual) {
      external.error = NotFound("no external service is called: " + part.full_name);
    }
    answer.parts.push_back(std::move(external));
  }
  return answer;
}

Result<FetchAnswer> Fetcher::FetchJoin(const std::string& name, const types::Batch& keys,
                                       std::span<const Timestamp> as_of) {
  CATENA_TRY(const auto join, JoinOf(name));
  CATENA_TRY(FetchAnswer answer, FetchBaseJoin(name, keys, as_of));
  if (join->derivations.empty()) return answer;
  std::vector<std::string> absent;
  for (size_t p = 0; p < answer.parts.size(); ++p) {
    // What an external part could not give is null, and there.
    if (answer.parts[p].error && p < join->join_parts.size()) {
      absent.push_back(conf::ColumnPrefix(join->join_parts[p]));
    }
    answer.parts[p].column_begin = answer.parts[p].column_end = 0;
  }
  PartAnswer last{name, 0, 0, std::vector<RowAnswer>(as_of.size()), std::nullopt};
  auto derived = derived_->Derive(join->derivations, answer.features, keys, as_of, absent);
  answer.features = types::Batch();
  if (derived.ok()) {
    MarkBadRows(derived->bad_rows, &last.rows);
    last.column_end = derived->columns.width();
    answer.features = std::move(derived->columns);
  } else {
    last.error = derived.error();
  }
  answer.parts.push_back(std::move(last));
  return answer;
}

Result<types::Schema> Fetcher::KeySchema(const std::string& name, bool is_join) {
  CATENA_TRY(auto parts, PartsOf(name, is_join));
  types::Schema schema;
  std::optional<Error> failure;
  for (const Part& part : parts) {
    auto reader = ReaderOf(part.group_by);
    if (!reader.ok()) {
      failure = reader.error();
      continue;
    }
    const types::Schema& keys = (*reader)->serving_info().keys;
    for (size_t i = 0; i < part.key_columns.size() && i < keys.size(); ++i) {
      if (!schema.Find(part.key_columns[i])) {
        schema.fields.push_back(types::Field{part.key_columns[i], keys.fields[i].type});
      }
    }
  }
  if (schema.fields.empty() && failure) return *failure;
  if (!is_join) return schema;
  CATENA_TRY(const auto join, JoinOf(name));
  for (const conf::ExternalPart& part : join->externals) {
    for (const types::Field& key : part.keys.fields) {
      if (part.contextual && !schema.Find(key.name)) schema.fields.push_back(key);
    }
  }
  std::map<std::string, types::Schema> schemas;
  {
    const std::lock_guard lock(mutex_);
    schemas = schemas_;
  }
  CATENA_TRY(const types::Schema left, derived_->LeftColumnsRead(*join, schemas));
  for (const types::Field& field : left.fields) {
    if (!schema.Find(field.name)) schema.fields.push_back(field);
  }
  return schema;
}

}  // namespace catena::fetch
