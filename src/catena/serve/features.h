// SPDX-License-Identifier: Apache-2.0
// Features: a fetch asked and answered in JSON, the same over HTTP and for `catena fetch`.
//
//   input    body: [{"user_id": 7}, ...] (Chronon's) or {"requests": [{"keys": {...},
//            "atMillis": ...}, ...]}; every key column must be there, null is a key that matches
//            nothing; other fields are ignored; numbers may be written as decimal strings
//   output   {"results": [{"status", "entityKeys", "features", "incomplete", "error"}, ...]}, one
//            a request, in order; a failed part is `<part>_exception` among the features
//   errors   of one row: told in its result, status Failure. Of the whole: kInvalidConf for a body
//            of another shape, kNotFound with "did you mean", kUnavailable when no part answers
//   threads  every call may run concurrently with every other
//   source   Chronon's service module (FeaturesRouter), names included

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/json.h"
#include "catena/fetch/fetcher.h"
#include "catena/kv/kv_store.h"

namespace catena::serve {

struct FeaturesCall {
  std::string name;  // "team.file.var" or Chronon's "team/file.var".
  bool is_join = false;
  std::optional<Timestamp> as_of;  // Of every row that says nothing; absent: the clock's now.
};

struct FeaturesAnswer {
  Json document;
  size_t rows = 0;
  size_t failures = 0;
  std::vector<std::string> incomplete_parts;  // Distinct, in conf order.
};

class Features {
 public:
  // All outlive this. `store` is asked what is kept when a time lies before it.
  Features(fetch::Fetcher* fetcher, kv::KVStore* store, const Clock* clock)
      : fetcher_(fetcher), store_(store), clock_(clock) {}

  Result<FeaturesAnswer> Fetch(const FeaturesCall& call, const Json& body);
  // kNotFound names the nearest ones.
  Result<std::string> ResolveName(const std::string& name, bool is_join) const;

 private:
  struct Row;
  Result<std::vector<Row>> ReadRows(const FeaturesCall& call, const Json& body) const;
  std::string WhatIsKept(const std::string& part, Timestamp asked) const;
  void Describe(const fetch::FetchAnswer& answer, size_t row, const Row& asked,
                FeaturesAnswer* into) const;

  fetch::Fetcher* fetcher_;
  kv::KVStore* store_;
  const Clock* clock_;
};

// 1763640000000 or "1763640000000"; kInvalidConf says what it takes.
Result<Timestamp> ReadAtMillis(const Json& value);

}  // namespace catena::serve
