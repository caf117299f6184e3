# SPDX-License-Identifier: Apache-2.0
# How every target is compiled and linked: warnings, sanitizers, compiler cache, linker.

add_compile_options(-Wall -Wextra -Wno-missing-field-initializers)
if(CATENA_WERROR)
  add_compile_options(-Werror)
endif()

# GCC's -O2 makes vectors only of loops whose number of turns it knows, and a batch has any number.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  string(APPEND CMAKE_CXX_FLAGS " -fvect-cost-model=dynamic")
endif()

# The same object in every build directory and every clone, so the compiler cache can share it.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
find_program(CATENA_CCACHE ccache)
if(CATENA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}"
      CCACHE_SLOPPINESS=include_file_ctime,include_file_mtime ${CATENA_CCACHE})
endif()

find_program(CATENA_MOLD mold)
if(CATENA_MOLD AND NOT CATENA_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()

if(CATENA_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer
                      -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(CATENA_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -Wno-tsan)
  add_link_options(-fsanitize=thread)
elseif(CATENA_SANITIZE)
  message(FATAL_ERROR "CATENA_SANITIZE is address, thread or empty, not ${CATENA_SANITIZE}")
endif()

if(CATENA_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# libFuzzer needs to see the branches of the code it drives.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CATENA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
