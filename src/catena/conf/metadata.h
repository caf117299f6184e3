// SPDX-License-Identifier: Apache-2.0
// MetaData: what a GroupBy or Join is called, whose it is, and where its output goes.

#pragma once

#include <string>

#include "catena/base/json.h"
#include "catena/base/settings.h"

namespace catena::conf {

struct MetaData {
  std::string name;  // "fraud.final.v1"
  std::string team;
  std::string output_namespace;  // Of tables; `default` when the conf says nothing.
  bool online = false;
  bool production = false;
  // False: without a start that is asked for, a backfill computes its last day alone.
  bool historical_backfill = true;
  Json custom_json;       // Object; empty when absent.
  Json table_properties;  // Object of strings; empty when absent.
  // Of customJson, and of executionInfo for every mode and for streaming; `debug` is a run's alone.
  StreamParameters stream;
};

// The name with every character outside [A-Za-z0-9_] turned into `_`, as tables and columns
// spell it (Chronon `cleanSpec`).
std::string CleanName(const std::string& name);

}  // namespace catena::conf
