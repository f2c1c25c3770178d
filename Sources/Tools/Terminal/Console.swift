#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import Architectures
internal import Converters
internal import QAMFormat

/// Standard output and standard error.
enum Console {
    /// Writes lines to standard output; names in them are escaped, so none breaks a line. A closed pipe (`qamw inspect FILE | head`) is not
    /// an error.
    static func print(_ text: String) throws { try printExactly(Format.printableLines(text)) }

    /// Writes a line to standard output as it is.
    static func printExactly(_ text: String) throws { try writeExactly(text + "\n") }

    /// Writes a model's text, or a part of it, to standard output: exactly, but to a terminal without characters that it would interpret.
    static func writeText(_ text: String) throws {
        try writeExactly(Platform.standardOutputIsTerminal ? Format.printableText(text) : text)
    }

    private static func writeExactly(_ text: String) throws {
        guard let code = Platform.write(Array(text.utf8), to: STDOUT_FILENO), code != EPIPE else { return }
        throw QAMError(.io, unsafe "cannot write: \(String(cString: strerror(code)))", at: .init(file: "standard output"))
    }

    /// Writes one JSON document on a line of its own.
    static func print(_ json: JSONValue) throws { try printExactly(Format.printableJSON(JSONWriter.text(json))) }

    /// Writes a diagnostic line; failures are ignored.
    static func complain(_ message: String) { write("qamw: \(Format.printableLines(message))\n") }

    static func warn(_ messages: [String]) {
        for message in messages { complain("warning: \(Format.diagnostic(message))") }
    }

    /// Writes text to standard error as it is.
    static func write(_ text: String) { _ = Platform.write(Array(text.utf8), to: STDERR_FILENO) }
}
