// SPDX-License-Identifier: Apache-2.0
// Every verb of `catena`; each is defined in the file of its name.

#pragma once

#include "catena/cli/command.h"

namespace catena::cli {

Command JoinCommand();                  // backfill_command.cc
Command JoinLeftCommand();              // backfill_command.cc
Command JoinFinalCommand();             // backfill_command.cc
Command GroupByBackfillCommand();       // backfill_command.cc
Command GroupByUploadCommand();         // upload_command.cc
Command LabelJoinCommand();             // label_join_command.cc
Command StagingQueryBackfillCommand();  // staging_query_command.cc
Command AnalyzeCommand();               // analyze_command.cc
Command EvalCommand();                  // eval_command.cc
Command RunCommand();                   // run_command.cc
Command ExplainCommand();               // explain_command.cc
Command GroupByStreamingCommand();      // streaming_command.cc
Command FetchCommand();                 // fetch_command.cc
Command ServeCommand();                 // serve_command.cc
Command MonitorCommand();               // monitor_command.cc
Command StateLsCommand();               // state_command.cc
Command StateVerifyCommand();           // state_command.cc
Command StateSnapshotCommand();         // state_command.cc
Command StateRestoreCommand();          // state_command.cc
Command StateCompactCommand();          // state_command.cc
Command StateResetCommand();            // state_reset_command.cc
Command TopicCreateCommand();           // topic_command.cc
Command TopicDescribeCommand();         // topic_command.cc
Command TopicTailCommand();             // topic_tail_command.cc
Command TopicProduceCommand();          // topic_produce_command.cc
Command TopicArchiveCommand();          // topic_archive_command.cc
Command DlqLsCommand();                 // dlq_command.cc
Command DlqShowCommand();               // dlq_command.cc
Command DlqReplayCommand();             // dlq_command.cc
Command TableLsCommand();               // table_command.cc
Command TableDescribeCommand();         // table_command.cc
Command TableLoadCommand();             // table_command.cc
Command SqlCommand();                   // sql_command.cc
Command OperationsCommand();            // operations_command.cc
Command HelpCommand();                  // about_command.cc
Command VersionCommand();               // about_command.cc
Command CompletionsCommand();           // completions_command.cc

}  // namespace catena::cli
