// SPDX-License-Identifier: Apache-2.0
#include "golden_upload.h"

#include "catena/aggregate/window/resolution.h"
#include "catena/base/bytes.h"
#include "catena/base/check.h"

namespace catena::parity {
namespace {

using conf::Operation;
using types::Value;

constexpr std::string_view kServingInfo = "group_by_serving_info";
// Hops that lie this long behind the tail of the upload's windows are kept apart.
constexpr Millis kTailBuffer = std::chrono::days{2};

// Enough for every operation that the cases have.
struct Ir {
  bool filled = false;
  double sum = 0;
  int64_t count = 0;
  int64_t time = INT64_MIN;
  std::optional<std::string> text;
  std::set<int64_t> values;
};

class AvroReader {
 public:
  explicit AvroReader(std::string_view bytes) : bytes_(bytes) {}
  ~AvroReader() { CATENA_CHECK(bytes_.ok() && bytes_.AtEnd(), "value_bytes of another schema"); }

  bool Present() { return bytes_.Zigzag() == 1; }  // The branch of a union {null, T}.
  int64_t Long() { return bytes_.Zigzag(); }
  double Double() { return bytes_.Double(); }
  std::string Text() { return std::string(bytes_.Take(static_cast<size_t>(bytes_.Zigzag()))); }
  // read() for each item of an array.
  template <typename Read>
  void Items(Read read) {
    for (int64_t block; (block = Long()) != 0 && bytes_.ok();) {
      for (int64_t item = 0; item < block && bytes_.ok(); ++item) read();
    }
  }

 private:
  ByteReader bytes_;
};

Ir ReadIr(Operation operation, AvroReader* avro) {
  Ir ir;
  ir.filled = avro->Present();
  if (!ir.filled) return ir;
  switch (operation) {
    case Operation::kSum:
      ir.sum = avro->Double();
      break;
    case Operation::kCount:
      ir.count = avro->Long();
      break;
    case Operation::kAverage:
      if (avro->Present()) ir.sum = avro->Double();
      if (avro->Present()) ir.count = avro->Long();
      break;
    case Operation::kLast:
      if (avro->Present()) ir.time = avro->Long();
      if (avro->Present()) ir.text = avro->Text();
      break;
    default:
      CATENA_CHECK(operation == Operation::kUniqueCount, "an operation of no golden upload");
      avro->Items([&] { ir.values.insert(avro->Long()); });
  }
  return ir;
}

void Merge(const Ir& from, Ir* into) {
  if (!from.filled) return;
  into->filled = true;
  into->sum += from.sum;
  into->count += from.count;
  if (from.time >= into->time) {
    into->time = from.time;
    into->text = from.text;
  }
  into->values.insert(from.values.begin(), from.values.end());
}

Value ValueOf(Operation operation, const Ir& ir) {
  if (!ir.filled) return {};
  switch (operation) {
    case Operation::kSum:
      return ir.sum;
    case Operation::kCount:
      return ir.count;
    case Operation::kAverage:
      return ir.sum / static_cast<double>(ir.count);
    case Operation::kLast:
      return ir.text ? Value(*ir.text) : Value();
    default:
      return static_cast<int64_t>(ir.values.size());
  }
}

struct Output {
  size_t aggregation;
  Operation operation;
  std::optional<conf::Window> window;
};

std::vector<Output> OutputsOf(const conf::GroupBy& group_by) {
  std::vector<Output> outputs;
  for (size_t i = 0; i < group_by.aggregations.size(); ++i) {
    const conf::Aggregation& one = group_by.aggregations[i];
    for (const conf::Window& window : one.windows) outputs.push_back({i, one.operation, window});
    if (one.windows.empty()) outputs.push_back({i, one.operation, std::nullopt});
  }
  return outputs;
}

struct Hop {
  std::vector<Ir> irs;  // By aggregation.
  Timestamp begin;
};

struct BatchIr {
  std::vector<Ir> collapsed;                 // By output.
  std::map<Millis, std::vector<Hop>> tails;  // By size.
};

BatchIr ReadBatchIr(const conf::GroupBy& group_by, std::string_view bytes) {
  AvroReader avro(bytes);
  BatchIr batch;
  CATENA_CHECK(avro.Present(), "an upload without its collapsed part");
  for (const Output& output : OutputsOf(group_by)) {
    batch.collapsed.push_back(ReadIr(output.operation, &avro));
  }
  if (!avro.Present()) return batch;
  auto size = aggregate::kFiveMinuteResolution.begin();
  avro.Items([&] {
    CATENA_CHECK(size != aggregate::kFiveMinuteResolution.end(), "more sizes of hops than three");
    std::vector<Hop>& hops = batch.tails[(size++)->hop];
    avro.Items([&] {
      Hop hop;
      for (const conf::Aggregation& one : group_by.aggregations) {
        hop.irs.push_back(ReadIr(one.operation, &avro));
      }
      CATENA_CHECK(avro.Present(), "a hop without its time");
      hop.begin = FromMillis(avro.Long());
      hops.push_back(std::move(hop));
    });
  });
  return batch;
}

}  // namespace

ChrononUpload::ChrononUpload(const GoldenCase& golden,
                             std::shared_ptr<const conf::GroupBy> group_by)
    : group_by_(std::move(group_by)), batch_end_(golden.end().End()) {
  const auto database = *sql::Database::Open({});
  const Answers rows = golden.Expected(database.get(), "expected.parquet");
  for (const std::vector<Value>& row : rows.rows) {
    const auto& key = std::get<std::string>(row[rows.Column("key_bytes")].data);
    if (key == kServingInfo) continue;
    AvroReader avro(key);
    CATENA_CHECK(avro.Present(), "an upload for a null key");
    bytes_[avro.Text()] = std::get<std::string>(row[rows.Column("value_bytes")].data);
  }
  const types::Batch events = golden.Input(database.get(), golden.InputTables().front());
  const types::Column& keys = *events.Find("key");
  const types::Column& times = *events.Find("ts");
  for (size_t row = 0; row < events.rows(); ++row) {
    if (keys.IsNull(row) || times.IsNull(row)) continue;
    instants_.emplace(keys.Text(row), FromMillis(times.Values<int64_t>()[row]));
  }
}

std::vector<std::string> ChrononUpload::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, bytes] : bytes_) keys.push_back(key);
  return keys;
}

std::vector<std::optional<Value>> ChrononUpload::ValuesAt(const std::string& key,
                                                          Timestamp time) const {
  const std::vector<Output> outputs = OutputsOf(*group_by_);
  std::vector<std::optional<Value>> values;
  if (group_by_->accuracy == conf::Accuracy::kSnapshot) {
    AvroReader avro(bytes_.at(key));
    for (const Output& output : outputs) {
      const bool present = avro.Present();
      CATENA_CHECK(output.operation == Operation::kSum || output.operation == Operation::kLast,
                   "an operation of no golden upload of SNAPSHOT accuracy");
      const bool number = output.operation == Operation::kSum;
      values.emplace_back(!present ? Value() : number ? Value(avro.Double()) : Value(avro.Text()));
    }
    return values;
  }
  const BatchIr batch = ReadBatchIr(*group_by_, bytes_.at(key));
  for (size_t i = 0; i < outputs.size(); ++i) {
    Ir ir = batch.collapsed[i];
    if (outputs[i].window) {
      const Millis window = outputs[i].window->Length();
      const Timestamp tail = aggregate::WindowTail(time, window);
      if (tail == batch_end_ - window && instants_.contains({key, tail})) {
        values.emplace_back();
        continue;
      }
      for (const Hop& hop : batch.tails.at(aggregate::TailHop(window))) {
        const bool collapsed = hop.begin >= batch_end_ - window + kTailBuffer;
        if (hop.begin >= tail && !collapsed) Merge(hop.irs[outputs[i].aggregation], &ir);
      }
    }
    values.emplace_back(ValueOf(outputs[i].operation, ir));
  }
  return values;
}

}  // namespace catena::parity
