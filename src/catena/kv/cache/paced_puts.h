// SPDX-License-Identifier: Apache-2.0
// PacedPuts: puts of a commit that is in no hurry, visited with a rest after each bit of work.
//
// A commit keeps a core busy for a third of a second. Where streams and their broker need all cores
// its niceness is not enough: a scheduler lets who runs finish its slice, several milliseconds, and
// everyone else waits as long. Rests spread the commit over some seconds.
//
//   may_rest  asked before each rest; false: the visit goes on at once
//   threads   one visit at a time

#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "catena/kv/kv_store.h"

namespace catena::kv {

class PacedPuts : public SortedPuts {
 public:
  // `puts` outlives this object.
  PacedPuts(const SortedPuts& puts, std::function<bool()> may_rest)
      : puts_(puts), may_rest_(std::move(may_rest)) {}

  size_t datasets() const override { return puts_.datasets(); }
  std::string_view NameOf(size_t dataset) const override { return puts_.NameOf(dataset); }
  size_t bytes() const override { return puts_.bytes(); }
  size_t size() const override { return puts_.size(); }
  Status VisitEach(size_t dataset, const Visit& visit) const override {
    return puts_.VisitEach(dataset, [&](const PutView& put) {
      if (++visited_ % kLook == 0) RestAfterWork();
      return visit(put);
    });
  }

 private:
  using Steady = std::chrono::steady_clock;
  static constexpr size_t kLook = 32;  // Puts between two looks at the clock.
  static constexpr std::chrono::microseconds kWork{250};
  static constexpr std::chrono::microseconds kRest{1000};

  void RestAfterWork() const {
    if (Steady::now() - began_ < kWork) return;
    if (may_rest_()) std::this_thread::sleep_for(kRest);
    began_ = Steady::now();
  }

  const SortedPuts& puts_;
  std::function<bool()> may_rest_;
  mutable size_t visited_ = 0;
  mutable Steady::time_point began_ = Steady::now();  // The work after the last rest.
};

}  // namespace catena::kv
