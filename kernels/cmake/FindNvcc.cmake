# The CUDA compiler, from a toolkit or from pip's nvidia-cuda-nvcc, and the headers of cuFFT and cuBLASLt where there are any.
#
# The libraries themselves are opened at run time, so they are not needed here; their headers, where found, are compared
# with our declarations. LAMA_SITE_PACKAGES: a Python environment whose nvidia-* wheels may be used.
set(LAMA_SITE_PACKAGES "" CACHE PATH "site-packages folder with nvidia-* wheels")
file(GLOB LAMA_WHEEL_ROOTS "${LAMA_SITE_PACKAGES}/nvidia/cu1[2-9]")

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(CMAKE_CUDA_COMPILER nvcc PATHS ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin)
  foreach(root IN LISTS LAMA_WHEEL_ROOTS)
    find_program(CMAKE_CUDA_COMPILER nvcc PATHS "${root}/bin" NO_DEFAULT_PATH)
  endforeach()
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "no nvcc: install a CUDA toolkit, or pip install nvidia-cuda-nvcc nvidia-cuda-runtime "
                        "nvidia-cuda-crt nvidia-nvvm nvidia-cuda-cccl and give -DLAMA_SITE_PACKAGES")
  endif()
endif()

# In wheels, libraries lie where nvcc's own profile does not look.
get_filename_component(LAMA_NVCC_ROOT "${CMAKE_CUDA_COMPILER}" DIRECTORY)
get_filename_component(LAMA_NVCC_ROOT "${LAMA_NVCC_ROOT}" DIRECTORY)
if("${LAMA_NVCC_ROOT}" IN_LIST LAMA_WHEEL_ROOTS)
  set(CMAKE_CUDA_FLAGS_INIT "-L${LAMA_NVCC_ROOT}/lib")
endif()

set(LAMA_MATH_INCLUDE_DIRS)
foreach(root IN LISTS LAMA_WHEEL_ROOTS)
  list(APPEND LAMA_MATH_INCLUDE_DIRS "${root}/include")
endforeach()
