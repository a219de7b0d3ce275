# tonus_add_plugin(NAME withdrawal SOURCES … [LIBRARIES …]): build/plugins/withdrawal.so, which exports the one symbol.
# -fno-gnu-unique: two versions of one plugin in a process must not share their statics.
# -ffp-contract=off: a fused multiply-add would make findings depend on the CPU. Never add -ffast-math: a shared object
# that was linked with it changes the arithmetic of the whole program that opens it.
set(TONUS_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map CACHE INTERNAL "")
function(tonus_add_plugin)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_NAME MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "tonus_add_plugin: NAME '${arg_NAME}' is not lower_snake")
  endif()
  add_library(${arg_NAME}_plugin MODULE ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY TONUS_PLUGINS ${arg_NAME}_plugin)
  target_link_libraries(${arg_NAME}_plugin PRIVATE tonus::sdk ${arg_LIBRARIES})
  if(TARGET tonus_options)
    target_link_libraries(${arg_NAME}_plugin PRIVATE tonus_options)
  endif()
  target_compile_options(${arg_NAME}_plugin PRIVATE -ffp-contract=off $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${arg_NAME}_plugin PRIVATE "LINKER:--version-script=${TONUS_PLUGIN_VERSION_SCRIPT}" LINKER:--no-undefined)
  if(TONUS_SANITIZE OR TONUS_TSAN)
    # Sanitizer run-times live in the program alone, so these symbols stay open here.
    target_link_options(${arg_NAME}_plugin PRIVATE LINKER:--unresolved-symbols=ignore-all)
  endif()
  set_target_properties(${arg_NAME}_plugin PROPERTIES
    OUTPUT_NAME ${arg_NAME} PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${TONUS_PLUGIN_VERSION_SCRIPT} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
endfunction()
