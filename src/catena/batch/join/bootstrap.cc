// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/bootstrap.h"

#include <algorithm>

#include "catena/batch/group_by_rows.h"

namespace catena::batch {
namespace {

bool IsDerivation(const conf::Join& join, const std::string& name) {
  return std::any_of(join.derivations.begin(), join.derivations.end(),
                     [&](const conf::Derivation& one) { return one.name == name; });
}

Status RequireKeys(const conf::BootstrapPart& part, const types::Schema& schema,
                   const std::string& whose) {
  for (const std::string& key : part.key_columns) {
    if (schema.Find(key)) continue;
    return InvalidConf(whose + " has no such key column; name those of both in keyColumns: " + key +
                       " (it gives " + schema.ToString() + ")");
  }
  return Status();
}

Status RequireEqualTypes(const conf::BootstrapPart& part, const types::Schema& left,
                         const types::Schema& right) {
  for (const std::string& key : part.key_columns) {
    CATENA_RETURN_IF_ERROR(RequireEqualKeys(left.fields[*left.Find(key)].type, key, "the left side",
                                            right.fields[*right.Find(key)].type, ""));
  }
  return Status();
}

// Rows of the table by key and day; of equal ones the first.
KeyIndex IndexRows(const KeyReader& reader, const SourceRows& found,
                   std::vector<uint32_t>* row_of_id) {
  KeyIndex index;
  std::vector<uint32_t> ids(found.rows.rows(), 0);
  reader.Add(found.rows, found.days, &index, ids);
  for (uint32_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == row_of_id->size()) row_of_id->push_back(row);
  }
  return index;
}

}  // namespace

Result<Bootstraps> Bootstraps::Read(const BatchContext& context, const conf::Join& join,
                                    std::span<const LeftRows> left) {
  Bootstraps bootstraps;
  bootstraps.join_ = &join;
  std::vector<Date> with_rows;
  size_t rows = 0;
  for (const LeftRows& day : left) {
    if (day.size() > 0) with_rows.push_back(day.source.days.front());
    rows += day.size();
  }
  if (with_rows.empty()) return bootstraps;
  const table::PartitionRange range{with_rows.front(), with_rows.back()};
  const types::Schema& schema = left.front().source.rows.schema();
  for (const conf::BootstrapPart& part : join.bootstraps) {
    const auto read = [&]() -> Status {
      CATENA_RETURN_IF_ERROR(RequireKeys(part, schema, "the left side"));
      const conf::EventSource table{part.table, "", part.query, false};
      CATENA_TRY(const SourceRows found, ReadSource(context, table, {range, {}}));
      CATENA_RETURN_IF_ERROR(RequireKeys(part, found.rows.schema(), part.table));
      CATENA_RETURN_IF_ERROR(RequireEqualTypes(part, schema, found.rows.schema()));
      std::vector<uint32_t> row_of_id;
      const KeyIndex index =
          IndexRows(KeyReader(found.rows.schema(), part.key_columns), found, &row_of_id);
      Source source{part.table, {}, std::vector<uint32_t>(rows, 0)};
      const KeyReader reader(schema, part.key_columns);
      size_t at = 0;
      for (const LeftRows& day : left) {
        reader.Find(day.source.rows, day.source.days, index,
                    std::span(source.rows).subspan(at, day.size()));
        at += day.size();
      }
      for (uint32_t& row : source.rows) row = row == kNoGroup ? kNoGroup : row_of_id[row];
      for (size_t i = 0; i < found.rows.width(); ++i) {
        const std::string& name = found.rows.schema().fields[i].name;
        const bool is_key = std::find(part.key_columns.begin(), part.key_columns.end(), name) !=
                            part.key_columns.end();
        if (!is_key && name != "ts" && name != "ds" && name != kTopicPartitionColumn &&
            name != kOffsetColumn) {
          source.values.AddColumn(name, found.rows.shared(i));
        }
      }
      bootstraps.sources_.push_back(std::move(source));
      return Status();
    };
    CATENA_RETURN_IF_ERROR(read().WithContext("bootstrap part " + part.table));
  }
  return bootstraps;
}

Status Bootstraps::CheckType(const Source& source, const types::Field& ours) const {
  const auto at = source.values.schema().Find(ours.name);
  if (!at || source.values.schema().fields[*at].type == ours.type) return Status();
  return InvalidConf("bootstrap part " + source.table +
                     ": a column has another type than the Join's; cast it in the selects: " +
                     ours.name + " " + types::TypeName(source.values.schema().fields[*at].type) +
                     " and " + types::TypeName(ours.type));
}

// `part`: the columns that come and go together with this one.
types::ColumnPtr Bootstraps::Filled(const std::string& name, const types::ColumnPtr& computed,
                                    size_t first_row, const std::set<std::string>& part) const {
  auto filled = std::make_shared<types::Column>(computed->type(), computed->size());
  for (size_t row = 0; row < computed->size(); ++row) {
    const types::Column* value = nullptr;
    uint32_t value_row = kNoGroup;
    std::set<std::string> brought;
    for (const Source& source : sources_) {
      const uint32_t found = source.rows[first_row + row];
      if (found == kNoGroup) continue;
      for (const types::Field& field : source.values.schema().fields) {
        if (part.contains(field.name)) brought.insert(field.name);
      }
      const types::Column* column = source.values.Find(name);
      if (value != nullptr || column == nullptr || column->IsNull(found)) continue;
      value = column;
      value_row = found;
    }
    if (value != nullptr) {
      filled->AppendFrom(*value, value_row);
    } else if (!part.empty() && brought.size() == part.size()) {
      filled->AppendNull();
    } else {
      filled->AppendFrom(*computed, row);
    }
  }
  return filled;
}

Result<types::Batch> Bootstraps::Into(const types::Batch& output, size_t first,
                                      std::span<const size_t> part_begins, size_t first_row,
                                      bool derived) const {
  if (sources_.empty()) return output;
  std::map<std::string, std::set<std::string>> part_of;  // Column to the columns of its part.
  for (size_t part = 1; part < part_begins.size(); ++part) {
    std::set<std::string> columns;
    for (size_t i = part_begins[part - 1]; i < part_begins[part]; ++i) {
      columns.insert(output.schema().fields[i].name);
    }
    for (const std::string& name : columns) part_of[name] = columns;
  }
  types::Batch result;
  for (size_t i = 0; i < output.width(); ++i) {
    const types::Field& field = output.schema().fields[i];
    bool bootstrapped = i >= first && IsDerivation(*join_, field.name) == derived;
    bool given = false;
    for (const Source& source : sources_) {
      given = given || source.values.schema().Find(field.name).has_value();
      if (bootstrapped) CATENA_RETURN_IF_ERROR(CheckType(source, field));
    }
    bootstrapped = bootstrapped && given;
    result.AddColumn(field.name, bootstrapped ? Filled(field.name, output.shared(i), first_row,
                                                       part_of[field.name])
                                              : output.shared(i));
  }
  return result;
}

Result<types::Batch> Bootstraps::IntoParts(const types::Batch& output,
                                           std::span<const size_t> part_begins,
                                           size_t first_row) const {
  const size_t first_part = part_begins.front();
  std::string ours;
  for (size_t i = first_part; i < output.width(); ++i) {
    ours += (ours.empty() ? "" : ", ") + output.schema().fields[i].name;
  }
  for (const Source& source : sources_) {
    for (const types::Field& field : source.values.schema().fields) {
      const auto at = output.schema().Find(field.name);
      if ((at && *at >= first_part) || IsDerivation(*join_, field.name)) continue;
      return InvalidConf("bootstrap part " + source.table +
                         ": the Join has no such column; leave it out of the selects: " +
                         field.name + " (it has " + ours + ")");
    }
  }
  return Into(output, first_part, part_begins, first_row, false);
}

Result<types::Batch> Bootstraps::IntoDerived(const types::Batch& output, size_t first_part,
                                             size_t first_row) const {
  return Into(output, first_part, {}, first_row, true);
}

}  // namespace catena::batch
