// SPDX-License-Identifier: Apache-2.0
// JsonReader: members of a conf's JSON by kind, and what is wrong with them, all of it at once.
//
//   null     an absent member and JSON null read as the empty value
//   errors   a member of another kind is a violation with its path; status() lists them

#pragma once

#include <map>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/conf/metadata.h"

namespace catena::conf {

class JsonReader {
 public:
  Status status(const std::string& file) const;

  void Complain(const std::string& path, const std::string& what) {
    problems_.push_back((path.empty() ? "" : path + ": ") + what);
  }
  // The member, or null when it is absent, JSON null, or of another kind (a violation).
  const Json* Member(const Json& json, const char* name, Json::value_t kind,
                     const std::string& path);
  std::string Text(const Json& json, const char* name, const std::string& path);
  bool Flag(const Json& json, const char* name, const std::string& path);
  int64_t Integer(const Json& json, const char* name, int64_t absent, const std::string& path);
  const Json::array_t& Array(const Json& json, const char* name, const std::string& path);
  std::vector<std::string> Texts(const Json& json, const char* name, const std::string& path);
  std::map<std::string, std::string> TextMap(const Json& json, const char* name,
                                             const std::string& path);
  // Complains of an object `catena` of a version that is not read here.
  void CheckVersion(const Json& extra);
  // Of the member `metaData`.
  MetaData ReadMetaData(const Json& json, const std::string& path);

 private:
  void ReadTableFormat(const Json& member, const std::string& here, MetaData* metadata);
  void ReadStreamParameters(const Json& member, const std::string& here, MetaData* metadata);

  std::vector<std::string> problems_;
};

}  // namespace catena::conf
