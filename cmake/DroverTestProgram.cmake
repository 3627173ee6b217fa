# drover_test_program(TARGET ROOM): lists the suites of a GoogleTest program in ctest, as ROOM.Suite.
#
# ctest runs as many tests at once as there are cores, so each gets one OpenMP thread; a test that needs more asks for them itself.
function(drover_test_program target room)
  set(entries "${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake")
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} "-DPROGRAM=$<TARGET_FILE:${target}>" "-DROOM=${room}" "-DOUTPUT=${entries}"
            "-DENVIRONMENT=OMP_NUM_THREADS=1" -P "${CMAKE_SOURCE_DIR}/cmake/list_suites.cmake"
    BYPRODUCTS "${entries}" VERBATIM)
  set(include_file "${CMAKE_CURRENT_BINARY_DIR}/${target}_include.cmake")
  file(WRITE "${include_file}"
       "if(EXISTS \"${entries}\")\n  include(\"${entries}\")\nelse()\n  add_test(${room}.NotBuilt ${target}_is_not_built)\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include_file}")
endfunction()
