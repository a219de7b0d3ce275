# What `cmake --install` lays down besides the headers (sdk/): the program, the detectors, and configuration that runs.
# The program finds the last two from where it lies: ../lib/tonus/plugins and ../share/tonus (cli/config.h).
install(TARGETS tonus DESTINATION bin)
install(FILES config/tonus.yaml config/signals.yaml config/drugs.yaml DESTINATION share/tonus)
get_property(detectors GLOBAL PROPERTY TONUS_PLUGINS)
foreach(detector ${detectors})
  get_target_property(folder ${detector} SOURCE_DIR)
  if(folder MATCHES "^${PROJECT_SOURCE_DIR}/plugins/")
    install(TARGETS ${detector} DESTINATION lib/tonus/plugins)
  endif()
endforeach()
