internal import Architectures
internal import ArgumentParser
internal import Converters
internal import QAMFormat

/// The result of `verify` for one file.
struct Verification {
    let file: String
    var format: String?
    /// Format and version, for display.
    private var title = ""
    private var hasChecksums = false
    var tensorCount = 0
    var problems: [QAMError] = []
    var warnings: [String] = []
    var bytesVerified = 0

    init(file: String) { self.file = file }

    /// Records a model that was opened; opening has checked its structure.
    mutating func take(_ model: ModelInput) {
        format = model.format.rawValue
        title = [model.format.title, model.version].compactMap(\.self).joined(separator: " ")
        hasChecksums = model.reader != nil || !model.pytorch.isEmpty
        tensorCount = model.source.tensors.count
        warnings = model.source.warnings
        // Of safetensors and GGUF only bytes outside payloads have been read, of PyTorch's archives those outside entries.
        let payload = model.source.tensors.reduce(0) { $0 + $1.byteCount }
        let entries = model.pytorch.reduce(0) { $0 + $1.records.reduce(0) { $0 + $1.range.count } }
        bytesVerified = model.fileBytes - (model.pytorch.isEmpty ? payload : entries)
    }

    /// The exit status for the problems.
    var status: ExitCode? { problems.first.map(ExitStatus.of) }

    var json: JSONValue {
        [
            "file": .string(file), "format": format.map(JSONValue.string) ?? .null, "ok": .bool(problems.isEmpty),
            "problems": .array(problems.map { Self.json($0, in: file) }), "warnings": .array(warnings.map(JSONValue.string)),
            "bytesVerified": JSONValue(bytesVerified),
        ]
    }

    /// `FILE: OK, .qamw 0.3, 83 tensors, 23.1 MB verified`
    func summary(headerOnly: Bool, tensors: [String]) -> String {
        let count = Format.count(tensorCount, "tensor"), file = Format.printable(file)
        guard hasChecksums else { return "\(file): OK, \(title), \(count), structure verified (the format has no checksums)" }
        let part = headerOnly ? "structure" : tensors.isEmpty ? Format.bytes(bytesVerified) : "\(Format.count(tensors.count)) of them and the structure"
        return "\(file): OK, \(title), \(count), \(part) verified"
    }

    /// A problem of a file.
    static func json(_ problem: QAMError, in file: String) -> JSONValue {
        // What is not there could not be read.
        let code = problem.code == .notFound ? QAMError.Code.io : problem.code
        var members: [JSONValue.Member] = [.init("code", .string(code.rawValue)), .init("message", .string(problem.message))]
        if let path = problem.place.file, path != file { members.append(.init("file", .string(path))) }
        if let section = problem.place.section { members.append(.init("section", .string(section))) }
        if let tensor = problem.place.tensor { members.append(.init("tensor", .string(tensor))) }
        if let offset = problem.place.offset { members.append(.init("offset", JSONValue(offset))) }
        if let length = problem.place.length { members.append(.init("length", JSONValue(length))) }
        if let rows = problem.place.rows { members.append(.init("rows", [JSONValue(rows.lowerBound), JSONValue(rows.upperBound)])) }
        return .object(members)
    }
}
