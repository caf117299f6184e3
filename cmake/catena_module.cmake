# SPDX-License-Identifier: Apache-2.0
# catena_module(<name> DEPENDS <modules> [LINK <libraries>] [TEST_DEPENDS <modules>]
#               [TEST_SERVER <server>] [PLUGIN <plugin> PLUGIN_LINK <libraries>])
#
# One folder src/catena/<name> becomes
#   catena_<name>     static library of every *.cc that is not a test, benchmark, fuzzer or main.cc
#   <name>_test       all *_test.cc beside them, registered with ctest case by case
#   <name>_bench      all *_bench.cc                     (built on demand: `make bench-<name>`)
#   <stem>_fuzz       one program per <stem>_fuzz.cc; ctest runs it for a while, `make fuzz` longer
#   catena            the product, from main.cc
#   libcatena_<plugin>.so
#                     from the folder plugin/, a library that the module loads when it needs it, of
#                     what no program can be linked to; its libraries lie beside it
# DEPENDS are the only modules it may include; tools/tidy.py reads the same line. LINK names
# third_party:: targets without their prefix. TEST_DEPENDS adds modules for the tests alone.
#
# catena_test(<name> SOURCES <files> DEPENDS <modules>) makes one test program of files that
# belong to no module (tests/). A TEST_SERVER (kafka, redis) is started before the first test that
# wants it and stopped after the last, by the fixture tests <server>.start and <server>.stop.
#
# catena_knows_source_tree(<files>) defines CATENA_SOURCE_DIR for those that read data of the source
# tree: it differs by clone, so no other file has it and the compiler cache serves them all.

include(GoogleTest)
find_package(Threads REQUIRED)

function(catena_link target visibility)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINK" ${ARGN})
  foreach(module IN LISTS arg_DEPENDS)
    set_property(GLOBAL APPEND PROPERTY catena_edges "${target}:${module}")
    if(module IN_LIST catena_selected)
      target_link_libraries(${target} ${visibility} catena_${module})
    endif()
  endforeach()
  foreach(library IN LISTS arg_LINK)
    if(TARGET third_party::${library})
      target_link_libraries(${target} ${visibility} third_party::${library})
    else()
      message(FATAL_ERROR "${target}: LINK ${library} is not in cmake/dependencies.cmake")
    endif()
  endforeach()
endfunction()

# A module may be built before the ones it depends on exist, but never released that way.
function(catena_check_dependencies)
  get_property(edges GLOBAL PROPERTY catena_edges)
  foreach(edge IN LISTS edges)
    string(REPLACE ":" ";" pair "${edge}")
    list(GET pair 0 target)
    list(GET pair 1 module)
    if(NOT module IN_LIST catena_selected)
      set(message "${target} depends on module ${module}, which is not built: add it")
      if(CATENA_COMPLETE)
        message(FATAL_ERROR "${message}")
      endif()
      message(WARNING "${message} to CATENA_MODULES or write src/catena/${module}")
    endif()
  endforeach()
endfunction()

function(catena_test_server server)
  if(TEST ${server}.start)
    return()
  endif()
  foreach(verb start stop)
    add_test(NAME ${server}.${verb}
             COMMAND python3 "${CMAKE_SOURCE_DIR}/tests/servers.py" ${verb} ${server}
                     "${CMAKE_BINARY_DIR}/servers/${server}")
  endforeach()
  set_tests_properties(${server}.start PROPERTIES FIXTURES_SETUP ${server})
  set_tests_properties(${server}.stop PROPERTIES FIXTURES_CLEANUP ${server})
endfunction()

function(catena_test name)
  cmake_parse_arguments(arg "" "SERVER" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  set_target_properties(${name} PROPERTIES BUILD_RPATH "${CMAKE_BINARY_DIR}/lib")  # For plugins.
  catena_link(${name} PRIVATE DEPENDS ${arg_DEPENDS} LINK ${arg_LINK} gtest_main)
  set(server)
  if(arg_SERVER)
    catena_test_server(${arg_SERVER})
    target_compile_definitions(${name} PRIVATE CATENA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    set(server FIXTURES_REQUIRED ${arg_SERVER}
        ENVIRONMENT_MODIFICATION "CATENA_TEST_SERVERS=set:${CMAKE_BINARY_DIR}/servers")
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
                       PROPERTIES TIMEOUT 600 ${server}
                       ENVIRONMENT "CATENA_BIN=${CMAKE_BINARY_DIR}/bin/catena")
endfunction()

function(catena_knows_source_tree)
  set_source_files_properties(${ARGN} PROPERTIES
    COMPILE_DEFINITIONS CATENA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endfunction()

function(catena_program name)
  add_executable(${name} main.cc)
  target_link_libraries(${name} PRIVATE catena_cli)
  # The shared library travels with the program, so that the pair can be moved together.
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin"
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/../lib")
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E make_directory "${CMAKE_BINARY_DIR}/lib"
    COMMAND ${CMAKE_COMMAND} -E copy_if_different
            "$<TARGET_FILE:third_party::duckdb>" "${CMAKE_BINARY_DIR}/lib")
endfunction()

function(catena_plugin name)
  cmake_parse_arguments(arg "" "MODULE" "SOURCES;LINK" ${ARGN})
  # Of our own code it has a copy of what cannot be inline, as the static libraries are not for it.
  add_library(catena_${name} MODULE ${arg_SOURCES} "${CMAKE_SOURCE_DIR}/src/catena/base/check.cc")
  target_include_directories(catena_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  catena_link(catena_${name} PRIVATE LINK ${arg_LINK})
  set_target_properties(catena_${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib" CXX_VISIBILITY_PRESET hidden
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")
  if(CATENA_SANITIZE)  # Their dlopen looks beside itself.
    target_compile_definitions(catena_${arg_MODULE} PRIVATE
      CATENA_PLUGIN_FOLDER="${CMAKE_BINARY_DIR}/lib/")
  else()  # clang's runtimes of them are in the program alone.
    target_link_options(catena_${name} PRIVATE -Wl,--no-undefined)
  endif()
  foreach(library IN LISTS arg_LINK)
    add_custom_command(TARGET catena_${name} POST_BUILD
      COMMAND ${CMAKE_COMMAND} -E copy_if_different
              "$<TARGET_FILE:third_party::${library}>" "${CMAKE_BINARY_DIR}/lib")
  endforeach()
  add_dependencies(catena_${arg_MODULE} catena_${name})
endfunction()

function(catena_fuzzer source)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  get_filename_component(name "${source}" NAME_WE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_executable(${name} "${source}")
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} "${source}" "${CMAKE_SOURCE_DIR}/tools/fuzz_driver.cc")
  endif()
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  catena_link(${name} PRIVATE DEPENDS ${arg_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY catena_fuzzers ${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  # Seeded, so that every run is the same run; `make fuzz` goes on where this ends.
  add_test(NAME ${name} COMMAND ${name} -seed=1 -runs=20000 -max_total_time=600)
endfunction()

function(catena_module name)
  cmake_parse_arguments(arg "" "TEST_SERVER;PLUGIN"
                        "DEPENDS;LINK;TEST_DEPENDS;TEST_LINK;PLUGIN_LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(plugin ${sources})
  list(FILTER plugin INCLUDE REGEX "/plugin/")
  list(FILTER sources EXCLUDE REGEX "/plugin/")
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|_fuzz|/main)\\.cc$")

  set(visibility PUBLIC)
  if(sources)
    add_library(catena_${name} STATIC ${sources})
  else()
    add_library(catena_${name} INTERFACE)
    set(visibility INTERFACE)
  endif()
  target_include_directories(catena_${name} ${visibility}
    "${CMAKE_SOURCE_DIR}/src" "${CMAKE_BINARY_DIR}/generated")
  target_link_libraries(catena_${name} ${visibility} Threads::Threads)
  catena_link(catena_${name} ${visibility} DEPENDS ${arg_DEPENDS} LINK ${arg_LINK})

  if(arg_PLUGIN)
    catena_plugin(${arg_PLUGIN} MODULE ${name} SOURCES ${plugin} LINK ${arg_PLUGIN_LINK})
  endif()
  if(tests)
    catena_test(${name}_test SOURCES ${tests} DEPENDS ${name} ${arg_TEST_DEPENDS}
                LINK gmock ${arg_TEST_LINK} SERVER ${arg_TEST_SERVER})
  endif()
  if(benches)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benches})
    target_compile_definitions(${name}_bench PRIVATE CATENA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    set_target_properties(${name}_bench PROPERTIES BUILD_RPATH "${CMAKE_BINARY_DIR}/lib")
    catena_link(${name}_bench PRIVATE DEPENDS ${name} ${arg_TEST_DEPENDS} LINK benchmark_main)
  endif()
  foreach(source IN LISTS fuzzers)
    catena_fuzzer("${source}" DEPENDS ${name} ${arg_TEST_DEPENDS})
  endforeach()
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/main.cc")
    catena_program(catena)
  endif()
endfunction()
