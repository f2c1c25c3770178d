import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// Names from files and folders, as printed for terminals and scripts.
@Suite struct TerminalTests {
    /// Right-to-left override, escape, zero width, line separator, C1 control, filler, and a line break.
    private static let name = "w\u{202E}a\u{1B}[31mb\u{200B}c\u{2028}d\u{9B}e\u{2066}f\u{115F}g\nqamw: h"
    private static let shown = #"w\u{202E}a\u{1B}[31mb\u{200B}c\u{2028}d\u{009B}e\u{2066}f\u{115F}g\nqamw: h"#

    private static func isClean(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control: scalar == "\n"
            case .format, .lineSeparator, .paragraphSeparator: false
            default: !scalar.properties.isDefaultIgnorableCodePoint
            }
        }
    }

    private func scratch() throws -> Scratch {
        let scratch = try Scratch()
        let model = TestModel(tensors: [try .weights(Self.name, 4, 64), try .values("v", [1])], metadata: [(Self.name, Self.name)])
        try scratch.write(model.safetensors, to: "x")
        try scratch.write(TestModel(tensors: [try .values(Self.name, [1, 2])]).safetensors, to: "y")
        return scratch
    }

    @Test func namesNeverCommandTheTerminal() throws {
        let scratch = try scratch()
        try scratch.write(scratch.bytes("x"), to: Self.name)
        let runs = [
            ["inspect", "x"], ["inspect", "x", "--tensors", "--metadata"], ["inspect", Self.name], ["verify", Self.name], ["compare", "x", "y"],
            ["compare", "y", "x"],
            ["quantize", "--plain", Self.name, "\(Self.name).qamw"], ["quantize", "--plain", "x", "q.qamw", "--include", Self.name],
            ["quantize", "--plain", "x", "r.qamw", "--recipe", "all", "--strict"],
            ["convert", Self.name, "\(Self.name).safetensors"], ["metadata", Self.name], ["metadata", Self.name, "--set", "\(Self.name)=string:\(Self.name)"],
            ["metadata", Self.name, "--remove", "\(Self.name)!"], ["verify", "\(Self.name)gone"], ["checksum", "\(Self.name)gone"],
            ["convert", "x", Self.name],
            ["inspect", "x", "--\(Self.name)"], ["quantize", "--plain", "x", "s.qamw", "--bits", Self.name], [Self.name],
        ]
        for arguments in runs {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(Self.isClean(outcome.output) && Self.isClean(outcome.errors), "\(arguments)")
            #expect(!(outcome.output + "\n" + outcome.errors).contains("\nqamw: h"), "\(arguments)")
        }
        #expect(try scratch.qamw("inspect", "x", "--tensors").output.contains(Self.shown))
        #expect(try scratch.qamw("verify", "\(Self.name)gone").errors.contains(Self.shown))
    }

    @Test func jsonHasTheExactNames() throws {
        let scratch = try scratch()
        let outcome = try scratch.qamw("inspect", "x", "--json")
        #expect(Self.isClean(outcome.output))
        #expect(outcome.output.contains(#"\u202e"#))
        #expect(try outcome.json["tensors"]?.elements.contains { $0["name"]?.text == Self.name } == true)
        // A character of two UTF-16 units.
        try scratch.write(TestModel(tensors: [try .values("a\u{E0001}", [1])]).safetensors, to: "z")
        let high = try scratch.qamw("inspect", "z", "--json")
        #expect(high.output.contains(#"a\udb40\udc01"#))
        #expect(try high.json["tensors"]?.elements.first?["name"]?.text == "a\u{E0001}")
    }

    /// A manifest is data: names in it are exact, escaped as by sha256sum.
    @Test func manifestsNameFilesExactly() throws {
        let scratch = try Scratch()
        let name = "a\u{202E}b\u{2028}c\u{85}\r\nd\\"
        try scratch.write("abc", to: name)
        let manifest = try scratch.qamw("checksum", name).output
        #expect(manifest == "\\78af5f94892f3950  a\u{202E}b\u{2028}c\u{85}\\r\\nd\\\\\n")
        try scratch.write(manifest, to: "SUMS")
        let checked = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(checked.status == 0 && Self.isClean(checked.output))
        try scratch.write("78af5f94892f3950  plain\r\n", to: "CRLF")
        try scratch.write("abc", to: "plain")
        #expect(try scratch.qamw("checksum", "--check", "CRLF").status == 0)
    }

    #if os(Linux)
        /// Files in /proc report no length before they are read.
        @Test func filesWithoutALengthAreHashedToTheirEnd() throws {
            let scratch = try Scratch()
            try scratch.write(Array(try Data(contentsOf: URL(fileURLWithPath: "/proc/version"))), to: "copy")
            let copy = try scratch.qamw("checksum", "copy").output, own = try scratch.qamw("checksum", "/proc/version").output
            #expect(own == copy.replacingOccurrences(of: "copy", with: "/proc/version"))
            #expect(try scratch.qamw("checksum", "/dev/null").status != 0)
        }
    #endif
}
