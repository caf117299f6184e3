// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/features.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "catena/base/log.h"
#include "catena/base/settings.h"
#include "catena/fetch/online_state.h"

namespace catena::serve {
namespace {

constexpr size_t kNameBytesMax = 256;
// An answer takes a hundred times the memory of the shortest request for it.
constexpr size_t kRowsMax = 10'000;
// 0001-01-01 and 9999-12-31, inclusive: what dates can be written of.
constexpr Timestamp kFirstInstant = FromMillis(-62'135'596'800'000);
constexpr Timestamp kLastInstant = FromMillis(253'402'300'799'999);
constexpr std::string_view kNamePunctuation = "_./-";

// As runtime rules have it: [A-Za-z0-9_./-]{1,256} without ".." or empty segments.
bool IsConfName(const std::string& name) {
  if (name.empty() || name.size() > kNameBytesMax || name.find("..") != std::string::npos ||
      name.find("//") != std::string::npos || name.front() == '/' || name.back() == '/') {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           kNamePunctuation.find(static_cast<char>(c)) != kNamePunctuation.npos;
  });
}

Error OfRow(size_t row, const std::string& what) {
  return InvalidConf("requests[" + std::to_string(row) + "]: " + what);
}

Status RequireInstant(Timestamp as_of) {
  if (as_of >= kFirstInstant && as_of <= kLastInstant) return Status();
  return InvalidConf("atMillis lies outside the years 1 to 9999: " +
                     std::to_string(ToMillis(as_of)));
}

void AddOnce(const std::string& name, std::vector<std::string>* names) {
  if (std::find(names->begin(), names->end(), name) == names->end()) names->push_back(name);
}

}  // namespace

struct Features::Row {
  Json keys;
  Timestamp as_of;
  std::vector<types::Value> values;  // By field of the key schema; empty when `error` is set.
  std::string error;
};

Result<Timestamp> ReadAtMillis(const Json& value) {
  const auto read = types::FromJson(value, types::Kind::kLong);
  if (!read.ok() || read->is_null()) {
    return InvalidConf("atMillis is a whole number of milliseconds since 1970 UTC: " +
                       PrintJson(value).substr(0, 80));
  }
  return FromMillis(std::get<int64_t>(read->data));
}

Result<std::string> Features::ResolveName(const std::string& name, bool is_join) const {
  const char* kind = is_join ? "Join" : "GroupBy";
  if (!IsConfName(name)) {
    return InvalidConf(std::string("the name of a ") + kind +
                       " has 1 to 256 letters, digits, '_', '.', '/' or '-', without '..' or "
                       "empty segments: " +
                       name.substr(0, kNameBytesMax));
  }
  const std::vector<std::string> names = is_join ? fetcher_->JoinNames() : fetcher_->GroupByNames();
  const auto known = [&](const std::string& candidate) {
    return std::find(names.begin(), names.end(), candidate) != names.end();
  };
  if (known(name)) return name;
  std::string dotted = name;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  if (known(dotted)) return dotted;
  const std::vector<std::string> near = NearestNames(dotted, names);
  return NotFound(
      std::string("there is no ") + kind + " of this name" +
      (near.empty() ? "; `catena fetch --list` names them" : "; did you mean " + near[0] + "?") +
      ": " + name);
}

Result<std::vector<Features::Row>> Features::ReadRows(const FeaturesCall& call,
                                                      const Json& body) const {
  const Timestamp now = call.as_of ? *call.as_of : clock_->Now();
  CATENA_RETURN_IF_ERROR(RequireInstant(now));
  const Json* list = &body;
  if (body.is_object()) {
    const auto at = body.find("requests");
    if (at == body.end()) {
      return InvalidConf("the body is a JSON array of key maps, or an object with `requests`");
    }
    list = &*at;
  }
  if (!list->is_array() || list->empty()) {
    return InvalidConf("the body is a JSON array of at least one key map: [{\"user_id\": 7}]");
  }
  if (list->size() > kRowsMax) {
    return InvalidConf("too many key maps in one request; send at most " +
                       std::to_string(kRowsMax) + " at once: " + std::to_string(list->size()));
  }
  std::vector<Row> rows;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
    Row row{.as_of = now};
    const Json* keys = &item;
    if (body.is_object()) {
      if (!item.is_object() || !item.contains("keys")) {
        return OfRow(i, "wants {\"keys\": {...}, \"atMillis\": ...}");
      }
      keys = &item["keys"];
      if (const auto at = item.find("atMillis"); at != item.end() && !at->is_null()) {
        auto as_of = ReadAtMillis(*at);
        if (!as_of.ok()) return OfRow(i, as_of.error().message);
        row.as_of = *as_of;
        const Status possible = RequireInstant(row.as_of);
        if (!possible.ok()) return OfRow(i, possible.error().message);
      }
    }
    if (!keys->is_object()) {
      return OfRow(i, "keys are a JSON object by column, not " + PrintJson(*keys).substr(0, 80));
    }
    row.keys = *keys;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string Features::WhatIsKept(const std::string& part, Timestamp asked) const {
  std::string message =
      "atMillis " + std::to_string(ToMillis(asked)) + " is older than what is kept of " + part;
  // A part is labelled by its GroupBy, after its prefix if it has one.
  std::string group_by;
  for (const std::string& name : fetcher_->GroupByNames()) {
    if (part.ends_with(name) && name.size() > group_by.size()) group_by = name;
  }
  const auto kept = fetch::ReadRetention(store_, group_by);
  if (!kept.ok() || !kept->has_value()) {
    return message + "; ask for a later time, or backfill the past with `catena join`";
  }
  const auto time = [](int64_t millis) { return FormatTimestamp(FromMillis(millis)); };
  if ((*kept)->raw_floor > INT64_MIN) {
    message += "; every millisecond is kept from " + time((*kept)->raw_floor) + " on";
  }
  if ((*kept)->as_of_floor > INT64_MIN) {
    message += "; five-minute boundaries from " + time((*kept)->as_of_floor) + " on";
  }
  return message;
}

void Features::Describe(const fetch::FetchAnswer& answer, size_t row, const Row& asked,
                        FeaturesAnswer* into) const {
  Json features = Json::object();
  Json incomplete = Json::object();
  std::string error;
  for (const fetch::PartAnswer& part : answer.parts) {
    if (part.error) {
      features[part.name + "_exception"] = part.error->message;
      incomplete[part.name] = "exception";
      AddOnce(part.name, &into->incomplete_parts);
      continue;
    }
    for (size_t i = part.column_begin; i < part.column_end; ++i) {
      features[answer.features.schema().fields[i].name] =
          types::ToJson(answer.features.column(i).ValueAt(row));
    }
    const fetch::RowAnswer& how = part.rows[row];
    if (how.out_of_retention && error.empty()) error = WhatIsKept(part.name, asked.as_of);
    if (how.out_of_retention || how.incomplete != fetch::Incomplete::kNone) {
      incomplete[part.name] =
          how.out_of_retention ? "out_of_retention" : fetch::IncompleteName(how.incomplete);
      AddOnce(part.name, &into->incomplete_parts);
    }
  }
  Json result = {{"status", error.empty() ? "Success" : "Failure"},
                 {"entityKeys", asked.keys},
                 {"features", std::move(features)}};
  if (!incomplete.empty()) result["incomplete"] = std::move(incomplete);
  if (!error.empty()) {
    result["error"] = std::move(error);
    ++into->failures;
  }
  into->document["results"].push_back(std::move(result));
}

Result<FeaturesAnswer> Features::Fetch(const FeaturesCall& call, const Json& body) {
  CATENA_TRY(const std::string name, ResolveName(call.name, call.is_join));
  CATENA_TRY(std::vector<Row> rows, ReadRows(call, body));
  CATENA_TRY(const types::Schema schema, fetcher_->KeySchema(name, call.is_join));
  types::BatchBuilder keys(schema, rows.size());
  std::vector<Timestamp> as_of;
  for (Row& row : rows) {
    for (const types::Field& field : schema.fields) {
      const auto at = row.keys.find(field.name);
      if (at == row.keys.end()) {
        row.error = "the key map lacks " + field.name + " " + types::TypeName(field.type) +
                    "; it wants " + schema.ToString();
        break;
      }
      auto value = types::FromJson(*at, field.type);
      if (!value.ok()) {
        row.error = "key " + field.name + ": " + value.error().message;
        break;
      }
      row.values.push_back(std::move(*value));
    }
    if (!row.error.empty()) continue;
    if (const Status fits = keys.AppendRow(row.values); !fits.ok()) {
      row.error = fits.error().message;
      continue;
    }
    as_of.push_back(row.as_of);
  }
  FeaturesAnswer answer;
  answer.rows = rows.size();
  answer.document = Json{{"results", Json::array()}};
  const types::Batch batch = keys.Build();
  auto fetched = call.is_join ? fetcher_->FetchJoin(name, batch, as_of)
                              : fetcher_->FetchGroupBy(name, batch, as_of);
  if (!fetched.ok()) return fetched.error();
  const bool is_down =
      std::all_of(fetched->parts.begin(), fetched->parts.end(), [](const fetch::PartAnswer& part) {
        return part.error && part.error->code == ErrorCode::kUnavailable;
      });
  if (is_down && !fetched->parts.empty()) return *fetched->parts[0].error;
  size_t next = 0;
  for (const Row& row : rows) {
    if (row.error.empty()) {
      Describe(*fetched, next++, row, &answer);
      continue;
    }
    ++answer.failures;
    answer.document["results"].push_back(Json{{"status", "Failure"},
                                              {"entityKeys", row.keys},
                                              {"features", Json::object()},
                                              {"error", row.error}});
  }
  return answer;
}

}  // namespace catena::serve
