import Architectures
import Converters
import Foundation
import QAMFormat

/// The tiny models of testdata/inference, copied to a folder where commands may write.
struct TestInference {
    let scratch: Scratch
    let name: String

    private static let testdata = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "testdata")

    static func testdata(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: testdata.appending(path: name))) }
    static func path(_ name: String) -> String { testdata.appending(path: name).path }

    /// A folder `m` with the model, and its text as `t.u16`.
    init(_ name: String) throws {
        scratch = try Scratch()
        self.name = name
        try FileManager.default.createDirectory(atPath: scratch.path("m"), withIntermediateDirectories: true)
        for file in ["config.json", "model.safetensors"] { try scratch.write(Self.testdata("inference/\(name)/\(file)"), to: "m/\(file)") }
        try scratch.write(Self.testdata("inference/\(name)/tokens.u16"), to: "t.u16")
    }

    /// Replaces or adds members of config.json; nil removes a member.
    func configure(_ changes: [String: JSONValue?]) throws {
        guard case .object(let members) = try JSONValue(parsing: scratch.bytes("m/config.json"), section: "config") else {
            throw Command.Failure(description: "config.json is not an object")
        }
        let kept = members.filter { changes[$0.key] == nil }
        let new = changes.compactMap { key, value in value.map { JSONValue.Member(key, $0) } }
        try scratch.write(JSONWriter.text(.object(kept + new)), to: "m/config.json")
    }

    /// The perplexity over windows of 40 tokens; it is that of the fixture's logits if the text is a single window.
    func perplexity(_ model: String = "m", _ more: String...) throws -> Double? {
        let outcome = try Command.run(["eval", model, "--tokens", "t.u16", "--context", "40", "--json"] + more, in: scratch)
        return try outcome.json["perplexity"]?.double
    }

    /// The expected `perplexity`, computed from the logits of the reference forward pass.
    var plainPerplexity: Double {
        get throws {
            let logits = try Self.testdata("inference/\(name)/logits.f32"), tokens = try scratch.bytes("t.u16")
            let vocabulary = logits.count / 4 / (tokens.count / 2)
            let values = try ElementConversion.floats(logits, as: .f32).map(Double.init)
            let losses = (0..<tokens.count / 2 - 1).map { t -> Double in
                let row = values[t * vocabulary..<(t + 1) * vocabulary], most = row.max() ?? 0
                return most + log(row.reduce(0) { $0 + exp($1 - most) }) - row[row.startIndex + Int(tokens[2 * t + 2])]
            }
            return exp(losses.reduce(0, +) / Double(losses.count))
        }
    }
}
