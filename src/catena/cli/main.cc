// SPDX-License-Identifier: Apache-2.0
// The table of commands, nothing else.
#include <string>
#include <vector>

#include "catena/cli/commands.h"

int main(int argc, char** argv) {
  using namespace catena::cli;
  const std::vector<Command> commands = {
      ExplainCommand(),       AnalyzeCommand(),
      EvalCommand(),

      TableLoadCommand(),     TableLsCommand(),
      TableDescribeCommand(), SqlCommand(),
      JoinCommand(),          JoinLeftCommand(),
      JoinFinalCommand(),     GroupByBackfillCommand(),
      GroupByUploadCommand(), RunCommand(),
      LabelJoinCommand(),     StagingQueryBackfillCommand(),

      TopicCreateCommand(),   TopicProduceCommand(),
      TopicTailCommand(),     TopicDescribeCommand(),
      TopicArchiveCommand(),  GroupByStreamingCommand(),
      DlqLsCommand(),         DlqShowCommand(),
      DlqReplayCommand(),

      FetchCommand(),         ServeCommand(),
      MonitorCommand(),       StateLsCommand(),
      StateVerifyCommand(),   StateSnapshotCommand(),
      StateRestoreCommand(),  StateCompactCommand(),
      StateResetCommand(),

      OperationsCommand(),    HelpCommand(),
      VersionCommand(),       CompletionsCommand(),
  };
  return RunCommandLine(commands, std::vector<std::string>(argv + 1, argv + argc));
}
