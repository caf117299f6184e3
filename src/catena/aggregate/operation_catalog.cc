// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/operation_catalog.h"

#include "catena/aggregate/nested_kernel.h"

namespace catena::aggregate {

// operations/*.cc define them.
#define CATENA_DECLARE(entry, name, chronon, zipline) extern const OperationEntry entry;
CATENA_OPERATIONS(CATENA_DECLARE)
#undef CATENA_DECLARE

namespace {

#define CATENA_ENTRY(entry, name, chronon, zipline) &entry,
constexpr const OperationEntry* kOperations[] = {CATENA_OPERATIONS(CATENA_ENTRY)};
#undef CATENA_ENTRY

// A list's elements and a map's values are inputs of their own, unless the operation depends on
// time: to that the whole is one value.
Result<KernelPtr> BindInput(const OperationEntry& entry, BindRequest request) {
  if (request.element_wise) {
    if (request.input.kind != types::Kind::kList) return KernelPtr();
    request.input = types::DataType(request.input.children[0]);
    CATENA_TRY(KernelPtr element, entry.bind(request));
    return element == nullptr ? element : ElementWiseKernel(std::move(element));
  }
  CATENA_TRY(KernelPtr whole, entry.bind(request));
  if (whole != nullptr || request.input.children.empty() || entry.timed) return whole;
  const types::DataType type = request.input;
  if (type.kind == types::Kind::kList) {
    request.input = type.children[0];
    CATENA_TRY(KernelPtr element, entry.bind(request));
    return element == nullptr ? element : ListKernel(std::move(element));
  }
  if (type.kind == types::Kind::kMap && type.children[0].kind == types::Kind::kString) {
    request.input = type.children[1];
    CATENA_TRY(KernelPtr value, entry.bind(request));
    return value == nullptr ? value : MapKernel(std::move(value));
  }
  return KernelPtr();
}

}  // namespace

std::span<const OperationEntry* const> Operations() { return kOperations; }

Result<KernelPtr> BindOperation(conf::Operation operation, const BindRequest& request) {
  const OperationEntry& entry = *kOperations[static_cast<size_t>(operation)];
  CATENA_TRY(KernelPtr kernel, BindInput(entry, request));
  if (kernel == nullptr) {
    const std::string each(request.element_wise ? "lists of "
                           : entry.timed        ? ""
                                                : "one, or a list or a map by STRING of ");
    return InvalidConf("input type does not suit the operation: " + std::string(entry.name) +
                       (request.element_wise ? ", element-wise, takes " : " takes ") + each +
                       std::string(entry.inputs) + ", not " + types::TypeName(request.input));
  }
  return kernel;
}

}  // namespace catena::aggregate
