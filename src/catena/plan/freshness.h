// SPDX-License-Identifier: Apache-2.0
// Freshness: which days of the tables that we write are still what computing them now would give,
// told from what each day was made with and from, without looking at a row.
//
//     t.final 03-10   meaning 5f..   left t.spine 03-10   t.parent 03-02..03-10
//                                                           |  print of each day: hash of
//     t.parent 03-08  meaning 1c..   left t.tx 03-08     <--+  the mark that it has, or will have
//                                                              once the plan has run
//
// So a change far below reaches every day above it that looks at it, and a parent that was made
// again from the same changes nothing.
//
//   inputs   of a day: its left partition and bootstrap partitions (`left`), and of every table of
//            the right sides the partitions that the day's windows reach, mutations too. Left rows
//            may be a day older than their partition. Partitions behind the day are read as well,
//            for rows that landed late, but a new one does not make every day before it stale
//            A free query may read anything: of each of its tables every partition through the
//            day, but for those that the compiler saw it read its own day of
//   gone     a table that lost the oldest partitions of an input, as retention takes them, leaves
//            the day as it is, whatever else changed: computing it again would lose what it knows
//   adopted  a day that was marked before inputs were recorded is taken as made from today's,
//            unless what is known of it has changed
//   threads  one Freshness belongs to one thread

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catena/conf/join.h"
#include "catena/conf/staging_query.h"
#include "catena/plan/inventory.h"
#include "catena/plan/reach.h"

namespace catena::plan {

// kStale: there, but computed by another definition; kLeftChanged: from a left partition that was
// other files then; kLeftUnknown: nobody recorded which; kInputsChanged: from other partitions of a
// right side; kAsked: nothing is wrong with it, but it was asked for.
enum class Why : uint8_t { kMissing, kStale, kLeftChanged, kLeftUnknown, kInputsChanged, kAsked };

struct Verdict {
  std::optional<Why> compute = {};        // Absent: the day can be reused.
  std::vector<std::string> changed = {};  // Tables that are not what they were.
  std::vector<std::string> gone = {};     // Tables that it can no longer be compared with.
  DayMark expected = {};                  // The mark of the day if it were computed now.
  std::optional<DayMark> kept = {};       // The mark that it keeps; absent: `expected`.
  const DayMark& mark() const { return kept ? *kept : expected; }
};

class Freshness {
 public:
  // `inventory` outlives it.
  explicit Freshness(const Inventory& inventory) : inventory_(inventory) {}

  // Of a day of the Join's table, and of the GroupBy's daily table.
  const Verdict& Of(const conf::Join& join, Date day);
  const Verdict& Of(const conf::GroupBy& group_by, Date day);
  const Verdict& Of(const conf::StagingQuery& staging_query, Date day);
  // By table, the days that were looked at and taken as made from today's inputs.
  const std::map<std::string, std::map<Date, DayMark>>& adopted() const { return adopted_; }

 private:
  // A table as input of others: prints of its days, summed so that a range is two look-ups.
  struct Sums {
    std::vector<Date> days;
    std::vector<uint64_t> prints = {0};  // [i]: of the days before days[i].
    std::vector<size_t> remade = {0};    // Of those, how many are there and will be made again.
  };
  struct Input {
    DayRange days;
    const conf::Join* parent = nullptr;  // Whose table it is; null: not one of ours.
  };
  using Inputs = std::map<std::string, Input>;

  const Sums& SumsOf(const std::string& table, const conf::Join* parent);
  InputPrint PrintOfInput(const std::string& table, const Input& input);
  bool WillBeRemade(const std::string& table, const Input& input);
  void AddInputs(const conf::GroupBy& group_by, Date day, AskedAt at, Inputs* inputs) const;
  Inputs InputsOf(const conf::Join& join, Date day) const;
  Inputs InputsOf(const conf::GroupBy& group_by, Date day) const;
  static Inputs InputsOf(const conf::StagingQuery& staging_query, Date day);
  std::map<std::string, InputPrint> PrintsOf(const Inputs& inputs);
  std::string PrintOfLeft(const conf::Join& join, Date day);
  template <typename Definition>
  const std::string& MeaningOf(const Definition& definition);
  template <typename Definition>
  const Verdict& WithoutLeft(const Definition& definition, Date day);
  // `expected`: what computing the day now would mark it with. `left_then`: what the print of its
  // left would be where inputs were not recorded; absent: there is no left side.
  Verdict Judge(const std::string& table, Date day, const Inputs& inputs, DayMark expected,
                const std::optional<std::string>& left_then);
  // Absent: it is for the inputs to say.
  std::optional<Verdict> WithoutInputs(const std::string& table, Date day, const DayMark& expected,
                                       const std::optional<std::string>& left_then) const;

  const Inventory& inventory_;
  std::map<std::pair<std::string, Date>, Verdict> verdicts_;
  std::map<std::string, std::string> meanings_;        // By table.
  std::map<std::pair<std::string, bool>, Sums> sums_;  // By table, and whether as a parent's.
  std::map<std::string, std::map<Date, DayMark>> adopted_;
};

}  // namespace catena::plan
