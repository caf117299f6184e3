// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/conf.h"

#include <set>

#include "catena/conf/semantic_hash.h"

namespace catena::conf {
namespace {

// Collects definitions parents first. Names repeat wherever a parent Join is embedded; all of one
// name must then give the same answers, from the same topic.
class LineageWalk {
 public:
  Status Visit(const std::shared_ptr<const GroupBy>& group_by) {
    for (const Source& source : group_by->sources) CATENA_RETURN_IF_ERROR(Visit(source));
    if (Seen(group_by->metadata.name, "group_by", Witness(*group_by))) return conflict_;
    lineage_.group_bys.push_back(group_by);
    return conflict_;
  }
  Status Visit(const std::shared_ptr<const Join>& join) {
    CATENA_RETURN_IF_ERROR(Visit(join->left));
    for (const JoinPart& part : join->join_parts) CATENA_RETURN_IF_ERROR(Visit(part.group_by));
    const std::string witness = MeaningOf(*join) + "|" + TopicOf(join->left);
    if (Seen(join->metadata.name, "join", witness)) return conflict_;
    lineage_.joins.push_back(join);
    return conflict_;
  }
  Lineage Take() { return std::move(lineage_); }

 private:
  Status Visit(const Source& source) {
    const auto* chain = std::get_if<JoinSource>(&source);
    return chain == nullptr ? Status() : Visit(chain->join);
  }
  static std::string Witness(const GroupBy& group_by) {
    std::string witness = MeaningOf(group_by);
    for (const Source& source : group_by.sources) witness += "|" + TopicOf(source);
    return witness;
  }
  // True when the name was met before; a different witness then is a conflict.
  bool Seen(const std::string& name, const char* kind, const std::string& witness) {
    const auto [at, inserted] = witnesses_.emplace(std::string(kind) + " " + name, witness);
    if (!inserted && at->second != witness) {
      conflict_ = InvalidConf(
          "one name stands for two definitions; rename one of them or compile both again: " +
          at->first);
    }
    return !inserted;
  }

  Lineage lineage_;
  std::map<std::string, std::string> witnesses_;
  Status conflict_;
};

}  // namespace

const GroupBy* Conf::group_by() const {
  const auto* held = std::get_if<std::shared_ptr<const GroupBy>>(&definition);
  return held == nullptr ? nullptr : held->get();
}

const Join* Conf::join() const {
  const auto* held = std::get_if<std::shared_ptr<const Join>>(&definition);
  return held == nullptr ? nullptr : held->get();
}

const MetaData& Conf::metadata() const {
  return group_by() != nullptr ? group_by()->metadata : join()->metadata;
}

Result<Lineage> LineageOf(const Conf& conf) {
  LineageWalk walk;
  CATENA_RETURN_IF_ERROR(
      std::visit([&](const auto& definition) { return walk.Visit(definition); }, conf.definition));
  return walk.Take();
}

}  // namespace catena::conf
