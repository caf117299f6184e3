// SPDX-License-Identifier: Apache-2.0
// Routes: what the server answers at which path (docs/reference/http.md).
//
//   output   a handler for HttpServer; every failure is JSON {"error", "code"} with the status of
//            HttpStatusOf
//   threads  the handler may be called concurrently
//   source   Chronon's service module for /v1/features; the rest is ours

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "catena/base/clock.h"
#include "catena/base/json.h"
#include "catena/fetch/fetcher.h"
#include "catena/kv/kv_store.h"
#include "catena/monitor/chain_monitor.h"
#include "catena/serve/http.h"

namespace catena::serve {

struct Service {
  fetch::Fetcher* fetcher = nullptr;
  kv::KVStore* store = nullptr;
  monitor::ChainMonitor* monitor = nullptr;
  const Clock* clock = nullptr;
  // Why requests should not be sent here yet; absent: they may.
  std::function<std::optional<std::string>()> not_ready;
};

// Everything in `service` outlives the handler.
HttpHandler MakeRoutes(const Service& service);

// OpenAPI 3.0.
Json OpenApiDocument();

struct RouteDescription {
  std::string_view method;
  std::string_view path;  // As OpenAPI has it: "/v1/features/join/{name}".
  std::string_view summary;
};
// Every route, for tests and the reference.
const std::vector<RouteDescription>& RouteDescriptions();

}  // namespace catena::serve
