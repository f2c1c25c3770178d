// Converts a made-up format to .qamw or safetensors: a new input format is a `TensorSource`.
//
//     swift run convert INPUT.table OUTPUT.qamw|OUTPUT.safetensors
//
// The format is text. A line `NAME ROWS COLUMNS` begins a tensor; its numbers follow on any number of lines.

import Converters
import Foundation
import QAMFormat

/// A file of the made-up format, read as a whole.
struct TableSource: LendingSource {
    let metadata = Metadata()
    let tensors: [TensorDescriptor]
    /// Paths that no output may replace.
    let inputs: [String]
    let fingerprint: String
    private let payloads: [[UInt8]]

    init(path: String) throws {
        let file = try FileBytes(path: path)
        let content = try file.read(0..<file.byteCount)
        var tensors: [TensorDescriptor] = [], values: [[Float]] = []
        for (number, line) in String(decoding: content, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ")
            func fault(_ message: String) -> QAMError { QAMError(.malformed, "line \(number + 1): \(message)", at: .init(file: path)) }
            if let first = words.first, Float(first) == nil {
                guard words.count == 3, let rows = Int(words[1]), let columns = Int(words[2]), rows >= 0, columns >= 0 else {
                    throw fault("a tensor begins with its name and two sizes")
                }
                tensors.append(TensorDescriptor(name: String(first), shape: [rows, columns], storage: .raw(.f32)))
                values.append([])
            } else if !words.isEmpty {
                guard !values.isEmpty else { throw fault("the numbers are of no tensor") }
                let numbers = words.compactMap { Float($0) }
                guard numbers.count == words.count else { throw fault("this is not a number") }
                values[values.count - 1] += numbers
            }
        }
        for (tensor, values) in zip(tensors, values) where TensorDescriptor.checkedElementCount(tensor.shape) != values.count {
            throw QAMError(.malformed, "it has \(values.count) numbers", at: .init(file: path, tensor: tensor.name))
        }
        self.tensors = tensors
        payloads = try values.map { try ElementConversion.bytes($0, as: .f32) }
        inputs = [path]
        fingerprint = "table \(path) \(content.count)"
    }

    func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try MemoryBytes(payloads[tensor], name: tensors[tensor].name).withBytes(range, body)
    }
}

/// Exits with a message.
func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    exit(1)
}

func convert(_ input: String, to output: String) async throws {
    let sink: any TensorSink =
        output.hasSuffix(".safetensors") ? SafetensorsSink(output: .file(output), replacing: true) : QAMWriter(path: output, replacing: true)
    let report = try await transfer(from: try TableSource(path: input), to: sink, threads: 2)
    print("\(report.bytes) bytes")
}

let arguments = CommandLine.arguments
guard arguments.count == 3 else { fail("usage: convert INPUT.table OUTPUT.qamw|OUTPUT.safetensors") }
do {
    try await convert(arguments[1], to: arguments[2])
} catch let error as QAMError {
    fail("convert: \(error)")
}
