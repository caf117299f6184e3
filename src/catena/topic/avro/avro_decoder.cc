// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_decoder.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "catena/topic/avro/avro_plan.h"
#include "catena/topic/avro/avro_reader.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/topic/half_row.h"
#include "catena/topic/registry/schema_registry.h"

namespace catena::topic {
namespace {

// How the records of one writer's schema are read.
struct Written {
  AvroPlan plan;
  std::string refused;  // Why none of them can be, or empty.
};

class AvroDecoder : public Decoder {
 public:
  // All records are of one schema.
  AvroDecoder(types::Schema schema, AvroPlan plan) : schema_(std::move(schema)) {
    only_ = Written{std::move(plan), ""};
  }
  // Records name their schema.
  AvroDecoder(types::Schema schema, AvroSchema reader, std::unique_ptr<SchemaRegistry> registry)
      : schema_(std::move(schema)),
        reader_schema_(std::move(reader)),
        registry_(std::move(registry)) {}

  Result<Decoded> Decode(std::span<const Record> records) override;

 private:
  bool ReadRecord(std::string_view value, types::BatchBuilder* builder);
  const Written* WrittenWith(std::string_view value);
  const Written* Ask(uint32_t id);
  bool Fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  types::Schema schema_;
  std::optional<Written> only_;
  AvroSchema reader_schema_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::unordered_map<uint32_t, Written> written_;
  std::set<uint32_t> unknown_;  // Asked for by these records; those after them may be luckier.
  AvroReader reader_;
  std::string reason_;
  Status stopped_;
};

Result<Decoded> AvroDecoder::Decode(std::span<const Record> records) {
  Decoded decoded;
  decoded.record_of_row.reserve(records.size());
  types::BatchBuilder builder(schema_, records.size());
  std::vector<uint32_t> good;
  good.reserve(records.size());
  stopped_ = Status();
  unknown_.clear();
  uint32_t rows = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto record = static_cast<uint32_t>(i);
    const bool is_good = ReadRecord(records[i].value, &builder);
    CATENA_RETURN_IF_ERROR(stopped_);
    if (is_good) {
      decoded.record_of_row.push_back(record);
      good.push_back(rows);
    } else {
      decoded.bad.push_back({record, std::move(reason_)});
      EndHalfRow(rows, &builder);
    }
    ++rows;
  }
  decoded.rows = builder.Build();
  if (good.size() < rows) decoded.rows = decoded.rows.Take(good);
  return decoded;
}

bool AvroDecoder::ReadRecord(std::string_view value, types::BatchBuilder* builder) {
  if (value.empty()) return Fail("the record has no value");
  const Written* written = only_ ? &*only_ : WrittenWith(value);
  if (written == nullptr) return false;
  if (!written->refused.empty()) return Fail(written->refused);
  const size_t header = only_ ? 0 : kRegisteredHeaderBytes;
  if (reader_.Read(written->plan, value.substr(header), header, builder)) return true;
  return Fail(reader_.reason());
}

const Written* AvroDecoder::WrittenWith(std::string_view value) {
  const auto registered = SplitRegisteredValue(value);
  if (!registered.ok()) {
    Fail(registered.error().message);
    return nullptr;
  }
  const auto known = written_.find(registered->schema_id);
  return known != written_.end() ? &known->second : Ask(registered->schema_id);
}

const Written* AvroDecoder::Ask(uint32_t id) {
  const std::string what = fmt::format("schema {}", id);
  const std::string none = what + " is not known to the schema registry";
  if (unknown_.contains(id)) {
    Fail(none);
    return nullptr;
  }
  const Result<RegisteredSchema> registered = registry_->OfId(id);
  if (!registered.ok()) {
    if (registered.error().code == ErrorCode::kNotFound) {
      unknown_.insert(id);
      Fail(none);
      return nullptr;
    }
    if (registered.error().code != ErrorCode::kUnsupported) {
      stopped_ = registered.error();
      return nullptr;
    }
    return &written_.emplace(id, Written{{}, registered.error().message}).first->second;
  }
  Written written;
  if (registered->type != kAvroType) {
    written.refused = what + " is none of Avro but " + registered->type;
  } else if (const auto parsed = AvroSchema::Parse(registered->text, what); !parsed.ok()) {
    written.refused = parsed.error().message;
  } else if (auto plan = AvroPlan::Make(*parsed, &reader_schema_, schema_); !plan.ok()) {
    written.refused = what + ": " + plan.error().message;
  } else {
    written.plan = std::move(*plan);
  }
  return &written_.emplace(id, std::move(written)).first->second;
}

}  // namespace

Result<std::unique_ptr<Decoder>> OpenAvroDecoder(const TopicAddress& topic,
                                                 const types::Schema& schema) {
  CATENA_TRY(const AvroSchema written, ReadAvroSchemaFile(topic));
  auto plan = AvroPlan::Make(written, nullptr, schema);
  if (!plan.ok()) return plan.error().WithContext(topic.serde.at("schema"));
  return std::unique_ptr<Decoder>(new AvroDecoder(schema, std::move(*plan)));
}

Result<std::unique_ptr<Decoder>> OpenRegisteredAvroDecoder(const RegistryParameters& parameters,
                                                           std::unique_ptr<SchemaRegistry> registry,
                                                           const RegisteredSchema& newest,
                                                           const types::Schema& schema) {
  const std::string what = "subject " + parameters.subject;
  CATENA_TRY(AvroSchema reader, AvroSchema::Parse(newest.text, what));
  // What no record of the newest schema can fill is told now rather than record by record.
  auto plan = AvroPlan::Make(reader, &reader, schema);
  if (!plan.ok()) return plan.error().WithContext(what);
  if (!parameters.wire_format) {
    return std::unique_ptr<Decoder>(new AvroDecoder(schema, std::move(*plan)));
  }
  return std::unique_ptr<Decoder>(new AvroDecoder(schema, std::move(reader), std::move(registry)));
}

}  // namespace catena::topic
