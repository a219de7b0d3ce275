# What `cmake --install` lays down besides the headers (sdk/): the program, the detectors, and configuration that runs.
# The program finds the last two from where it lies: ../lib/tonus/plugins and ../share/tonus (cli/config.h).
install(TARGETS tonus DESTINATION bin)
install(FILES config/tonus.yaml config/signals.yaml config/drugs.yaml DESTINATION share/tonus)
foreach(detector withdrawal malfunction infection paradox)
  install(TARGETS ${detector}_plugin DESTINATION lib/tonus/plugins)
endforeach()
