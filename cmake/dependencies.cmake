# SPDX-License-Identifier: Apache-2.0
# Every third-party library as third_party::<name>, with the one module that may include it and
# the version this tree is tested with. tools/setup.sh installs all of them; tools/tidy.py holds
# the modules to their home. To add one: a line here, its package in setup.sh, its header in tidy.

function(catena_third_party name)
  add_library(third_party_${name} INTERFACE)
  target_link_libraries(third_party_${name} INTERFACE ${ARGN})
  add_library(third_party::${name} ALIAS third_party_${name})
endfunction()

# `make setup` is the remedy for every one of these, so say so once instead of CMake's own essay.
macro(catena_find name)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${name} is not installed: run `make setup`")
  endif()
endmacro()

# A library whose package carries no CMake file: header and shared object, found by name.
function(catena_find_library name header library)
  find_path(CATENA_${name}_INCLUDE_DIR ${header})
  find_library(CATENA_${name}_LIBRARY ${library})
  if(NOT CATENA_${name}_INCLUDE_DIR OR NOT CATENA_${name}_LIBRARY)
    message(FATAL_ERROR "${library} is not installed: run `make setup`")
  endif()
  catena_third_party(${name} "${CATENA_${name}_LIBRARY}")
  target_include_directories(third_party_${name} SYSTEM INTERFACE "${CATENA_${name}_INCLUDE_DIR}")
endfunction()

# base: JSON of confs 3.11, formatted text 9.1, logs 1.10, metrics 1.0, catena.yaml 0.7, HTTP client
catena_find(nlohmann_json)
catena_third_party(json nlohmann_json::nlohmann_json)
catena_find(fmt)
catena_third_party(fmt fmt::fmt)
catena_find(spdlog)
catena_third_party(spdlog spdlog::spdlog)
catena_find(prometheus-cpp)
catena_third_party(prometheus prometheus-cpp::core)
catena_find(yaml-cpp)
catena_third_party(yaml yaml-cpp)
catena_find_library(curl curl/curl.h curl)

# sql: the DuckDB C API 1.5.6
set(duckdb "${CATENA_THIRD_PARTY_DIR}/duckdb")
if(NOT EXISTS "${duckdb}/lib/libduckdb.so" OR NOT EXISTS "${duckdb}/include/duckdb.h")
  message(FATAL_ERROR "DuckDB is not in ${duckdb}: run `make setup`")
endif()
add_library(third_party::duckdb SHARED IMPORTED GLOBAL)
set_target_properties(third_party::duckdb PROPERTIES
  IMPORTED_LOCATION "${duckdb}/lib/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${duckdb}/include")

# table: Arrow's writer of Parquet 26.0.1
set(arrow "${CATENA_THIRD_PARTY_DIR}/arrow")
if(NOT EXISTS "${arrow}/include/parquet/arrow/writer.h")
  message(FATAL_ERROR "Arrow is not in ${arrow}: run `make setup`")
endif()
foreach(library arrow parquet)
  add_library(third_party::${library} SHARED IMPORTED GLOBAL)
  set_target_properties(third_party::${library} PROPERTIES
    IMPORTED_LOCATION "${arrow}/lib/lib${library}.so.2600"
    INTERFACE_INCLUDE_DIRECTORIES "${arrow}/include")
endforeach()

# aggregate: Apache DataSketches (CPC, KLL), headers of the crate dsrs 0.6.1
set(datasketches "${CATENA_THIRD_PARTY_DIR}/datasketches/include")
if(NOT EXISTS "${datasketches}/cpc_sketch.hpp")
  message(FATAL_ERROR "DataSketches is not in ${datasketches}: run `make setup`")
endif()
catena_third_party(datasketches)
target_include_directories(third_party_datasketches SYSTEM INTERFACE "${datasketches}")

# topic: JSON of events 3.0, Kafka 2.0, Protobuf 3.21
catena_find(simdjson)
catena_third_party(simdjson simdjson::simdjson)
catena_find_library(rdkafka librdkafka/rdkafka.h rdkafka)
catena_find_library(protobuf google/protobuf/message.h protobuf)

# kv: embedded store 7.8, Redis client 0.14
catena_find_library(rocksdb rocksdb/db.h rocksdb)
catena_find_library(hiredis hiredis/hiredis.h hiredis)

# aggregate: small vectors; serve: HTTP (Beast, Asio). 1.81, headers only
catena_find(Boost 1.74)
catena_third_party(boost_headers Boost::headers)

# cli: flags 2.3
catena_find(CLI11)
catena_third_party(cli11 CLI11::CLI11)

# tests and benchmarks, any module: GoogleTest 1.12, rapidcheck, Google Benchmark 1.7
catena_find(GTest)
catena_third_party(gtest GTest::gtest)
catena_third_party(gtest_main GTest::gtest_main)
catena_third_party(gmock GTest::gmock)
catena_find_library(rapidcheck rapidcheck.h rapidcheck)
catena_find(benchmark)
catena_third_party(benchmark benchmark::benchmark)
catena_third_party(benchmark_main benchmark::benchmark_main)
