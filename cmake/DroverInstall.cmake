# drover_install(TARGET): `cmake --install` and cpack give a folder that runs elsewhere: bin/drover, and in lib the libraries that it
# needs beyond the C and C++ runtime of the system.
function(drover_install target)
  # DT_RPATH (not RUNPATH) also counts for the libraries' own needs, so that Debian's libraries in lib find each other.
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(CODE "
    set(DROVER_PROGRAM \"$<TARGET_FILE:${target}>\")
    set(DROVER_LIBTORCH_LIBRARY_FOLDER \"${DROVER_LIBTORCH_LIBRARY_FOLDER}\")
    set(DROVER_LIBTORCH_HAS_CUDA \"${DROVER_LIBTORCH_HAS_CUDA}\")
    set(DROVER_LIBRARY_DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\")")
  install(SCRIPT "${CMAKE_SOURCE_DIR}/cmake/install_libraries.cmake")
  install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/README.md" DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/recipes" "${CMAKE_SOURCE_DIR}/data/suites" DESTINATION ${CMAKE_INSTALL_DATADIR}/drover)
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/data/judge" DESTINATION ${CMAKE_INSTALL_DATADIR}/drover/data)
endfunction()

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME drover)
set(CPACK_PACKAGE_VENDOR "the drover authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Post-trains Llama-family models in iterative rounds")
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)
