// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/routes.h"

#include <chrono>
#include <memory>
#include <utility>

#include "catena/base/metrics.h"
#include "catena/serve/features.h"

namespace catena::serve {
namespace {

constexpr std::string_view kNameParameter = "{name}";

struct Server {
  explicit Server(const Service& given)
      : service(given), features(given.fetcher, given.store, given.clock) {}
  Service service;
  Features features;
};

// `name` is what the path holds in place of {name}, decoded.
using Answer = HttpResponse (*)(Server*, const HttpRequest&, const std::string& name);

HttpResponse FetchFeatures(Server* server, const HttpRequest& request, FeaturesCall call) {
  for (const auto& [name, value] : request.query) {
    if (name != "atMillis") {
      return ErrorResponse(InvalidConf("unknown query parameter; there is atMillis: " + name));
    }
    auto as_of = ReadAtMillis(Json(value));
    if (!as_of.ok()) return ErrorResponse(as_of.error());
    call.as_of = *as_of;
  }
  auto body = ParseJson(request.body, "body");
  if (!body.ok()) return ErrorResponse(body.error());
  auto answer = server->features.Fetch(call, *body);
  if (!answer.ok()) return ErrorResponse(answer.error());
  const bool only_row_failed = answer->rows == 1 && answer->failures == 1;
  if (only_row_failed) {
    answer->document["error"] = answer->document["results"][0]["error"];
    answer->document["code"] = ErrorCodeName(ErrorCode::kInvalidConf);
  }
  HttpResponse response = JsonResponse(only_row_failed ? 400 : 200, answer->document);
  std::string parts;
  for (const std::string& part : answer->incomplete_parts)
    parts += (parts.empty() ? "" : ",") + part;
  if (!parts.empty()) response.headers.emplace_back("X-Catena-Incomplete", parts);
  Metrics::Global().Count("catena_fetch_rows_total", {{"result", "success"}},
                          static_cast<double>(answer->rows - answer->failures));
  Metrics::Global().Count("catena_fetch_rows_total", {{"result", "failure"}},
                          static_cast<double>(answer->failures));
  return response;
}

HttpResponse FetchGroupBy(Server* server, const HttpRequest& request, const std::string& name) {
  return FetchFeatures(server, request, {name, false, std::nullopt});
}

HttpResponse FetchJoin(Server* server, const HttpRequest& request, const std::string& name) {
  return FetchFeatures(server, request, {name, true, std::nullopt});
}

HttpResponse ListGroupBys(Server* server, const HttpRequest&, const std::string&) {
  return JsonResponse(200, Json{{"groupbys", server->service.fetcher->GroupByNames()}});
}

HttpResponse ListJoins(Server* server, const HttpRequest&, const std::string&) {
  return JsonResponse(200, Json{{"joins", server->service.fetcher->JoinNames()}});
}

HttpResponse ShowChains(Server* server, const HttpRequest&, const std::string&) {
  auto chains = server->service.monitor->Check();
  if (!chains.ok()) return ErrorResponse(chains.error());
  return JsonResponse(200, monitor::HealthToJson(*chains));
}

HttpResponse ShowHealth(Server*, const HttpRequest&, const std::string&) {
  return JsonResponse(200, Json{{"status", "ok"}});
}

HttpResponse ShowReadiness(Server* server, const HttpRequest&, const std::string&) {
  std::optional<std::string> reason;
  if (server->service.not_ready) reason = server->service.not_ready();
  const auto datasets = server->service.store->ListDatasets();
  Metrics::Global().Set("catena_up", {{"dep", "kv"}}, datasets.ok() ? 1 : 0);
  if (!datasets.ok()) reason = "the store does not answer: " + datasets.error().message;
  if (reason) return ErrorResponse(503, "not ready", *reason);
  return JsonResponse(200, Json{{"status", "ready"}});
}

HttpResponse ShowMetrics(Server* server, const HttpRequest&, const std::string&) {
  const auto chains = server->service.monitor->Check();
  Metrics::Global().Set("catena_up", {{"dep", "kv"}}, chains.ok() ? 1 : 0);
  if (chains.ok()) monitor::ChainMonitor::Publish(*chains);
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4";
  response.body = Metrics::Global().Text();
  return response;
}

HttpResponse ShowOpenApi(Server*, const HttpRequest&, const std::string&) {
  return JsonResponse(200, OpenApiDocument());
}

struct Route {
  RouteDescription description;
  Answer answer;
};

constexpr Route kRoutes[] = {
    {{"POST", "/v1/features/groupby/{name}", "Features of a GroupBy for a list of keys."},
     FetchGroupBy},
    {{"POST", "/v1/features/join/{name}", "Features of all parts of a Join for a list of keys."},
     FetchJoin},
    {{"GET", "/v1/groupbys", "Names of the GroupBys that are served."}, ListGroupBys},
    {{"GET", "/v1/joins", "Names of the Joins that are served."}, ListJoins},
    {{"GET", "/v1/chain", "The eight metrics and the alerts of every chain."}, ShowChains},
    {{"GET", "/healthz", "The process answers."}, ShowHealth},
    {{"GET", "/readyz", "The store answers and the stream has caught up."}, ShowReadiness},
    {{"GET", "/metrics", "Prometheus text."}, ShowMetrics},
    {{"GET", "/openapi.json", "This interface as OpenAPI 3.0."}, ShowOpenApi},
};

// What stands for {name}, or absent when the path is another.
std::optional<std::string_view> Match(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with(kNameParameter)) {
    return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  }
  pattern.remove_suffix(kNameParameter.size());
  if (!path.starts_with(pattern) || path.size() == pattern.size()) return std::nullopt;
  return path.substr(pattern.size());
}

HttpResponse NoSuchRoute(const HttpRequest& request, std::string_view allowed) {
  if (!allowed.empty()) {
    HttpResponse response = ErrorResponse(405, "method not allowed",
                                          "this path answers " + std::string(allowed) + " only");
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  return ErrorResponse(
      404, "not found",
      "there is no such path; GET /openapi.json names them: " + request.path.substr(0, 200));
}

HttpResponse Dispatch(Server* server, const HttpRequest& request, std::string_view* route_path) {
  std::string_view allowed;
  for (const Route& route : kRoutes) {
    const auto name = Match(route.description.path, request.path);
    if (!name) continue;
    allowed = route.description.method;
    if (allowed != request.method) continue;
    *route_path = route.description.path;
    auto decoded = PercentDecode(*name);
    if (!decoded.ok()) return ErrorResponse(decoded.error());
    return route.answer(server, request, *decoded);
  }
  return NoSuchRoute(request, allowed);
}

}  // namespace

const std::vector<RouteDescription>& RouteDescriptions() {
  static const std::vector<RouteDescription> kDescriptions = [] {
    std::vector<RouteDescription> all;
    for (const Route& route : kRoutes) all.push_back(route.description);
    return all;
  }();
  return kDescriptions;
}

HttpHandler MakeRoutes(const Service& service) {
  return [server = std::make_shared<Server>(service)](const HttpRequest& request) {
    using Seconds = std::chrono::duration<double>;
    const auto start = std::chrono::steady_clock::now();
    std::string_view path = "other";  // Not the path itself: strangers choose it.
    const HttpResponse response = Dispatch(server.get(), request, &path);
    const std::string route(path);
    Metrics::Global().Count("catena_http_requests_total",
                            {{"route", route}, {"code", std::to_string(response.status)}});
    if (route.starts_with("/v1/features/")) {
      Metrics::Global().Observe("catena_fetch_duration_seconds", {{"route", route}},
                                Seconds(std::chrono::steady_clock::now() - start).count());
    }
    return response;
  };
}

}  // namespace catena::serve
