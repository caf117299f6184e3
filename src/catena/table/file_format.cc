// SPDX-License-Identifier: Apache-2.0
#include "catena/table/file_format.h"

namespace catena::table {

const std::vector<FileFormat>& FileFormats() {
  static const std::vector<FileFormat> formats = {CsvFormat(), JsonFormat(), ParquetFormat()};
  return formats;
}

Result<const FileFormat*> FormatOf(const std::string& path) {
  std::string known;
  for (const FileFormat& format : FileFormats()) {
    for (const char* ending : format.endings) {
      if (path.ends_with(ending)) return &format;
      known += (known.empty() ? "" : ", ") + std::string(ending);
    }
  }
  return InvalidConf("the name of a file ends with what it is, " + known + ": " + path);
}

}  // namespace catena::table
