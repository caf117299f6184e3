// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/enriched_row.h"

#include "catena/base/bytes.h"
#include "catena/conf/metadata.h"
#include "catena/fetch/online_state.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {
namespace {

constexpr char kShapeMark[] = "shape";

Result<std::string> KeyOf(const Json& keys, const types::Schema& schema) {
  if (!keys.is_object()) {
    return InvalidConf("keys are a JSON object by column: " + PrintJson(keys).substr(0, 80));
  }
  std::vector<types::Value> values;
  for (const types::Field& field : schema.fields) {
    const auto at = keys.find(field.name);
    if (at == keys.end()) {
      return InvalidConf("the key map lacks " + field.name + "; it wants " + schema.ToString());
    }
    auto value = types::FromJson(*at, field.type);
    if (!value.ok()) return InvalidConf("key " + field.name + ": " + value.error().message);
    values.push_back(std::move(*value));
  }
  std::string key;
  types::EncodeKey(values, &key);  // Stays empty with a null part, and no row has that key.
  return key;
}

Result<Json> RowOf(const std::string& bytes, const types::Schema& schema) {
  CATENA_TRY(const EnrichedRow stored, DecodeEnrichedRow(bytes));
  types::BatchBuilder builder(schema);
  CATENA_RETURN_IF_ERROR(types::RowCodec(schema).DecodeInto(stored.row, &builder));
  const types::Batch batch = builder.Build();
  Json row = Json::object();
  for (size_t i = 0; i < batch.width(); ++i) {
    row[schema.fields[i].name] = types::ToJson(batch.column(i).ValueAt(0));
  }
  return Json{
      {"row", std::move(row)}, {"event_time", stored.event_time}, {"complete", !stored.incomplete}};
}

}  // namespace

std::string EnrichedDataset(const std::string& join) { return conf::CleanName(join) + "_ENRICHED"; }

void EncodeEnrichedRow(const EnrichedRow& row, std::string* out) {
  AppendZigzag(out, row.event_time);
  AppendVarint(out, row.source_order);
  out->push_back(row.incomplete ? 1 : 0);
  out->append(row.row);
}

Result<EnrichedRow> DecodeEnrichedRow(std::string_view bytes) {
  ByteReader reader(bytes);
  EnrichedRow row;
  row.event_time = reader.Zigzag();
  row.source_order = reader.Varint();
  const uint8_t flag = reader.Byte();
  row.incomplete = flag == 1;
  row.row = reader.Take(reader.remaining());
  if (!reader.ok() || flag > 1) return Corruption("enriched row bytes do not decode");
  return row;
}

kv::Mark EnrichedShapeMark(const std::string& join, const EnrichedShape& shape) {
  const Json json = {{"keys", SchemaToJson(shape.keys)}, {"rows", SchemaToJson(shape.rows)}};
  return {EnrichedDataset(join), kShapeMark, PrintJson(json)};
}

Result<std::optional<EnrichedShape>> ReadEnrichedShape(kv::KVStore* store,
                                                       const std::string& join) {
  CATENA_TRY(const auto text, store->GetMark(EnrichedDataset(join), kShapeMark));
  if (!text) return std::optional<EnrichedShape>();
  const std::string what = "shape of the enriched rows of " + join;
  try {
    CATENA_TRY(const Json json, ParseJson(*text, what));
    EnrichedShape shape;
    CATENA_TRY(shape.keys, SchemaFromJson(json.at("keys")));
    CATENA_TRY(shape.rows, SchemaFromJson(json.at("rows")));
    return std::optional(std::move(shape));
  } catch (const std::exception& error) {
    return Corruption("stored mark does not decode: " + what + ": " + error.what());
  }
}

Result<std::vector<Json>> ReadEnrichedRows(kv::KVStore* store, const std::string& join,
                                           const Json& keys) {
  CATENA_TRY(const auto shape, ReadEnrichedShape(store, join));
  if (!shape) {
    return NotFound(
        "no enriched row of this Join was ever published; set publish_kv in its conf and stream a "
        "GroupBy over it: " +
        join);
  }
  if (!keys.is_array()) return InvalidConf("keys are a JSON array of key maps");
  const std::string dataset = EnrichedDataset(join);
  std::vector<std::string> bytes;
  for (const Json& each : keys) {
    CATENA_TRY(std::string key, KeyOf(each, shape->keys));
    bytes.push_back(std::move(key));
  }
  std::vector<kv::GetRequest> requests;
  for (const std::string& key : bytes) requests.push_back({dataset, key});
  std::vector<Json> rows;
  for (auto& answer : store->MultiGet(requests)) {
    if (!answer.ok()) return answer.error();
    rows.emplace_back();
    if (answer->empty()) continue;
    CATENA_TRY(rows.back(), RowOf(answer->front().value, shape->rows));
  }
  return rows;
}

}  // namespace catena::fetch
