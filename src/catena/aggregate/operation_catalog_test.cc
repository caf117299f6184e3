// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/operation_catalog.h"

#include <gtest/gtest.h>

#include <map>

#include "catena/conf/output_names.h"

namespace catena::aggregate {
namespace {

// What `catena operations` says of arguments is what binding asks for.
TEST(OperationCatalog, ArgumentsAreToldWhereTheyAreTaken) {
  const std::map<std::string, std::string> wrong{{"k", "many"}};
  for (const OperationEntry* entry : Operations()) {
    bool takes_k = false;
    for (const types::Kind kind : {types::Kind::kDouble, types::Kind::kString}) {
      const auto bound = entry->bind({kind, &wrong});
      takes_k = takes_k || !bound.ok();
    }
    const bool told = !entry->arguments.empty();
    EXPECT_EQ(told, takes_k) << entry->name << ": " << entry->arguments;
  }
}

}  // namespace
}  // namespace catena::aggregate
