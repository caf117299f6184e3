// SPDX-License-Identifier: Apache-2.0
// ChildProcess: this test program once more, in a role, to be stopped and killed; for tests only.
//
//   static const bool kRegistered = RegisterChildRole("writer", [](const std::string& argument) {
//     ...; TellParent("ready"); ... return 0; });
//   ChildProcess child("writer", folder);
//   child.ReadLine();   // "ready"
//   child.Signal(SIGKILL);
//
// The role runs in a fresh program (exec), since a fork of a process with threads has none of them.
// A child dies with its parent.

#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace catena::kv {

using ChildRole = std::function<int(const std::string& argument)>;

inline std::map<std::string, ChildRole>& ChildRoles() {
  static std::map<std::string, ChildRole> roles;
  return roles;
}

// Called before the first test; does not return in a child.
inline void RunChildRole() {
  const char* role = std::getenv("CATENA_TEST_ROLE");
  const char* argument = std::getenv("CATENA_TEST_ARGUMENT");
  if (role != nullptr) _exit(ChildRoles().at(role)(argument));
}

inline bool RegisterChildRole(const std::string& name, ChildRole role) {
  return ChildRoles().emplace(name, std::move(role)).second;
}

// Descriptor 3 of a child leads to its parent.
inline bool TellParent(const std::string& line) {
  const std::string bytes = line + "\n";
  return write(3, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

class ChildProcess {
 public:
  ChildProcess(const std::string& role, const std::string& argument) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::string program(4096, '\0');
    program.resize(static_cast<size_t>(
        std::max<ssize_t>(readlink("/proc/self/exe", program.data(), program.size()), 0)));
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(ends[1], 3);
      if (ends[0] != 3) close(ends[0]);
      if (ends[1] != 3) close(ends[1]);
      setenv("CATENA_TEST_ROLE", role.c_str(), 1);
      setenv("CATENA_TEST_ARGUMENT", argument.c_str(), 1);
      execl(program.c_str(), program.c_str(), "--gtest_brief=1", nullptr);
      _exit(127);
    }
    close(ends[1]);
    from_child_ = fdopen(ends[0], "r");
  }
  ~ChildProcess() {
    if (pid_ > 0) {
      Signal(SIGKILL);
      Wait();
    }
    std::fclose(from_child_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) { kill(pid_, signal); }
  // Whether somebody has let it run on after a SIGSTOP, unless it has been asked since.
  bool WasContinued() {
    int status = 0;
    return waitpid(pid_, &status, WCONTINUED | WNOHANG) == pid_ && WIFCONTINUED(status);
  }
  // What waitpid says; 0 is a clean exit.
  int Wait() {
    int status = -1;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }
  // Empty when the child has ended.
  std::string ReadLine() {
    char line[256];
    if (std::fgets(line, sizeof(line), from_child_) == nullptr) return "";
    std::string text(line);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  pid_t pid_ = -1;
  FILE* from_child_ = nullptr;
};

}  // namespace catena::kv
