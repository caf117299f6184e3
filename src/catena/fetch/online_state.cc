// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/online_state.h"

#include <charconv>

#include "catena/base/bytes.h"
#include "catena/base/json.h"
#include "catena/conf/metadata.h"

namespace catena::fetch {
namespace {

// Marks are JSON, so that a person can read them; whatever does not parse is corruption.
template <typename T, typename Read>
Result<T> ReadJsonMark(std::string_view text, const std::string& what, Read read) {
  auto json = ParseJson(text, what);
  if (!json.ok()) return Corruption(json.error().message);
  try {
    return read(*json);
  } catch (const std::exception& error) {
    return Corruption("stored mark does not decode: " + what + ": " + error.what());
  }
}

constexpr char kUploadSuffix[] = "_BATCH";
constexpr char kStreamingSuffix[] = "_STREAMING";
constexpr char kCheckpointPrefix[] = "checkpoint/";
constexpr uint8_t kEntityRowsVersion = 1;
constexpr int kPartitionShift = 48;  // Of a source order; the offset lies below.

// The members of a Checkpoint in stored order. STORED FORMAT: append only.
constexpr int64_t Checkpoint::*kCheckpointFields[] = {
    &Checkpoint::start_offset,   &Checkpoint::next_offset,   &Checkpoint::event_time_max,
    &Checkpoint::watermark,      &Checkpoint::folded,        &Checkpoint::filtered,
    &Checkpoint::null_key,       &Checkpoint::dead_lettered, &Checkpoint::late_beyond_retention,
    &Checkpoint::duplicate,      &Checkpoint::incomplete,    &Checkpoint::forced,
    &Checkpoint::late_after_gate};

}  // namespace

Json SchemaToJson(const types::Schema& schema) {
  Json columns = Json::array();
  for (const types::Field& field : schema.fields) {
    columns.push_back({field.name, types::TypeName(field.type)});
  }
  return columns;
}

Result<types::Schema> SchemaFromJson(const Json& columns) {
  types::Schema schema;
  for (const Json& column : columns) {
    CATENA_TRY(types::DataType type, types::ParseType(column.at(1).get<std::string>()));
    schema.fields.push_back(types::Field{column.at(0).get<std::string>(), std::move(type)});
  }
  return schema;
}

std::string UploadDataset(const std::string& group_by) {
  return conf::CleanName(group_by) + kUploadSuffix;
}
std::string StreamingDataset(const std::string& group_by) {
  return conf::CleanName(group_by) + kStreamingSuffix;
}
std::string TileDataset(const std::string& group_by, aggregate::Layer layer) {
  return StreamingDataset(group_by) + "/" + std::string(aggregate::LayerName(layer));
}
std::string RawDataset(const std::string& group_by) { return StreamingDataset(group_by) + "/raw"; }
std::string PrefixDataset(const std::string& group_by) {
  return StreamingDataset(group_by) + "/prefix";
}
std::string LateDataset(const std::string& group_by) {
  return StreamingDataset(group_by) + "/late";
}
std::string MutationDataset(const std::string& group_by) {
  return StreamingDataset(group_by) + "/mutations";
}
std::string GroupByOfDataset(std::string_view dataset) {
  const std::string_view name = dataset.substr(0, dataset.find('/'));
  for (const std::string_view suffix : {kUploadSuffix, kStreamingSuffix}) {
    if (name.ends_with(suffix)) return std::string(name.substr(0, name.size() - suffix.size()));
  }
  return "";
}

void EncodeTile(uint64_t incomplete, std::string_view ir, std::string* out) {
  AppendVarint(out, incomplete);
  out->append(ir);
}

Status DecodeTile(std::string_view bytes, uint64_t* incomplete, std::string_view* ir) {
  ByteReader reader(bytes);
  *incomplete = reader.Varint();
  *ir = reader.Take(reader.remaining());
  return reader.ok() ? Status() : Status(Corruption("tile bytes are too short"));
}

void EncodeRawRow(bool incomplete, std::string_view row, std::string* out) {
  out->push_back(incomplete ? 1 : 0);
  out->append(row);
}

Status DecodeRawRow(std::string_view bytes, bool* incomplete, std::string_view* row) {
  if (bytes.empty() || static_cast<uint8_t>(bytes[0]) > 1) {
    return Corruption("raw row bytes do not decode");
  }
  *incomplete = bytes[0] == 1;
  *row = bytes.substr(1);
  return Status();
}

void EncodeLateRow(const LateRow& late, std::string* out) {
  AppendZigzag(out, late.event_time);
  EncodeRawRow(late.incomplete, late.row, out);
}

Result<LateRow> DecodeLateRow(std::string_view bytes) {
  ByteReader reader(bytes);
  LateRow late;
  late.event_time = reader.Zigzag();
  const std::string_view rest = reader.Take(reader.remaining());
  if (!reader.ok()) return Corruption("late row bytes are too short");
  CATENA_RETURN_IF_ERROR(DecodeRawRow(rest, &late.incomplete, &late.row));
  return late;
}

void EncodeEntityRows(std::span<const EntityRow> rows, std::string* out) {
  out->push_back(kEntityRowsVersion);
  for (const EntityRow& row : rows) {
    AppendZigzag(out, row.event_time);
    AppendSized(out, row.row);
  }
}

Result<std::vector<EntityRow>> DecodeEntityRows(std::string_view bytes) {
  ByteReader reader(bytes);
  std::vector<EntityRow> rows;
  if (reader.Byte() != kEntityRowsVersion) return Corruption("rows of entities do not decode");
  while (reader.ok() && !reader.AtEnd()) {
    EntityRow row;
    row.event_time = reader.Zigzag();
    row.row = reader.Sized();
    rows.push_back(row);
  }
  if (!reader.ok()) return Corruption("rows of entities are cut short");
  return rows;
}

// The bytes are those of a late row; its flag is the image.
void EncodeMutationRow(const MutationRow& mutation, std::string* out) {
  EncodeLateRow({mutation.row.event_time, mutation.is_before, mutation.row.row}, out);
}

Result<MutationRow> DecodeMutationRow(std::string_view bytes) {
  CATENA_TRY(const LateRow decoded, DecodeLateRow(bytes));
  return MutationRow{decoded.incomplete, {decoded.event_time, decoded.row}};
}

uint64_t MutationSequence(uint64_t source_order, bool is_before) {
  const uint64_t partition = source_order >> kPartitionShift << kPartitionShift;
  return partition | (source_order - partition) << 1 | (is_before ? 0 : 1);
}

bool Generation::Holds(int32_t partition, int64_t offset, Timestamp append_time) const {
  if (cut.empty()) return append_time <= computed_at;
  const auto at = cut.find(partition);
  return at != cut.end() && offset < at->second;
}

Result<std::optional<ServingInfo>> ReadServingInfo(kv::KVStore* store,
                                                   const std::string& group_by) {
  CATENA_TRY(auto text, store->GetMark(UploadDataset(group_by), "serving_info"));
  if (!text) return std::optional<ServingInfo>();
  return ReadJsonMark<std::optional<ServingInfo>>(
      *text, "serving info of " + group_by,
      [](const Json& json) -> Result<std::optional<ServingInfo>> {
        ServingInfo info;
        CATENA_TRY(info.keys, SchemaFromJson(json.at("keys")));
        CATENA_TRY(info.inputs, SchemaFromJson(json.at("inputs")));
        info.meaning = json.at("meaning").get<std::string>();
        return std::optional<ServingInfo>(std::move(info));
      });
}

kv::Mark ServingInfoMark(const std::string& group_by, const ServingInfo& info) {
  const Json json = {{"keys", SchemaToJson(info.keys)},
                     {"inputs", SchemaToJson(info.inputs)},
                     {"meaning", info.meaning}};
  return kv::Mark{UploadDataset(group_by), "serving_info", PrintJson(json)};
}

Result<std::vector<Generation>> ReadGenerations(kv::KVStore* store, const std::string& group_by) {
  CATENA_TRY(auto text, store->GetMark(UploadDataset(group_by), "generations"));
  if (!text) return std::vector<Generation>();
  return ReadJsonMark<std::vector<Generation>>(
      *text, "generations of " + group_by, [](const Json& json) -> Result<std::vector<Generation>> {
        std::vector<Generation> generations;
        for (const Json& element : json) {
          Generation generation;
          generation.batch_end = FromMillis(element.at("batch_end").get<int64_t>());
          generation.computed_at = FromMillis(element.at("computed_at").get<int64_t>());
          for (const Json& pair : element.at("cut")) {
            generation.cut[pair.at(0).get<int32_t>()] = pair.at(1).get<int64_t>();
          }
          generation.slot = element.value("slot", 0);
          generations.push_back(std::move(generation));
        }
        return generations;
      });
}

kv::Mark GenerationsMark(const std::string& group_by, const std::vector<Generation>& generations) {
  Json json = Json::array();
  for (const Generation& generation : generations) {
    Json cut = Json::array();
    for (const auto& [partition, offset] : generation.cut) cut.push_back({partition, offset});
    json.push_back({{"batch_end", ToMillis(generation.batch_end)},
                    {"computed_at", ToMillis(generation.computed_at)},
                    {"cut", std::move(cut)}});
    if (generation.slot != 0) json.back()["slot"] = generation.slot;
  }
  return kv::Mark{UploadDataset(group_by), "generations", PrintJson(json)};
}

Result<std::map<int32_t, Checkpoint>> ReadCheckpoints(kv::KVStore* store,
                                                      const std::string& group_by) {
  CATENA_TRY(auto marks, store->ListMarks(StreamingDataset(group_by), kCheckpointPrefix));
  std::map<int32_t, Checkpoint> checkpoints;
  for (const kv::Mark& mark : marks) {
    const std::string number = mark.name.substr(sizeof kCheckpointPrefix - 1);
    int32_t partition = 0;
    const auto [end, code] =
        std::from_chars(number.data(), number.data() + number.size(), partition);
    ByteReader reader(mark.value);
    Checkpoint checkpoint;
    for (const auto field : kCheckpointFields) checkpoint.*field = reader.Zigzag();
    for (uint64_t left = reader.AtEnd() ? 0 : reader.Varint(); left > 0 && reader.ok(); --left) {
      const auto origin = static_cast<int32_t>(reader.Zigzag());
      checkpoint.origins[origin] = reader.Zigzag();
    }
    if (code != std::errc() || end != number.data() + number.size() || !reader.ok()) {
      return Corruption("checkpoint does not decode: " + group_by + " " + mark.name);
    }
    checkpoints[partition] = checkpoint;
  }
  return checkpoints;
}

kv::Mark CheckpointMark(const std::string& group_by, int32_t partition,
                        const Checkpoint& checkpoint) {
  kv::Mark mark{StreamingDataset(group_by), kCheckpointPrefix + std::to_string(partition), ""};
  for (const auto field : kCheckpointFields) AppendZigzag(&mark.value, checkpoint.*field);
  if (checkpoint.origins.empty()) return mark;
  AppendVarint(&mark.value, checkpoint.origins.size());
  for (const auto& [origin, next] : checkpoint.origins) {
    AppendZigzag(&mark.value, origin);
    AppendZigzag(&mark.value, next);
  }
  return mark;
}

Result<std::optional<Retention>> ReadRetention(kv::KVStore* store, const std::string& group_by) {
  CATENA_TRY(auto bytes, store->GetMark(StreamingDataset(group_by), "retention"));
  if (!bytes) return std::optional<Retention>();
  ByteReader reader(*bytes);
  Retention retention;
  retention.coverage_start = reader.Zigzag();
  retention.raw_floor = reader.Zigzag();
  retention.as_of_floor = reader.Zigzag();
  if (!reader.AtEnd()) retention.watermark = reader.Zigzag();
  if (!reader.ok()) return Corruption("retention mark does not decode: " + group_by);
  return std::optional<Retention>(retention);
}

kv::Mark RetentionMark(const std::string& group_by, const Retention& retention) {
  kv::Mark mark{StreamingDataset(group_by), "retention", ""};
  AppendZigzag(&mark.value, retention.coverage_start);
  AppendZigzag(&mark.value, retention.raw_floor);
  AppendZigzag(&mark.value, retention.as_of_floor);
  AppendZigzag(&mark.value, retention.watermark);
  return mark;
}

}  // namespace catena::fetch
