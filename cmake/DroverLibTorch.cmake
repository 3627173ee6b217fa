# LibTorch as the target drover_libtorch, and DROVER_LIBTORCH_HAS_CUDA.
#
# Its folder is DROVER_LIBTORCH (on the command line, else in the environment), else what scripts/setup chose. Its own CMake package
# is not used: for a CUDA build that one demands a CUDA compiler, which drover needs only for kernels of its own, and it adds
# compiler flags of its own to every user.
if(DROVER_LIBTORCH)
  set(drover_torch "${DROVER_LIBTORCH}")
elseif(DEFINED ENV{DROVER_LIBTORCH})
  set(drover_torch "$ENV{DROVER_LIBTORCH}")
  # Remembered, so that a later configuration without the variable does not change the build.
  set(DROVER_LIBTORCH_OF_ENVIRONMENT "${drover_torch}" CACHE INTERNAL "")
elseif(DROVER_LIBTORCH_OF_ENVIRONMENT)
  set(drover_torch "${DROVER_LIBTORCH_OF_ENVIRONMENT}")
else()
  if(DEFINED ENV{DROVER_HOME})
    set(drover_home "$ENV{DROVER_HOME}")
  else()
    set(drover_home "$ENV{HOME}/.local/share/drover")
  endif()
  if(EXISTS "${drover_home}/libtorch-path")
    file(STRINGS "${drover_home}/libtorch-path" drover_torch LIMIT_COUNT 1)
  else()
    file(GLOB drover_torch LIST_DIRECTORIES true "${drover_home}/python/lib/python3*/site-packages/torch")
    list(SUBLIST drover_torch 0 1 drover_torch)
  endif()
endif()
if(NOT EXISTS "${drover_torch}/share/cmake/Torch/TorchConfigVersion.cmake")
  message(FATAL_ERROR "There is no LibTorch at '${drover_torch}'. Run scripts/setup, or pass -DDROVER_LIBTORCH=PATH "
                      "(the folder that holds share/cmake/Torch).")
endif()

file(STRINGS "${drover_torch}/share/cmake/Torch/TorchConfigVersion.cmake" line REGEX "^set\\(PACKAGE_VERSION ")
string(REGEX REPLACE ".*\"([^\"]*)\".*" "\\1" DROVER_LIBTORCH_VERSION "${line}")
if(DROVER_LIBTORCH_VERSION VERSION_LESS 2.11 OR NOT DROVER_LIBTORCH_VERSION VERSION_LESS 2.14)
  message(FATAL_ERROR "LibTorch at '${drover_torch}' is ${DROVER_LIBTORCH_VERSION}; drover is built with 2.11 to 2.13.")
endif()

set(DROVER_LIBTORCH_LIBRARY_FOLDER "${drover_torch}/lib")
set(drover_torch_libraries "${drover_torch}/lib/libtorch.so" "${drover_torch}/lib/libtorch_cpu.so" "${drover_torch}/lib/libc10.so")
if(EXISTS "${drover_torch}/lib/libtorch_cuda.so")
  set(DROVER_LIBTORCH_HAS_CUDA ON)
  # Nothing here names a symbol of these; they register their kernels when they are loaded.
  list(APPEND drover_torch_libraries -Wl,--push-state,--no-as-needed "${drover_torch}/lib/libtorch_cuda.so"
       "${drover_torch}/lib/libc10_cuda.so" -Wl,--pop-state)
else()
  set(DROVER_LIBTORCH_HAS_CUDA OFF)
endif()

add_library(drover_libtorch INTERFACE)
# System headers: their warnings are not ours. They are searched last, because the wheel carries a newer fmt beside its own headers,
# which would not fit the library that is linked. The libraries' own needs (CUDA, OpenMP) are resolved by their run paths.
target_compile_options(drover_libtorch INTERFACE "SHELL:-idirafter \"${drover_torch}/include\""
                       "SHELL:-idirafter \"${drover_torch}/include/torch/csrc/api/include\"")
target_link_libraries(drover_libtorch INTERFACE ${drover_torch_libraries} -Wl,--allow-shlib-undefined Threads::Threads)
if(DROVER_LIBTORCH_HAS_CUDA)
  message(STATUS "LibTorch ${DROVER_LIBTORCH_VERSION} (CUDA) at ${drover_torch}")
else()
  message(STATUS "LibTorch ${DROVER_LIBTORCH_VERSION} (CPU) at ${drover_torch}")
endif()
