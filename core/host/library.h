#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/host/declaration.h"

namespace tonus::core {

/// A plugin's shared object, open.
struct Library {
  std::string path;
  std::string digest;  ///< SHA-256 of the file, hexadecimal.
  std::vector<DetectorDecl> detectors;
};

/// Opens a shared object and reads what it declares. The file is checked before the loader runs its
/// constructors: readable, an ELF shared object for this machine, at most 256 MiB.
///
/// The object is opened under a name made of its content, so that a newer build of a file that is
/// already open is not mistaken for it, and it is never closed: its code lives as long as the
/// process (thread-local and unique symbols make a real unload uncertain). Floating-point state is
/// the same before and after. Fails with kUnreachable where the file cannot be read, with kRefused
/// in a sentence for everything else.
Result<Library> OpenLibrary(const std::string& path);

}  // namespace tonus::core
