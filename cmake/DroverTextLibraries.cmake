# The libraries of room text: utf8proc (normal forms), Oniguruma (patterns of tokenizers that drover has no scanner for) and simdjson
# (large tokenizer.json files). A build of the LibTorch rooms alone does without them; tokenizers that need one of the first two are then
# refused with a sentence that says so, and large ones load more slowly.
add_library(drover_text_libraries INTERFACE)
foreach(entry IN ITEMS "UTF8PROC;utf8proc;utf8proc.h;libutf8proc-dev" "ONIGURUMA;onig;oniguruma.h;libonig-dev"
        "SIMDJSON;simdjson;simdjson.h;libsimdjson-dev")
  list(GET entry 0 name)
  list(GET entry 1 library)
  list(GET entry 2 header)
  list(GET entry 3 package)
  find_library(DROVER_${name}_LIBRARY ${library})
  find_path(DROVER_${name}_FOLDER ${header})
  mark_as_advanced(DROVER_${name}_LIBRARY DROVER_${name}_FOLDER)
  if(DROVER_${name}_LIBRARY AND DROVER_${name}_FOLDER)
    target_compile_definitions(drover_text_libraries INTERFACE DROVER_HAS_${name})
    target_include_directories(drover_text_libraries SYSTEM INTERFACE "${DROVER_${name}_FOLDER}")
    target_link_libraries(drover_text_libraries INTERFACE "${DROVER_${name}_LIBRARY}")
  elseif(NOT DROVER_LIBTORCH_ROOMS_ONLY)
    message(FATAL_ERROR "${library} was not found. Run scripts/setup, or install ${package}.")
  endif()
endforeach()
