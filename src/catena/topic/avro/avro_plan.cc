// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_plan.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "catena/topic/avro/avro_encoder.h"
#include "catena/topic/avro/avro_reader.h"
#include "catena/topic/slot.h"
#include "catena/types/batch.h"

namespace catena::topic {
namespace {

using types::DataType;
using types::Kind;

constexpr uint32_t kNone = static_cast<uint32_t>(-1);

bool IsTimestamp(AvroLogical logical) {
  return logical == AvroLogical::kTimestampMillis || logical == AvroLogical::kTimestampMicros ||
         logical == AvroLogical::kTimestampNanos;
}

int64_t DivisorOf(AvroLogical logical, Kind to) {
  if (to != Kind::kTimestamp) return 1;
  return logical == AvroLogical::kTimestampMicros  ? 1000
         : logical == AvroLogical::kTimestampNanos ? 1'000'000
                                                   : 1;
}

class Planner {
 public:
  Planner(const AvroSchema& writer, const AvroSchema* reader, AvroPlan* plan)
      : writer_(writer), reader_(reader), plan_(plan) {}

  Result<uint32_t> Root(uint32_t at, const types::Schema& columns) {
    const AvroType& type = writer_.type(at);
    if (type.kind == AvroKind::kRecord) {
      std::vector<std::string> names;
      std::vector<DataType> wanted;
      for (const types::Field& field : columns.fields) {
        names.push_back(field.name);
        wanted.push_back(field.type);
      }
      return Fields(at, ReaderRoot(type), names, wanted);
    }
    if (type.kind != AvroKind::kUnion) {
      return InvalidConf("a topic's schema is a record: " + writer_.NameOf(at));
    }
    return Union(at, [&](uint32_t branch) { return Root(branch, columns); });
  }

 private:
  uint32_t Add(AvroStep step) {
    plan_->steps.push_back(step);
    return static_cast<uint32_t>(plan_->steps.size() - 1);
  }

  // The edges of a step stand beside each other, so they are added when all of them are known.
  uint32_t AddEdges(const std::vector<AvroEdge>& edges) {
    const auto first = static_cast<uint32_t>(plan_->edges.size());
    plan_->edges.insert(plan_->edges.end(), edges.begin(), edges.end());
    return first;
  }

  uint32_t AddText(std::string text) {
    plan_->texts.push_back(std::move(text));
    return static_cast<uint32_t>(plan_->texts.size() - 1);
  }

  // The record of the reader's schema that stands for the writer's record at the root.
  uint32_t ReaderRoot(const AvroType& writer) const {
    return reader_ == nullptr ? kNone : Alike(writer, AvroSchema::kRoot);
  }

  // Type `at` of the reader's schema, or the branch of it, that the writer's type is resolved with.
  uint32_t Alike(const AvroType& writer, uint32_t at) const {
    if (at == kNone) return kNone;
    const AvroType& type = reader_->type(at);
    if (type.kind == writer.kind) return at;
    if (type.kind != AvroKind::kUnion) return kNone;
    uint32_t alike = kNone;
    for (const uint32_t branch : type.children) {
      const AvroType& candidate = reader_->type(branch);
      if (candidate.kind != writer.kind) continue;
      if (candidate.name == writer.name) return branch;
      if (alike == kNone) alike = branch;
    }
    return alike;
  }

  // Which of `names` the writer's field fills, and the reader's field of that name.
  struct Match {
    uint32_t column = kNone;
    uint32_t reader = kNone;
  };
  Match Find(const std::string& field, uint32_t reader,
             const std::vector<std::string>& names) const {
    const auto of_name = [&](const std::string& name) {
      const auto found = std::find(names.begin(), names.end(), name);
      return found == names.end() ? kNone : static_cast<uint32_t>(found - names.begin());
    };
    if (reader == kNone) return {of_name(field), kNone};
    const AvroType& type = reader_->type(reader);
    uint32_t alias = kNone;
    for (uint32_t i = 0; i < type.fields.size(); ++i) {
      const AvroField& one = type.fields[i];
      if (one.name == field) return {of_name(field), i};
      if (std::find(one.aliases.begin(), one.aliases.end(), field) != one.aliases.end()) alias = i;
    }
    return alias == kNone ? Match{of_name(field), kNone}
                          : Match{of_name(type.fields[alias].name), alias};
  }

  Result<uint32_t> Fields(uint32_t at, uint32_t reader, const std::vector<std::string>& names,
                          const std::vector<DataType>& wanted) {
    const AvroType& type = writer_.type(at);
    std::vector<AvroEdge> edges;
    std::vector<bool> filled(names.size());
    for (size_t i = 0; i < type.fields.size(); ++i) {
      const Match match = Find(type.fields[i].name, reader, names);
      if (match.column == kNone || filled[match.column]) {
        CATENA_TRY(const uint32_t step, Skip(type.children[i]));
        AddSkip(step, &edges);
        continue;
      }
      filled[match.column] = true;
      const uint32_t of_reader =
          match.reader == kNone ? kNone : reader_->type(reader).children[match.reader];
      auto step = Read(type.children[i], of_reader, wanted[match.column]);
      if (!step.ok()) return step.error().WithContext("field \"" + type.fields[i].name + "\"");
      edges.push_back({*step, match.column});
    }
    for (uint32_t column = 0; column < names.size(); ++column) {
      if (filled[column]) continue;
      auto step = Absent(reader, names[column], wanted[column]);
      if (!step.ok()) return step.error().WithContext("field \"" + names[column] + "\"");
      edges.push_back({*step, column});
    }
    const uint32_t first = AddEdges(edges);
    return Add(
        {.op = AvroOp::kFields, .first = first, .count = static_cast<uint32_t>(edges.size())});
  }

  // Neighbours of a known size, and neighbouring integers, are passed over in one go.
  void AddSkip(uint32_t step, std::vector<AvroEdge>* edges) {
    const AvroOp op = plan_->steps[step].op;
    if (op == AvroOp::kSkipNothing) return;
    if (!edges->empty() && (op == AvroOp::kSkipBytes || op == AvroOp::kSkipVarints)) {
      const AvroStep& last = plan_->steps[edges->back().step];
      if (last.op == op) {
        edges->back().step = Add({.op = op, .size = last.size + plan_->steps[step].size});
        return;
      }
    }
    edges->push_back({step, kNone});
  }

  // A column that the writer knows nothing of.
  Result<uint32_t> Absent(uint32_t reader, const std::string& name, const DataType& wanted) {
    if (reader == kNone) return Add({.op = AvroOp::kNull});
    const AvroType& type = reader_->type(reader);
    for (size_t i = 0; i < type.fields.size(); ++i) {
      if (type.fields[i].name != name || !type.fields[i].absent) continue;
      return Constant(*type.fields[i].absent, type.children[i], wanted);
    }
    return Add({.op = AvroOp::kNull});
  }

  // The default is read as if a writer had written it.
  Result<uint32_t> Constant(const Json& value, uint32_t at, const DataType& wanted) {
    std::string bytes;
    const Status written = AvroEncode(value, *reader_, at, &bytes);
    if (!written.ok()) return InvalidConf("its default " + written.error().message);
    AvroPlan plan;
    Planner planner(*reader_, nullptr, &plan);
    CATENA_TRY(const uint32_t step, planner.Read(at, kNone, wanted));
    plan.edges.push_back({step, 0});
    plan.root = planner.Add(
        {.op = AvroOp::kFields, .first = static_cast<uint32_t>(plan.edges.size() - 1), .count = 1});
    types::BatchBuilder builder(types::Schema{{{"default", wanted}}}, 1);
    AvroReader reader;
    if (!reader.Read(plan, bytes, 0, &builder))
      return InvalidConf("its default: " + reader.reason());
    plan_->constants.push_back(builder.Build().shared(0));
    return Add(
        {.op = AvroOp::kConstant, .first = static_cast<uint32_t>(plan_->constants.size() - 1)});
  }

  Error Mismatch(uint32_t at, const DataType& wanted) const {
    return InvalidConf("wants " + types::TypeName(wanted) + ", the schema of the records has " +
                       writer_.NameOf(at));
  }

  Result<uint32_t> Read(uint32_t at, uint32_t reader, const DataType& wanted) {
    const AvroType& type = writer_.type(at);
    switch (type.kind) {
      case AvroKind::kNull:
        return Add({.op = AvroOp::kNull});
      case AvroKind::kBoolean:
        if (wanted.kind != Kind::kBool) return Mismatch(at, wanted);
        return Add({.op = AvroOp::kBoolean});
      case AvroKind::kInt:
      case AvroKind::kLong:
        return Integer(at, wanted);
      case AvroKind::kFloat:
      case AvroKind::kDouble:
        if (!wanted.IsFloating()) return Mismatch(at, wanted);
        return Add({.op = type.kind == AvroKind::kFloat ? AvroOp::kFloat : AvroOp::kDouble,
                    .to = wanted.kind});
      case AvroKind::kBytes:
      case AvroKind::kString:
        if (!wanted.IsText() || type.logical == AvroLogical::kDecimal) return Mismatch(at, wanted);
        return Add({.op = AvroOp::kText, .check_utf8 = wanted.kind == Kind::kString});
      case AvroKind::kFixed:
        if (wanted.kind != Kind::kBinary || type.logical == AvroLogical::kDecimal) {
          return Mismatch(at, wanted);
        }
        return Add({.op = AvroOp::kFixed, .size = type.size});
      case AvroKind::kEnum:
        return Enum(at, wanted);
      case AvroKind::kArray:
      case AvroKind::kMap:
        return Elements(at, Alike(type, reader), wanted);
      case AvroKind::kRecord:
        if (wanted.kind != Kind::kStruct) return Mismatch(at, wanted);
        return Fields(at, Alike(type, reader), wanted.field_names, wanted.children);
      case AvroKind::kUnion:
        return Union(at, [&](uint32_t branch) { return Read(branch, reader, wanted); });
    }
    return Mismatch(at, wanted);
  }

  Result<uint32_t> Integer(uint32_t at, const DataType& wanted) {
    const AvroType& type = writer_.type(at);
    if (wanted.IsFloating()) return Add({.op = AvroOp::kIntegerToReal, .to = wanted.kind});
    const bool fits =
        wanted.IsInteger() ||
        (wanted.kind == Kind::kDate && !IsTimestamp(type.logical) && type.kind == AvroKind::kInt) ||
        (wanted.kind == Kind::kTimestamp && type.logical != AvroLogical::kDate);
    if (!fits) return Mismatch(at, wanted);
    const IntegerRange range = RangeOf(wanted.kind);
    AvroStep step{.op = AvroOp::kInteger, .to = wanted.kind, .low = range.low, .high = range.high};
    if (type.kind == AvroKind::kInt) {
      step.low = std::max<int64_t>(step.low, std::numeric_limits<int32_t>::min());
      step.high = std::min<int64_t>(step.high, std::numeric_limits<int32_t>::max());
    }
    step.divisor = DivisorOf(type.logical, wanted.kind);
    return Add(step);
  }

  Result<uint32_t> Enum(uint32_t at, const DataType& wanted) {
    if (wanted.kind != Kind::kString) return Mismatch(at, wanted);
    const auto first = static_cast<uint32_t>(plan_->texts.size());
    for (const std::string& symbol : writer_.type(at).symbols) AddText(symbol);
    return Add({.op = AvroOp::kEnum,
                .first = first,
                .count = static_cast<uint32_t>(plan_->texts.size() - first)});
  }

  Result<uint32_t> Elements(uint32_t at, uint32_t reader, const DataType& wanted) {
    const AvroType& type = writer_.type(at);
    const bool is_map = type.kind == AvroKind::kMap;
    const bool fits = is_map ? wanted.kind == Kind::kMap && wanted.children[0].kind == Kind::kString
                             : wanted.kind == Kind::kList;
    if (!fits) return Mismatch(at, wanted);
    const uint32_t of_reader = reader == kNone ? kNone : reader_->type(reader).children[0];
    CATENA_TRY(const uint32_t element, Read(type.children[0], of_reader, wanted.children.back()));
    const uint32_t first = AddEdges({{element, 0}});
    return Add({.op = is_map ? AvroOp::kMap : AvroOp::kList, .first = first, .count = 1});
  }

  // A branch that does not fit is no error as long as another one does.
  template <typename ReadBranch>
  Result<uint32_t> Union(uint32_t at, ReadBranch read) {
    std::vector<AvroEdge> edges;
    std::optional<Error> refused;
    bool fits = false;
    for (const uint32_t branch : writer_.type(at).children) {
      auto step = read(branch);
      if (!step.ok()) {
        if (!refused) refused = step.error();
        const uint32_t text = AddText(step.error().message);
        edges.push_back({Add({.op = AvroOp::kRefuse, .first = text}), 0});
        continue;
      }
      fits = fits || writer_.type(branch).kind != AvroKind::kNull;
      edges.push_back({*step, 0});
    }
    if (refused && !fits) return *refused;
    const uint32_t first = AddEdges(edges);
    return Add(
        {.op = AvroOp::kUnion, .first = first, .count = static_cast<uint32_t>(edges.size())});
  }

  // Types contain themselves, so a step has its place before what it consists of is known.
  Result<uint32_t> Skip(uint32_t at) {
    const auto known = skips_.find(at);
    if (known != skips_.end()) return known->second;
    const uint32_t place = Add({.op = AvroOp::kSkipNothing});
    skips_.emplace(at, place);
    CATENA_TRY(const AvroStep step, SkipStep(at));
    plan_->steps[place] = step;
    return place;
  }

  Result<AvroStep> SkipStep(uint32_t at) {
    const AvroType& type = writer_.type(at);
    switch (type.kind) {
      case AvroKind::kNull:
        return AvroStep{.op = AvroOp::kSkipNothing};
      case AvroKind::kBoolean:
        return AvroStep{.op = AvroOp::kSkipBytes, .size = 1};
      case AvroKind::kInt:
      case AvroKind::kLong:
      case AvroKind::kEnum:
        return AvroStep{.op = AvroOp::kSkipVarints, .size = 1};
      case AvroKind::kFloat:
        return AvroStep{.op = AvroOp::kSkipBytes, .size = 4};
      case AvroKind::kDouble:
        return AvroStep{.op = AvroOp::kSkipBytes, .size = 8};
      case AvroKind::kFixed:
        return AvroStep{.op = AvroOp::kSkipBytes, .size = type.size};
      case AvroKind::kBytes:
      case AvroKind::kString:
        return AvroStep{.op = AvroOp::kSkipSized};
      default:
        break;
    }
    std::vector<AvroEdge> edges;
    for (const uint32_t child : type.children) {
      CATENA_TRY(const uint32_t step, Skip(child));
      edges.push_back({step, kNone});
    }
    const AvroOp op = type.kind == AvroKind::kArray    ? AvroOp::kSkipArray
                      : type.kind == AvroKind::kMap    ? AvroOp::kSkipMap
                      : type.kind == AvroKind::kRecord ? AvroOp::kSkipFields
                                                       : AvroOp::kSkipUnion;
    const uint32_t first = AddEdges(edges);
    return AvroStep{.op = op, .first = first, .count = static_cast<uint32_t>(edges.size())};
  }

  const AvroSchema& writer_;
  const AvroSchema* reader_;
  AvroPlan* plan_;
  std::unordered_map<uint32_t, uint32_t> skips_;  // By type of the writer's schema.
};

}  // namespace

Result<AvroPlan> AvroPlan::Make(const AvroSchema& writer, const AvroSchema* reader,
                                const types::Schema& columns) {
  AvroPlan plan;
  CATENA_TRY(plan.root, Planner(writer, reader, &plan).Root(AvroSchema::kRoot, columns));
  return plan;
}

}  // namespace catena::topic
