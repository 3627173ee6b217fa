# Writes ctest entries for PROGRAM, one for each of its test suites. Called after the program was linked (drover_test_program).
# One process for a whole suite, because a program over LibTorch takes half a second to start.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests OUTPUT_VARIABLE listing RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  file(REMOVE "${PROGRAM}")  # or the next build would take it for finished
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests ended with ${status}.")
endif()
string(REGEX MATCHALL "(^|\n)[A-Za-z_][^ \n]*\\.[ \n]" suites "${listing}")
set(text "")
foreach(suite IN LISTS suites)
  string(STRIP "${suite}" suite)
  string(REGEX REPLACE "\\.$" "" suite "${suite}")
  string(APPEND text "add_test([==[${ROOM}.${suite}]==] [==[${PROGRAM}]==] [==[--gtest_filter=${suite}.*]==] --gtest_brief=1)\n"
         "set_tests_properties([==[${ROOM}.${suite}]==] PROPERTIES TIMEOUT 600 LABELS ${ROOM} ENVIRONMENT \"${ENVIRONMENT}\")\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
