import Architectures
import Converters
import Foundation
import Inference
import QAMFormat
import Testing

/// A tiny model of testdata/inference, with a text and the logits of a float64 reference forward pass (scripts/make-inference-fixtures).
struct Fixture: CustomTestStringConvertible {
    static let all = (["llama", "mistral", "qwen2", "qwen3"] + madeByTransformers).map(Fixture.init)
    /// By Tests/oracles/transformers_fixtures.py.
    static let madeByTransformers = [
        "arcee", "deepseek_v2", "deepseek_v3", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "gemma", "gemma2", "gemma3", "glm4", "glm4_moe", "gpt_oss",
        "granite", "granitemoe", "granitemoeshared", "minimax_m2", "mixtral", "olmo2", "olmo3", "olmoe", "phi3", "phi3-long", "qwen2_moe", "qwen3_moe",
        "seed_oss", "smollm3",
    ]

    let name: String

    static let testdata = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "testdata")

    var testDescription: String { name }
    var folder: URL { Self.testdata.appending(path: "inference/\(name)") }

    var tokens: [UInt32] { get throws { try Self.tokens(folder.appending(path: "tokens.u16")) } }

    static func tokens(_ url: URL) throws -> [UInt32] {
        let bytes = Array(try Data(contentsOf: url))
        return stride(from: 0, to: bytes.count, by: 2).map { UInt32(bytes[$0]) | UInt32(bytes[$0 + 1]) << 8 }
    }

    /// Tokens x vocabulary.
    var logits: [Float] {
        get throws {
            let bytes = Array(try Data(contentsOf: folder.appending(path: "logits.f32")))
            return try ElementConversion.floats(bytes, as: .f32)
        }
    }

    var source: HuggingFaceFolder { get throws { try HuggingFaceFolder(path: folder.path) } }

    var model: Transformer { get throws { try Transformer(Self.configuration(folder), weights: .source(source)) } }

    static func configuration(_ folder: URL) throws -> TransformerConfiguration {
        let config = try ModelConfig(Array(Data(contentsOf: folder.appending(path: "config.json"))))
        return try TransformerConfiguration(TransformerConfiguration.shape(config))
    }

    /// The diagonal and the first row of E[g gT], by the matrix's name.
    var gradients: [String: [Float]] {
        get throws {
            let source = try SafetensorsSource(path: folder.appending(path: "gradients.safetensors").path)
            return try Dictionary(
                uniqueKeysWithValues: source.tensors.indices.map { index in
                    let tensor = source.tensors[index]
                    return (tensor.name, try ElementConversion.floats(source.read(0..<tensor.byteCount, of: index).streams[0], as: .f32))
                })
        }
    }
}

extension Transformer {
    /// The logits after each token of a text that is read in consecutive pieces of the given size.
    func logits(_ tokens: [UInt32], piece: Int? = nil, threads: Int = 1) throws -> [Float] {
        let session = try Session(self, capacity: tokens.count, pool: WorkerPool(width: threads))
        return try stride(from: 0, to: tokens.count, by: piece ?? tokens.count).flatMap { start in
            let part = tokens[start..<min(start + (piece ?? tokens.count), tokens.count)]
            return try session.logits(session.read(part), 0..<part.count).array(0..<part.count)
        }
    }
}

/// A folder that is removed when its last reference is released.
final class TemporaryFolder {
    private let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("qamw-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}
