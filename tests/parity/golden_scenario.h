// SPDX-License-Identifier: Apache-2.0
// ScenarioOf: a golden case as a scenario, so that it runs through topics, uploads and fetches.
//
//   topics   one for each table that a GroupBy of TEMPORAL accuracy reads, added to the conf; its
//            records are the table's rows up to the case's last day: by time in chains, where what
//            a row sees depends on what came before it, else as the table has them
//   queries  the rows of expected.parquet, each as of its `ts`

#pragma once

#include "../scenario.h"
#include "golden_case.h"

namespace catena::parity {

scenario::Scenario ScenarioOf(const GoldenCase& golden);

}  // namespace catena::parity
