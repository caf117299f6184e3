// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/change_envelope.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catena/topic/json_decoder.h"

namespace catena::topic {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::ondemand::json_type;

// Create, read, update, delete, message, truncate.
constexpr std::string_view kOps = "crudmt";

// A member of the envelope that stands for an object or for nothing.
struct Image {
  bool is_known = false;
  bool is_bad = false;
  std::string json;  // Empty: null, or absent.
};

struct Change {
  Image before, after, payload;
  std::string op;
  std::optional<int64_t> ts_ms;
  std::optional<int64_t> source_ts_ms;
};

// Whoever calls has checked that the whole value is JSON, so a member that does not read as what is
// asked for is of another type.
void ReadImage(ondemand::value value, Image* image) {
  if (image->is_known) return;  // Of a repeated member the first counts.
  image->is_known = true;
  json_type type;
  if (value.type().get(type)) return;
  image->is_bad = type != json_type::object && type != json_type::null;
  ondemand::object object;
  std::string_view json;
  if (type == json_type::object && !value.get_object().get(object) &&
      !object.raw_json().get(json)) {
    image->json = json;
  }
}

void ReadInteger(ondemand::value value, std::optional<int64_t>* into) {
  int64_t number = 0;
  if (!into->has_value() && !value.get_int64().get(number)) *into = number;
}

void ReadMembers(ondemand::object object, Change* change) {
  for (auto result : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(result).get(field) || field.unescaped_key().get(key)) return;
    if (key == "before") {
      ReadImage(field.value(), &change->before);
    } else if (key == "after") {
      ReadImage(field.value(), &change->after);
    } else if (key == "payload") {
      ReadImage(field.value(), &change->payload);
    } else if (key == "ts_ms") {
      ReadInteger(field.value(), &change->ts_ms);
    } else if (key == "op") {
      std::string_view op;
      if (change->op.empty() && !field.value().get_string().get(op)) change->op = op;
    } else if (key == "source") {
      ondemand::object source;
      if (field.value().get_object().get(source)) continue;
      ondemand::value time;
      if (!source.find_field_unordered("ts_ms").get(time)) {
        ReadInteger(time, &change->source_ts_ms);
      }
    }
  }
}

// What is wrong with a change that has its members, "" for nothing.
std::string WrongWith(const Change& change) {
  if (change.before.is_bad) return "\"before\" is neither an object nor null";
  if (change.after.is_bad) return "\"after\" is neither an object nor null";
  const bool known = change.op.empty() ||
                     (change.op.size() == 1 && kOps.find(change.op[0]) != std::string_view::npos);
  if (!known) return "an op that is none of c, r, u, d, m and t: \"" + change.op + "\"";
  if (change.op == "t") {
    return "a truncation names no rows; upload the snapshot after it, and skip this record";
  }
  const bool takes = change.op == "u" || change.op == "d";
  if (takes && change.before.json.empty()) {
    return "an update or a delete without its before-image, so the row that it ends is not known; "
           "let the database log whole rows (REPLICA IDENTITY FULL, binlog_row_image=FULL)";
  }
  if ((change.op == "u" || change.op == "c") && change.after.json.empty()) {
    return "an op " + change.op + " without \"after\"";
  }
  if (change.op.empty() && change.before.json.empty() && change.after.json.empty()) {
    return "a change envelope has \"before\" or \"after\", here or under \"payload\"";
  }
  return "";
}

class EnvelopeDecoder : public Decoder {
 public:
  EnvelopeDecoder(types::Schema schema, std::unique_ptr<Decoder> checker,
                  std::unique_ptr<Decoder> images)
      : schema_(std::move(schema)), checker_(std::move(checker)), images_(std::move(images)) {}

  Result<Decoded> Decode(std::span<const Record> records) override {
    Images found;
    std::vector<BadRecord> bad;
    for (size_t i = 0; i < records.size(); ++i) {
      const auto record = static_cast<uint32_t>(i);
      CATENA_TRY(const std::string reason, Read(records[i], record, &found));
      if (!reason.empty()) bad.push_back({record, reason});
    }
    CATENA_TRY(Decoded rows, images_->Decode(found.json));
    std::vector<bool> is_bad(records.size(), false);
    for (const BadRecord& image : rows.bad) {
      const uint32_t record = found.record[image.record];
      if (is_bad[record]) continue;
      is_bad[record] = true;
      bad.push_back(
          {record,
           (found.is_before[image.record] ? "in \"before\": " : "in \"after\": ") + image.reason});
    }
    std::sort(bad.begin(), bad.end(),
              [](const BadRecord& a, const BadRecord& b) { return a.record < b.record; });
    return Assemble(found, rows, is_bad, std::move(bad));
  }

 private:
  struct Images {  // By image.
    std::vector<Record> json;
    std::vector<uint32_t> record;
    std::vector<int64_t> time;
    std::vector<uint8_t> is_before;
  };

  // Appends the images of one record; answers why there are none that should be.
  Result<std::string> Read(const Record& record, uint32_t number, Images* found) {
    if (record.value.empty()) return std::string();
    CATENA_TRY(const Decoded checked, checker_->Decode({&record, 1}));
    if (!checked.bad.empty()) return checked.bad.front().reason;
    Change change = ChangeOf(record.value);
    if (!change.before.is_known && !change.after.is_known && change.payload.is_known) {
      if (change.payload.is_bad) return std::string("\"payload\" is neither an object nor null");
      if (change.payload.json.empty()) return std::string();
      change = ChangeOf(change.payload.json);
    }
    if (std::string wrong = WrongWith(change); !wrong.empty()) return wrong;
    if (change.op == "r" || change.op == "m") return std::string();
    const bool has_source = change.source_ts_ms && *change.source_ts_ms > 0;
    const std::optional<int64_t> time = has_source ? change.source_ts_ms : change.ts_ms;
    if (!time) return std::string("neither source.ts_ms nor ts_ms is an integer, so no time");
    for (const bool before : {true, false}) {
      std::string& json = before ? change.before.json : change.after.json;
      if (json.empty()) continue;
      found->json.emplace_back().value = std::move(json);
      found->record.push_back(number);
      found->time.push_back(*time);
      found->is_before.push_back(before ? 1 : 0);
    }
    return std::string();
  }

  Change ChangeOf(std::string_view json) {
    Change change;
    const simdjson::padded_string padded(json);
    ondemand::document document;
    ondemand::object object;
    if (parser_.iterate(padded).get(document) || document.get_object().get(object)) return change;
    ReadMembers(object, &change);
    return change;
  }

  Decoded Assemble(const Images& found, const Decoded& rows, const std::vector<bool>& is_bad,
                   std::vector<BadRecord> bad) const {
    Decoded decoded;
    decoded.bad = std::move(bad);
    std::vector<uint32_t> keep;
    const auto times = std::make_shared<types::Column>(types::Kind::kLong);
    const auto images = std::make_shared<types::Column>(types::Kind::kBool);
    for (uint32_t row = 0; row < rows.record_of_row.size(); ++row) {
      const uint32_t image = rows.record_of_row[row];
      if (is_bad[found.record[image]]) continue;
      keep.push_back(row);
      decoded.record_of_row.push_back(found.record[image]);
      times->Append<int64_t>(found.time[image]);
      images->Append<int8_t>(static_cast<int8_t>(found.is_before[image]));
    }
    const types::Batch kept = rows.rows.Take(keep);
    for (const types::Field& field : schema_.fields) {
      const auto at = kept.schema().Find(field.name);
      decoded.rows.AddColumn(field.name, at                            ? kept.shared(*at)
                                         : field.name == kEnvelopeTime ? types::ColumnPtr(times)
                                                                       : types::ColumnPtr(images));
    }
    return decoded;
  }

  types::Schema schema_;
  std::unique_ptr<Decoder> checker_;  // Of whole envelopes, what no column takes included.
  std::unique_ptr<Decoder> images_;
  ondemand::parser parser_;
};

}  // namespace

Result<std::unique_ptr<Decoder>> OpenEnvelopeDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema) {
  const std::string& kind = topic.serde.at("envelope");
  if (kind != "debezium") {
    return InvalidConf("unknown envelope; write envelope=debezium: \"" + kind + "\"");
  }
  const auto has = [&](const char* name, types::Kind type) {
    const auto at = schema.Find(name);
    return at && schema.fields[*at].type.kind == type;
  };
  if (!has(kEnvelopeTime, types::Kind::kLong) || !has(kEnvelopeImage, types::Kind::kBool)) {
    return InvalidConf(
        "a change envelope fills the columns mutation_ts LONG and is_before BOOLEAN beside those "
        "of its rows; give the schema both (" +
        schema.ToString() + ")");
  }
  types::Schema row = schema;
  std::erase_if(row.fields, [](const types::Field& field) {
    return field.name == kEnvelopeTime || field.name == kEnvelopeImage;
  });
  CATENA_TRY(auto images, OpenJsonDecoder(row));
  CATENA_TRY(auto checker, OpenJsonDecoder(types::Schema()));
  return std::unique_ptr<Decoder>(
      new EnvelopeDecoder(schema, std::move(checker), std::move(images)));
}

}  // namespace catena::topic
