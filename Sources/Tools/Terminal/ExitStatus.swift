internal import ArgumentParser
internal import QAMFormat

/// Stable exit statuses: those of sysexits.h where applicable.
enum ExitStatus {
    static let overLimit = ExitCode(1)
    static let badData = ExitCode(65)
    static let noInput = ExitCode(66)
    static let bug = ExitCode(70)
    static let cannotCreate = ExitCode(73)
    static let io = ExitCode(74)
    static let interrupted = ExitCode(130)

    /// The status for an error of the library.
    static func of(_ error: QAMError) -> ExitCode {
        switch error.code {
        case .malformed, .checksumMismatch, .truncated, .unsupported, .limitExceeded: badData
        case .notFound: noInput
        case .cannotCreate: cannotCreate
        case .io: io
        case .interrupted: interrupted
        case .invalidArgument: ExitCode.validationFailure
        default: bug
        }
    }

    /// Tells the user what `error` says and returns the status to exit with.
    static func report(_ error: QAMError) -> ExitCode {
        Console.complain(Format.diagnostic(error.description))
        return of(error)
    }

    /// The same of any error that ended `command`.
    static func report(_ error: any Error, from command: any ParsableCommand.Type) -> ExitCode {
        switch error {
        case let error as QAMError: report(error)
        case let code as ExitCode: code
        default: reportParsing(error, from: command)
        }
    }

    /// Help and version, which the parser throws too, go to standard output; mistakes in the arguments to standard error.
    private static func reportParsing(_ error: any Error, from command: any ParsableCommand.Type) -> ExitCode {
        let code = command.exitCode(for: error)
        var text = command.fullMessage(for: error)
        if code.isSuccess {
            do { try Console.printExactly(text) } catch { return report(error, from: command) }
            return code
        }
        // The parser quotes arguments verbatim, including line breaks.
        for argument in CommandLine.arguments {
            let part = argument.drop { $0 == "-" }, shown = Format.printable(String(part))
            if shown != part { text = text.replacing(part, with: shown) }
        }
        let prefix = "Error: "
        Console.complain(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
        // The parser's generic failure status is a bug here.
        return code == .failure ? bug : code
    }
}
