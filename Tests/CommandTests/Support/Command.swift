import Architectures
import Converters
import Foundation

/// Runs the built command as users do: in a separate process.
struct Command {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The result of a run.
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String

        /// The single JSON document on standard output.
        var json: JSONValue {
            get throws { try JSONValue(parsing: Array(output.utf8), section: "standard output") }
        }

        /// The JSON documents on standard output, one per line.
        var jsonLines: [JSONValue] {
            get throws { try output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8), section: "standard output") } }
        }
    }

    /// The command is in the test bundle's folder, or at QAMW_BINARY.
    static func binary() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["QAMW_BINARY"] { return URL(fileURLWithPath: path) }
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = folder.appendingPathComponent("qamw")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        throw Failure(description: "the command qamw is not beside the tests; set QAMW_BINARY")
    }

    /// Runs the command in a folder, with `environment` added to that of the tests, and `input` as its standard input. `during` may observe and signal the process
    /// while it runs.
    static func run(
        _ arguments: [String], in folder: Scratch, environment: [String: String] = [:], input: Pipe? = nil, during: (Process) throws -> Void = { _ in }
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = try binary()
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files rather than pipes: nothing has to be read while the process runs.
        let logs = try Scratch()
        let output = logs.url.appendingPathComponent("out")
        let errors = logs.url.appendingPathComponent("err")
        for file in [output, errors] { try Data().write(to: file) }
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        try during(process)
        process.waitUntilExit()
        guard process.terminationReason == .exit else { throw Failure(description: "signal \(process.terminationStatus) ended the command") }
        return Outcome(
            status: process.terminationStatus, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
}

/// A folder that is removed when its last reference is released.
final class Scratch {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("qamw-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Runs the command in this folder.
    func qamw(_ arguments: String..., during: (Process) throws -> Void = { _ in }) throws -> Command.Outcome {
        try Command.run(arguments, in: self, during: during)
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url.appendingPathComponent(name))) }
    func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: url.appendingPathComponent(name)) }
    func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }

    /// The names of all entries.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}

extension JSONValue {
    var integer: Int? { if case .integer(let value) = self { Int(value) } else { nil } }
    var text: String? { if case .string(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var elements: [JSONValue] { if case .array(let values) = self { values } else { [] } }

    var double: Double? {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }
}
