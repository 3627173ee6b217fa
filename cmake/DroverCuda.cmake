# The object library drover_cuda_kernels: the .cu files of room model, compiled by nvcc against the CUDA toolkit alone. nvcc is
# CMAKE_CUDA_COMPILER or CUDACXX where given, else one on the path, in /usr/local/cuda, or what scripts/setup --cuda-compiler brought.
# The CUDA runtime is linked statically, so that the program starts where there is no GPU.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  if(DEFINED ENV{DROVER_HOME})
    set(drover_home "$ENV{DROVER_HOME}")
  else()
    set(drover_home "$ENV{HOME}/.local/share/drover")
  endif()
  file(GLOB drover_nvcc_folders "${drover_home}/cuda-compiler/nvidia/cu*/bin")
  find_program(DROVER_NVCC nvcc HINTS ENV PATH PATHS /usr/local/cuda/bin ${drover_nvcc_folders})
  if(NOT DROVER_NVCC)
    message(FATAL_ERROR "DROVER_CUDA needs nvcc, and there is none on the path or in /usr/local/cuda. Run scripts/setup --cuda-compiler, or set CUDACXX.")
  endif()
  set(CMAKE_CUDA_COMPILER "${DROVER_NVCC}")
endif()
if(NOT CMAKE_CUDA_ARCHITECTURES)
  # Machine code for A100 and H100, and what drivers of later GPUs compile by themselves. bfloat16 tensor cores begin with 80.
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
if(NOT CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER g++)
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # nvcc speaks it since 12.0, which CMake 3.25 does not know
endif()
find_package(CUDAToolkit REQUIRED)

add_library(drover_cuda_kernels OBJECT ${CMAKE_SOURCE_DIR}/src/model/cuda/attention_forward.cu ${CMAKE_SOURCE_DIR}/src/model/cuda/attention_backward.cu
            ${CMAKE_SOURCE_DIR}/src/model/cuda/decode_step.cu ${CMAKE_SOURCE_DIR}/src/model/cuda/device_kernels.cu)
target_include_directories(drover_cuda_kernels PRIVATE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(drover_cuda_kernels PRIVATE "-Xcompiler=-Wall,-Wextra")
if(DROVER_WARNINGS_AS_ERRORS)
  target_compile_options(drover_cuda_kernels PRIVATE "-Werror=all-warnings")
endif()
