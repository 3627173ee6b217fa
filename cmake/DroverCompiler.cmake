# How every file of drover is compiled.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()

add_library(drover_compiler INTERFACE)
target_compile_options(drover_compiler INTERFACE -Wall -Wextra -Wno-unknown-pragmas)
if(DROVER_WARNINGS_AS_ERRORS)
  target_compile_options(drover_compiler INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside its own standard library at -O2 and above (GCC bugs 105329, 105562, 107138).
  target_compile_options(drover_compiler INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
else()
  # std::stable_sort of libstdc++ 12 uses std::get_temporary_buffer, which C++17 deprecates; clang reports every call of the sort.
  target_compile_options(drover_compiler INTERFACE -Wno-deprecated-declarations)
endif()

if(DROVER_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(DROVER_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "DROVER_FUZZ needs clang: use the preset 'fuzz'.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(DROVER_CCACHE ccache)
if(DROVER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # These settings let precompiled headers, several build folders and several checkouts share one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${DROVER_CCACHE})
endif()
find_program(DROVER_MOLD mold)
if(DROVER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
