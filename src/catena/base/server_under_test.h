// SPDX-License-Identifier: Apache-2.0
// ServerUnderTest: a real Kafka broker or Redis server for a test program; for tests only.
//
// Under ctest the fixture tests `kafka.start` and `redis.start` have started one for all test
// programs, and the environment says where its address stands. A program that is run alone starts
// its own through tests/servers.py; it ends with the program.
//
//   errors   a server that cannot be had ends the program: a test that needs it must not pass
//   threads  every call may run concurrently with every other

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "catena/base/check.h"

namespace catena {

// The line that tests/servers.py prints: "127.0.0.1:port". The server ends when standard input
// does, which is when this program does.
inline std::string StartOwnServer(const std::string& kind) {
  int input[2];
  int output[2];
  const bool piped = pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0;
  CATENA_CHECK(piped, "no pipes to a server");
  const std::string script = std::string(CATENA_SOURCE_DIR) + "/tests/servers.py";
  if (fork() == 0) {
    dup2(input[0], 0);
    dup2(output[1], 1);
    execlp("python3", "python3", script.c_str(), "run", kind.c_str(), nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  std::string address;
  char byte = 0;
  while (read(output[0], &byte, 1) == 1 && byte != '\n') address += byte;
  close(output[0]);
  return address;
}

inline std::string AddressOfServer(const std::string& kind) {
  std::string address;
  if (const char* folder = std::getenv("CATENA_TEST_SERVERS")) {
    std::ifstream(std::string(folder) + "/" + kind) >> address;
  } else {
    address = StartOwnServer(kind);
  }
  CATENA_CHECK(!address.empty(), "no " + kind + " server: see above, and run `make setup`");
  return address;
}

inline const std::string& KafkaUnderTest() {
  static const std::string address = AddressOfServer("kafka");
  return address;
}

inline const std::string& RedisUnderTest() {
  static const std::string address = AddressOfServer("redis");
  return address;
}

}  // namespace catena
