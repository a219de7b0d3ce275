#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tonus {

/// What kind of failure an Error is; decides the exit code and whether trying again can help.
enum class ErrorCode {
  kUsage,        ///< The caller asked for something that does not exist. Exit code 2.
  kConfig,       ///< A file that a person wrote is wrong. Exit code 2.
  kUnreachable,  ///< An endpoint or file cannot be reached or opened. Exit code 3.
  kIo,           ///< Reading or writing failed.
  kNoSpace,      ///< The disk is full, or below its reserve.
  kCorrupt,      ///< Stored bytes are not what was written.
  kRefused,      ///< The other side, or a plugin, refused in words. Exit code 2.
  kDiverged,     ///< A repeated record differs from the stored one.
  kFenced,       ///< A newer connection took this producer's name.
  kTimeout,      ///< Nobody answered in time.
  kMalformed,    ///< Input from outside does not parse.
};

/// A failure that a person can act on: what failed, where, and what to do.
struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string what;   ///< One clause, no full stop.
  std::string where;  ///< file:line:column, endpoint, patient or offset; may be empty.
  std::string hint;   ///< What to do; may be empty.

  /// "where: what; hint", leaving out what is empty.
  std::string Message() const {
    std::string text;
    if (!where.empty()) text += where + ": ";
    text += what;
    if (!hint.empty()) text += "; " + hint;
    return text;
  }
};

template <class T>
using Result = tl::expected<T, Error>;

/// Wraps an Error for return from a function that returns Result<T>.
inline tl::unexpected<Error> Fail(ErrorCode code, std::string what, std::string where = {},
                                  std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(what), std::move(where), std::move(hint)});
}

/// The process exit code of design.md for an Error. What a plugin, a log or a broker refuses was
/// asked for by options or tonus.yaml: it is refused again however often it is tried.
inline int ExitCode(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUsage:
    case ErrorCode::kConfig:
    case ErrorCode::kRefused:
      return 2;
    case ErrorCode::kUnreachable:
    case ErrorCode::kTimeout:
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
    case ErrorCode::kCorrupt:
      return 3;
    default:
      return 1;
  }
}

}  // namespace tonus
