# Copies the libraries that DROVER_PROGRAM needs to DROVER_LIBRARY_DESTINATION; run by `cmake --install`.
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${DROVER_PROGRAM}" RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR unresolved
     DIRECTORIES "${DROVER_LIBTORCH_LIBRARY_FOLDER}"
     PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|gcc_s|stdc\\+\\+)\\.so" "^libcuda\\.so" "^libnvidia")
if(unresolved)
  message(WARNING "These libraries were not found and are not copied: ${unresolved}")
endif()
if(DROVER_LIBTORCH_HAS_CUDA)
  # CUDA's libraries open further ones by name at run time.
  file(GLOB opened "${DROVER_LIBTORCH_LIBRARY_FOLDER}/*.so*" "${DROVER_LIBTORCH_LIBRARY_FOLDER}/../../nvidia/*/lib/*.so*")
  list(FILTER opened EXCLUDE REGEX "python|_test\\.so")
  list(APPEND libraries ${opened})
endif()
list(REMOVE_DUPLICATES libraries)
foreach(library IN LISTS libraries)
  file(INSTALL "${library}" DESTINATION "${DROVER_LIBRARY_DESTINATION}" TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN)
endforeach()
