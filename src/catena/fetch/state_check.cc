// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/state_check.h"

#include <optional>
#include <set>
#include <utility>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/window/upload_ir.h"
#include "catena/fetch/group_by_reader.h"
#include "catena/fetch/online_state.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {
namespace {

class Checker {
 public:
  Checker(kv::KVStore* store, const conf::GroupBy& group_by, const GroupByReader& reader)
      : store_(store),
        name_(group_by.metadata.name),
        snapshot_(group_by.accuracy == conf::Accuracy::kSnapshot),
        entities_(conf::IsEntity(group_by)),
        inputs_(reader.serving_info().inputs),
        outputs_(reader.output_schema()),
        windowed_(reader.windowed()) {
    for (const types::Field& key : reader.serving_info().keys.fields) keys_.push_back(key.type);
  }

  Result<StateCheck> Run() {
    using kv::TimedValue;
    CATENA_TRY(const auto generations, ReadGenerations(store_, name_));
    std::set<Timestamp> named;  // Other values are nobody's: of an upload that died, perhaps.
    for (const Generation& generation : generations) named.insert(generation.StoredAt());
    CATENA_RETURN_IF_ERROR(Check(UploadDataset(name_), [&](const TimedValue& value) {
      return named.contains(value.time) ? Upload(value) : Status();
    }));
    for (const aggregate::Layer layer : aggregate::kLayers) {
      CATENA_RETURN_IF_ERROR(
          Check(TileDataset(name_, layer), [&](const TimedValue& value) -> Status {
            if (value.time != aggregate::TileStart(value.time, layer)) {
              return Corruption("a tile that does not lie on its grid");
            }
            return Tile(value);
          }));
    }
    CATENA_RETURN_IF_ERROR(
        Check(PrefixDataset(name_), [&](const TimedValue& value) { return Tile(value); }));
    CATENA_RETURN_IF_ERROR(Check(RawDataset(name_), [&](const TimedValue& value) -> Status {
      bool incomplete = false;
      std::string_view row;
      CATENA_RETURN_IF_ERROR(DecodeRawRow(value.value, &incomplete, &row));
      return Row(inputs_, row);
    }));
    CATENA_RETURN_IF_ERROR(Check(LateDataset(name_), [&](const TimedValue& value) -> Status {
      CATENA_TRY(const LateRow late, DecodeLateRow(value.value));
      return Row(inputs_, late.row);
    }));
    CATENA_RETURN_IF_ERROR(Check(MutationDataset(name_), [&](const TimedValue& value) -> Status {
      CATENA_TRY(const MutationRow mutation, DecodeMutationRow(value.value));
      return Row(inputs_, mutation.row.row);
    }));
    CATENA_RETURN_IF_ERROR(Checkpoints());
    return std::move(check_);
  }

 private:
  template <typename CheckValue>
  Status Check(const std::string& dataset, CheckValue check_value) {
    DatasetState state{dataset};
    std::optional<std::string> last_key;
    CATENA_RETURN_IF_ERROR(
        store_->Scan(dataset, [&](std::string_view key, const kv::TimedValue& value) {
          if (last_key != key) {
            last_key = key;
            ++state.keys;
            if (const auto decoded = types::DecodeKey(key, keys_); !decoded.ok()) {
              Complain(dataset, key, value, decoded.error().message);
            }
          }
          ++state.values;
          state.bytes += value.value.size();
          if (const Status checked = check_value(value); !checked.ok()) {
            Complain(dataset, key, value, checked.error().message);
          }
          return true;
        }));
    if (state.values > 0) check_.datasets.push_back(std::move(state));
    return Status();
  }

  Status Upload(const kv::TimedValue& value) const {
    if (value.value.empty()) return Status();  // A key that is gone.
    if (snapshot_ || windowed_ == nullptr) return Row(outputs_, value.value);
    if (entities_) {
      CATENA_TRY(const std::vector<EntityRow> rows, DecodeEntityRows(value.value));
      for (const EntityRow& row : rows) CATENA_RETURN_IF_ERROR(Row(inputs_, row.row));
      return Status();
    }
    return aggregate::UploadIr::Decode(*windowed_, value.value).status();
  }

  Status Tile(const kv::TimedValue& value) const {
    uint64_t incomplete = 0;
    std::string_view ir;
    CATENA_RETURN_IF_ERROR(DecodeTile(value.value, &incomplete, &ir));
    if (windowed_ == nullptr) return Corruption("a tile of a GroupBy without aggregations");
    return aggregate::DecodeIr(windowed_->rows(), ir, value.time).status();
  }

  static Status Row(const types::RowCodec& codec, std::string_view bytes) {
    types::BatchBuilder row(codec.schema(), 1);
    return codec.DecodeInto(bytes, &row);
  }

  Status Checkpoints() {
    CATENA_TRY(const auto checkpoints, ReadCheckpoints(store_, name_));
    for (const auto& [partition, checkpoint] : checkpoints) {
      if (checkpoint.Consumed() == checkpoint.Accounted()) continue;
      Complain("partition " + std::to_string(partition) + " of the topic of " + name_ + ": " +
               std::to_string(checkpoint.Consumed()) + " records consumed, " +
               std::to_string(checkpoint.Accounted()) + " accounted for");
    }
    return Status();
  }

  void Complain(const std::string& dataset, std::string_view key, const kv::TimedValue& value,
                const std::string& what) {
    const auto parts = types::DecodeKey(key, keys_);
    const std::string shown =
        parts.ok() ? PrintJson(ToJson(types::Value(types::ValueList(*parts)))) : "of other types";
    Complain(dataset + ", key " + shown + ", " + FormatTimestamp(value.time) + ": " + what);
  }
  void Complain(std::string problem) {
    ++check_.problems;
    if (check_.first_problems.size() < kProblemsShown) {
      check_.first_problems.push_back(std::move(problem));
    }
  }

  kv::KVStore* store_;
  std::string name_;
  bool snapshot_;
  bool entities_;
  types::RowCodec inputs_;
  types::RowCodec outputs_;
  const aggregate::WindowedAggregator* windowed_;  // The reader's.
  std::vector<types::DataType> keys_;
  StateCheck check_;
};

}  // namespace

Result<StateCheck> CheckState(kv::KVStore* store,
                              const std::shared_ptr<const conf::GroupBy>& group_by) {
  CATENA_TRY(const GroupByReader reader, GroupByReader::Open(store, group_by));
  return Checker(store, *group_by, reader).Run();
}

}  // namespace catena::fetch
