// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/enriched_record.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace catena::streaming {
namespace {

using types::Kind;

constexpr char kOriginPartition[] = "_origin_partition";
constexpr char kOriginOffset[] = "_origin_offset";
constexpr char kAppendTime[] = "_append_time";
constexpr char kEventTime[] = "_event_time";
constexpr char kIncomplete[] = "_incomplete";
constexpr char kHeartbeat[] = "_heartbeat";

const types::Schema& OriginColumns() {
  static const auto& columns = *new types::Schema{{{kOriginPartition, Kind::kInt},
                                                   {kOriginOffset, Kind::kLong},
                                                   {kAppendTime, Kind::kLong},
                                                   {kEventTime, Kind::kLong},
                                                   {kIncomplete, Kind::kBool}}};
  return columns;
}

types::Schema WithOrigin(types::Schema rows, Heartbeats heartbeats) {
  const types::Schema& origin = OriginColumns();
  rows.fields.insert(rows.fields.end(), origin.fields.begin(), origin.fields.end());
  if (heartbeats == Heartbeats::kSent) rows.fields.push_back({kHeartbeat, Kind::kString});
  return rows;
}

bool Contains(const types::DataType& type, std::initializer_list<Kind> kinds) {
  return std::find(kinds.begin(), kinds.end(), type.kind) != kinds.end() ||
         std::any_of(type.children.begin(), type.children.end(),
                     [&](const types::DataType& child) { return Contains(child, kinds); });
}

bool IsFinite(const types::Value& value) {
  if (const auto* real = std::get_if<double>(&value.data)) return std::isfinite(*real);
  if (const auto* list = std::get_if<types::ValueList>(&value.data)) {
    return std::all_of(list->begin(), list->end(), IsFinite);
  }
  if (const auto* map = std::get_if<types::ValueMap>(&value.data)) {
    return std::all_of(map->begin(), map->end(),
                       [](const auto& entry) { return IsFinite(entry.second); });
  }
  return true;
}

// As types::ToJson, but a number that is none stays what it is: Avro and Protobuf have those.
Json ExactJson(const types::Value& value) {
  if (const auto* real = std::get_if<double>(&value.data)) return Json(*real);
  if (const auto* list = std::get_if<types::ValueList>(&value.data)) {
    Json array = Json::array();
    for (const types::Value& element : *list) array.push_back(ExactJson(element));
    return array;
  }
  if (const auto* map = std::get_if<types::ValueMap>(&value.data)) {
    Json object = Json::object();
    for (const auto& [key, mapped] : *map) {
      object[std::get<std::string>(key.data)] = ExactJson(mapped);
    }
    return object;
  }
  return types::ToJson(value);
}

// Some value of the type that is not null.
Json ProbeOf(const types::DataType& type) {
  switch (type.kind) {
    case Kind::kBool:
      return true;
    case Kind::kFloat:
    case Kind::kDouble:
      return 0.5;
    case Kind::kString:
      return "a";
    case Kind::kList:
      return Json::array({ProbeOf(type.children[0])});
    case Kind::kMap:
      return Json{{"a", ProbeOf(type.children[1])}};
    default:
      return 1;
  }
}

Status CheckColumns(const types::Schema& rows) {
  const types::Schema reserved = WithOrigin({}, Heartbeats::kSent);
  for (const types::Field& field : rows.fields) {
    if (reserved.Find(field.name)) {
      return InvalidConf(
          "a column of a published Join is not to be named like those of its "
          "identity, rename it by a select: " +
          field.name);
    }
    if (Contains(field.type, {Kind::kBinary, Kind::kStruct})) {
      return Unsupported(
          "a published row holds no BINARY and no STRUCT; leave the column out by selects, or "
          "spell it as a STRING: " +
          field.name);
    }
  }
  return Status();
}

// What is written by the schema of a topic must be read back whole: a schema that lacks a column
// would lose it without a word.
Status CheckReadBack(const topic::TopicAddress& topic, topic::RecordText* text,
                     const types::Schema& columns) {
  CATENA_TRY(const auto decoder, topic::Decoder::Open(topic, columns));
  Json probe = Json::object();
  for (const types::Field& field : columns.fields) probe[field.name] = ProbeOf(field.type);
  auto value = text->Write(probe);
  if (!value.ok()) {
    return value.error().code == ErrorCode::kInvalidData
               ? InvalidConf("the topic's schema cannot hold a row: " + value.error().message)
               : value.error();
  }
  topic::Record record;
  record.value = std::move(*value);
  CATENA_TRY(const topic::Decoded decoded, decoder->Decode({&record, 1}));
  for (size_t i = 0; i < columns.fields.size(); ++i) {
    if (decoded.rows.rows() == 1 && !decoded.rows.column(i).IsNull(0)) continue;
    return InvalidConf(
        "the topic's schema lacks a field of the published rows, or of their "
        "identity, add it: " +
        columns.fields[i].name + " " + types::TypeName(columns.fields[i].type));
  }
  return Status();
}

template <typename T>
T ValueOr(const types::Batch& rows, const char* name, size_t row, T absent) {
  const types::Column& column = *rows.Find(name);
  return column.IsNull(row) ? absent : column.Values<T>()[row];
}

Origin OriginOf(const types::Batch& rows, size_t row) {
  return {ValueOr<int32_t>(rows, kOriginPartition, row, -1),
          ValueOr<int64_t>(rows, kOriginOffset, row, 0),
          ValueOr<int64_t>(rows, kAppendTime, row, 0)};
}

// {"3": 120}, by partition; throws what JSON of another shape does.
std::map<int32_t, int64_t> NumbersOf(const Json& json) {
  std::map<int32_t, int64_t> numbers;
  for (const auto& [partition, value] : json.items()) {
    int32_t number = 0;
    std::from_chars(partition.data(), partition.data() + partition.size(), number);
    numbers[number] = value.get<int64_t>();
  }
  return numbers;
}

Json JsonOf(const std::map<int32_t, int64_t>& numbers) {
  Json json = Json::object();
  for (const auto& [partition, value] : numbers) json[std::to_string(partition)] = value;
  return json;
}

Result<Heartbeat> ParseHeartbeat(std::string_view text) {
  CATENA_TRY(const Json json, ParseJson(text, kHeartbeat));
  try {
    Heartbeat heartbeat;
    heartbeat.partitions = json.at("partitions").get<int32_t>();
    heartbeat.covered_from = json.value("covered_from", INT64_MIN);
    heartbeat.watermarks = NumbersOf(json.at("watermarks"));
    heartbeat.next_offsets = NumbersOf(json.at("next_offsets"));
    return heartbeat;
  } catch (const std::exception& error) {
    return InvalidData(std::string("it does not decode: ") + error.what());
  }
}

}  // namespace

Result<EnrichedEncoder> EnrichedEncoder::Open(const topic::TopicAddress& topic,
                                              const types::Schema& rows, Heartbeats heartbeats) {
  CATENA_RETURN_IF_ERROR(CheckColumns(rows));
  CATENA_TRY(auto text, topic::RecordText::Open(topic));
  CATENA_RETURN_IF_ERROR(CheckReadBack(topic, text.get(), WithOrigin(rows, heartbeats))
                             .WithContext("topic " + topic.name));
  std::vector<size_t> real_columns;
  for (size_t i = 0; i < rows.fields.size(); ++i) {
    if (Contains(rows.fields[i].type, {Kind::kFloat, Kind::kDouble})) real_columns.push_back(i);
  }
  EnrichedEncoder encoder(std::move(text), std::move(real_columns));
  if (heartbeats == Heartbeats::kNone) return encoder;
  const auto beat = encoder.Beat({1, {{0, 0}}, {}});
  if (beat.ok() || beat.error().code != ErrorCode::kInvalidData) return encoder;
  return InvalidConf("topic " + topic.name +
                     ": of a heartbeat between the stages all fields but one are null, let its "
                     "schema have null in every one: " +
                     beat.error().message);
}

std::string EnrichedEncoder::Refusal(const types::Batch& rows, size_t row) const {
  if (text_->is_json()) {
    for (const size_t i : real_columns_) {
      if (IsFinite(rows.column(i).ValueAt(row))) continue;
      return "JSON holds no NaN and no infinity, publish in Avro: column " +
             rows.schema().fields[i].name;
    }
    return "";
  }
  const auto value = Row(rows, row, {0, 0, 0}, 0, false);
  return value.ok() || value.error().code != ErrorCode::kInvalidData ? "" : value.error().message;
}

Result<std::string> EnrichedEncoder::Row(const types::Batch& rows, size_t row, const Origin& origin,
                                         int64_t event_time, bool incomplete) const {
  Json event = Json::object();
  for (size_t i = 0; i < rows.width(); ++i) {
    event[rows.schema().fields[i].name] = ExactJson(rows.column(i).ValueAt(row));
  }
  event[kOriginPartition] = origin.partition;
  event[kOriginOffset] = origin.offset;
  event[kAppendTime] = origin.append_time;
  event[kEventTime] = event_time;
  event[kIncomplete] = incomplete;
  return text_->Write(event);
}

Result<std::string> EnrichedEncoder::Beat(const Heartbeat& heartbeat) const {
  Json told = {{"partitions", heartbeat.partitions},
               {"watermarks", JsonOf(heartbeat.watermarks)},
               {"next_offsets", JsonOf(heartbeat.next_offsets)}};
  if (heartbeat.covered_from != INT64_MIN) told["covered_from"] = heartbeat.covered_from;
  return text_->Write({{kHeartbeat, PrintJson(told)}});
}

Result<EnrichedDecoder> EnrichedDecoder::Open(const topic::TopicAddress& topic,
                                              const types::Schema& rows) {
  CATENA_RETURN_IF_ERROR(CheckColumns(rows));
  CATENA_TRY(auto decoder, topic::Decoder::Open(topic, WithOrigin(rows, Heartbeats::kSent)));
  return EnrichedDecoder(std::move(decoder), rows);
}

Result<DecodedEnriched> EnrichedDecoder::Decode(std::span<const topic::Record> records) {
  CATENA_TRY(topic::Decoded decoded, decoder_->Decode(records));
  DecodedEnriched enriched;
  enriched.origins.resize(records.size());
  enriched.bad = std::move(decoded.bad);
  const types::Batch& rows = decoded.rows;
  const types::Column& heartbeats = *rows.Find(kHeartbeat);
  const types::Column& times = *rows.Find(kEventTime);
  std::vector<uint32_t> keep;
  for (uint32_t row = 0; row < rows.rows(); ++row) {
    const uint32_t record = decoded.record_of_row[row];
    if (!heartbeats.IsNull(row)) {
      auto heartbeat = ParseHeartbeat(heartbeats.Text(row));
      if (heartbeat.ok()) {
        enriched.heartbeats.push_back(std::move(*heartbeat));
        enriched.record_of_heartbeat.push_back(record);
      } else {
        enriched.bad.push_back({record, "_heartbeat: " + heartbeat.error().message});
      }
      continue;
    }
    const Origin origin = OriginOf(rows, row);
    if (origin.partition < 0 || times.IsNull(row)) {
      enriched.bad.push_back({record,
                              "it is no enriched row: _origin_partition or _event_time is "
                              "null"});
      continue;
    }
    keep.push_back(row);
    enriched.record_of_row.push_back(record);
    enriched.origins[record] = origin;
    enriched.event_times.push_back(times.Values<int64_t>()[row]);
    enriched.incomplete.push_back(ValueOr<int8_t>(rows, kIncomplete, row, 0) != 0 ? 1 : 0);
  }
  std::vector<types::ColumnPtr> columns;
  for (size_t i = 0; i < rows_.fields.size(); ++i) columns.push_back(rows.shared(i));
  const types::Batch all(rows_, std::move(columns));
  enriched.rows = keep.size() == rows.rows() ? all : all.Take(keep);
  return enriched;
}

Result<OriginDecoder> OriginDecoder::Open(const topic::TopicAddress& topic) {
  CATENA_TRY(auto decoder, topic::Decoder::Open(topic, OriginColumns()));
  return OriginDecoder(std::move(decoder));
}

Result<std::vector<Origin>> OriginDecoder::Decode(std::span<const topic::Record> records) {
  CATENA_TRY(const topic::Decoded decoded, decoder_->Decode(records));
  std::vector<Origin> origins;
  for (size_t row = 0; row < decoded.rows.rows(); ++row) {
    const Origin origin = OriginOf(decoded.rows, row);
    if (origin.partition >= 0) origins.push_back(origin);
  }
  return origins;
}

}  // namespace catena::streaming
