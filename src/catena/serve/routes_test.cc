// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/routes.h"

#include <gtest/gtest.h>

#include "catena/serve/service_under_test.h"

namespace catena::serve {
namespace {

constexpr char kUsersRoute[] = "/v1/features/groupby/shop.users.v1";
constexpr char kSpendRoute[] = "/v1/features/groupby/shop.spend.v1";
constexpr char kJoinRoute[] = "/v1/features/join/shop.all.v1";

class RoutesTest : public testing::Test, protected ServiceUnderTest {
 protected:
  HttpResponse Ask(const std::string& method, const std::string& target,
                   const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.body = body;
    const Status target_read = ParseTarget(target, &request);
    if (!target_read.ok()) return ErrorResponse(target_read.error());
    return routes_(request);
  }
  HttpResponse Post(const std::string& target, const std::string& body) {
    return Ask("POST", target, body);
  }
  static Json Document(const HttpResponse& response) {
    auto json = ParseJson(response.body, "response");
    EXPECT_TRUE(json.ok()) << response.body;
    return json.ok() ? *json : Json();
  }
  static Json OnlyResult(const HttpResponse& response) { return Document(response)["results"][0]; }

  HttpHandler routes_ = MakeRoutes(service());
};

TEST_F(RoutesTest, AnswersChrononsListOfKeyMaps) {
  const HttpResponse response = Post(kUsersRoute, R"([{"user_id": 1}, {"user_id": "2"}])");
  EXPECT_EQ(response.status, 200);
  const Json results = Document(response)["results"];
  EXPECT_EQ(results[0]["status"], "Success");
  EXPECT_EQ(results[0]["features"], (Json{{"name", "ann"}, {"score", 0.1}}));
  EXPECT_EQ(results[1]["entityKeys"], (Json{{"user_id", "2"}}));
  EXPECT_TRUE(results[1]["features"]["score"].is_null());
}

TEST_F(RoutesTest, PrintsDoublesInTheirShortestExactForm) {
  EXPECT_NE(Post(kUsersRoute, R"([{"user_id": 1}])").body.find("\"score\":0.1}"),
            std::string::npos);
}

TEST_F(RoutesTest, AKeyThatNobodyHasIsASuccessOfNulls) {
  const Json result = OnlyResult(Post(kUsersRoute, R"([{"user_id": 99}])"));
  EXPECT_EQ(result["status"], "Success");
  EXPECT_TRUE(result["features"]["name"].is_null());
  EXPECT_EQ(OnlyResult(Post(kUsersRoute, R"([{"user_id": null}])"))["status"], "Success");
}

TEST_F(RoutesTest, TakesATimeForAllAndATimePerRequest) {
  const std::string later = std::to_string(kNow + 86'400'000);
  const HttpResponse all =
      Post(std::string(kUsersRoute) + "?atMillis=" + later, R"([{"user_id": 1}])");
  EXPECT_EQ(OnlyResult(all)["incomplete"], (Json{{"shop.users.v1", "upload_late"}}));
  const HttpResponse each = Post(kUsersRoute, R"({"requests": [{"keys": {"user_id": 1}},
      {"keys": {"user_id": 1}, "atMillis": )" + later +
                                                  "}]}");
  const Json results = Document(each)["results"];
  EXPECT_FALSE(results[0].contains("incomplete"));
  EXPECT_TRUE(results[1].contains("incomplete"));
  ASSERT_EQ(each.headers.size(), 1u);
  EXPECT_EQ(each.headers[0].first, "X-Catena-Incomplete");
  EXPECT_EQ(each.headers[0].second, "shop.users.v1");
}

TEST_F(RoutesTest, AFailedPartIsAnExceptionAmongTheFeatures) {
  const HttpResponse response = Post(kJoinRoute, R"([{"user_id": 1}])");
  EXPECT_EQ(response.status, 200);
  const Json result = OnlyResult(response);
  EXPECT_EQ(result["status"], "Success");
  EXPECT_EQ(result["features"]["shop_users_v1_name"], "ann");
  const auto why = result["features"]["shop.absent.v1_exception"].get<std::string>();
  EXPECT_NE(why.find("catena group-by-upload"), std::string::npos) << why;
}

TEST_F(RoutesTest, TheOnlyRowOutOfRetentionIs400AndSaysWhatIsKept) {
  const std::string old = "?atMillis=" + std::to_string(kKeptFrom - 1);
  const HttpResponse one = Post(kSpendRoute + old, R"([{"user_id": 1}])");
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(OnlyResult(one)["status"], "Failure");
  const auto error = Document(one)["error"].get<std::string>();
  EXPECT_NE(error.find(FormatTimestamp(FromMillis(kKeptFrom))), std::string::npos) << error;
  const HttpResponse two = Post(kSpendRoute + old, R"([{"user_id": 1}, {"user_id": 2}])");
  EXPECT_EQ(two.status, 200);
  EXPECT_EQ(Document(two)["results"][1]["status"], "Failure");
}

TEST_F(RoutesTest, ARowThatIsWrongDoesNotFailItsNeighbours) {
  const HttpResponse response =
      Post(kUsersRoute, R"([{"user_id": "x"}, {"user_id": 1}, {"user": 1}, {"user_id": [1]}])");
  EXPECT_EQ(response.status, 200);
  const Json results = Document(response)["results"];
  EXPECT_EQ(results[0]["status"], "Failure");
  EXPECT_EQ(results[1]["features"]["name"], "ann");
  EXPECT_NE(results[2]["error"].get<std::string>().find("lacks user_id LONG"), std::string::npos);
  EXPECT_EQ(results[3]["status"], "Failure");
}

TEST_F(RoutesTest, MalformedRequestsAre400WithAReason) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  for (const std::string& body :
       {std::string(""), std::string("{"), std::string("7"), std::string("[]"), std::string("[7]"),
        std::string("{}"), std::string(R"({"requests": [{"user_id": 1}]})"),
        std::string(R"({"requests": [{"keys": {"user_id": 1}, "atMillis": "soon"}]})"), deep,
        std::string("[{\"user_id\": 1},]"), std::string("\xff\xfe")}) {
    const HttpResponse response = Post(kUsersRoute, body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_FALSE(Document(response)["error"].get<std::string>().empty());
  }
  EXPECT_EQ(Post(std::string(kUsersRoute) + "?atMillis=1.5", "[{}]").status, 400);
  EXPECT_EQ(Post(std::string(kUsersRoute) + "?at=1", "[{}]").status, 400);
}

TEST_F(RoutesTest, TimesThatNoCalendarHasAre400) {
  for (const char* route : {kUsersRoute, kSpendRoute, kJoinRoute}) {
    for (const char* time : {"-9223372036854775808", "9223372036854775807", "253402300800000"}) {
      const std::string one = R"([{"user_id": 1}])";
      EXPECT_EQ(Post(std::string(route) + "?atMillis=" + time, one).status, 400) << time;
      const std::string each = R"({"requests": [{"keys": {"user_id": 1}, "atMillis": )";
      EXPECT_EQ(Post(route, each + time + "}]}").status, 400) << time;
    }
    EXPECT_EQ(Post(std::string(kUsersRoute) + "?atMillis=-1", R"([{"user_id": 1}])").status, 200);
  }
}

TEST_F(RoutesTest, MoreRowsThanARequestMayHaveAre400) {
  const auto maps = [](size_t count) {
    std::string body = "[{\"user_id\": 1}";
    for (size_t i = 1; i < count; ++i) body += ",{\"user_id\": 1}";
    return body + "]";
  };
  EXPECT_EQ(Post(kUsersRoute, maps(10'000)).status, 200);
  const HttpResponse refused = Post(kUsersRoute, maps(10'001));
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("at most 10000"), std::string::npos) << refused.body;
}

TEST_F(RoutesTest, NamesAreDecodedAndChecked) {
  EXPECT_EQ(Post("/v1/features/groupby/shop%2Fusers.v1", R"([{"user_id": 1}])").status, 200);
  EXPECT_EQ(Post("/v1/features/groupby/..%2F..%2Fetc", "[{}]").status, 400);
  EXPECT_EQ(Post("/v1/features/groupby/%zz", "[{}]").status, 400);
  EXPECT_EQ(Post("/v1/features/groupby/a%00b", "[{}]").status, 400);
  const HttpResponse near = Post("/v1/features/groupby/shop.user.v1", R"([{"user_id": 1}])");
  EXPECT_EQ(near.status, 404);
  EXPECT_NE(near.body.find("did you mean shop.users.v1?"), std::string::npos);
  // A GroupBy is no Join.
  EXPECT_EQ(Post("/v1/features/join/shop.users.v1", R"([{"user_id": 1}])").status, 404);
}

TEST_F(RoutesTest, NothingUploadedIs404WithTheCommandThatDoes) {
  const HttpResponse response = Post("/v1/features/groupby/shop.absent.v1", R"([{"user_id": 1}])");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("catena group-by-upload"), std::string::npos);
}

TEST_F(RoutesTest, OtherPathsAndMethods) {
  EXPECT_EQ(Ask("GET", "/nope").status, 404);
  const HttpResponse wrong = Ask("GET", kUsersRoute);
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers[0].second, "POST");
  EXPECT_EQ(Document(Ask("GET", "/v1/joins"))["joins"], Json::array({"shop.all.v1"}));
  EXPECT_EQ(Document(Ask("GET", "/v1/groupbys"))["groupbys"].size(), 3u);
  EXPECT_EQ(Document(Ask("GET", "/v1/chain"))["chains"], Json::array());
  EXPECT_EQ(Ask("GET", "/healthz").status, 200);
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
}

TEST_F(RoutesTest, IsNotReadyBeforeTheStreamHasCaughtUp) {
  Service busy = service();
  busy.not_ready = [] { return std::optional<std::string>("catching up"); };
  HttpRequest request;
  request.method = "GET";
  request.path = "/readyz";
  const HttpResponse response = MakeRoutes(busy)(request);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
}

TEST_F(RoutesTest, MetricsCountRequests) {
  Post(kUsersRoute, R"([{"user_id": 1}])");
  const HttpResponse response = Ask("GET", "/metrics");
  EXPECT_NE(response.body.find("catena_http_requests_total{"), std::string::npos);
  EXPECT_NE(response.body.find("catena_fetch_duration_seconds_bucket"), std::string::npos);
}

TEST_F(RoutesTest, OpenApiNamesEveryRouteAndNothingElse) {
  const Json document = Document(Ask("GET", "/openapi.json"));
  EXPECT_EQ(document["paths"].size(), RouteDescriptions().size());
  for (const RouteDescription& route : RouteDescriptions()) {
    EXPECT_TRUE(document["paths"].contains(std::string(route.path))) << route.path;
  }
  const Json& post = document["paths"]["/v1/features/join/{name}"]["post"];
  EXPECT_TRUE(post["parameters"].is_array());
  EXPECT_EQ(post["parameters"][0]["in"], "path");
  EXPECT_TRUE(post["requestBody"]["content"]["application/json"]["schema"]["oneOf"].is_array());
}

}  // namespace
}  // namespace catena::serve
