import Converters
import Foundation
import Inference
import QAMFormat
import Testing

/// A tiny model of testdata/inference, with a text and the logits of a float64 reference forward pass (scripts/make-inference-fixtures).
struct Fixture: CustomTestStringConvertible {
    static let all = ["llama", "mistral", "qwen2", "qwen3"].map(Fixture.init)

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

    /// The members of config.json that the test models need.
    static func configuration(_ folder: URL) throws -> TransformerConfiguration {
        struct Config: Decodable {
            struct Scaling: Decodable {
                var factor: Double
                var low_freq_factor: Double?
                var high_freq_factor: Double?
                var original_max_position_embeddings: Int?
            }
            var model_type: String
            var vocab_size: Int, hidden_size: Int, intermediate_size: Int, num_hidden_layers: Int
            var num_attention_heads: Int, num_key_value_heads: Int
            var head_dim: Int?
            var rms_norm_eps: Double, rope_theta: Double
            var rope_scaling: Scaling?
            var sliding_window: Int?
        }
        let config = try JSONDecoder().decode(Config.self, from: Data(contentsOf: folder.appending(path: "config.json")))
        var result = TransformerConfiguration(
            vocabularySize: config.vocab_size, width: config.hidden_size, feedForwardWidth: config.intermediate_size,
            layerCount: config.num_hidden_layers, headCount: config.num_attention_heads, keyValueHeadCount: config.num_key_value_heads,
            headWidth: config.head_dim ?? config.hidden_size / config.num_attention_heads, normEpsilon: config.rms_norm_eps)
        result.rotary.base = config.rope_theta
        if let scaling = config.rope_scaling {
            if let low = scaling.low_freq_factor, let high = scaling.high_freq_factor, let original = scaling.original_max_position_embeddings {
                result.rotary.scaling = .llama3(
                    factor: scaling.factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: original)
            } else {
                result.rotary.scaling = .linear(factor: scaling.factor)
            }
        }
        result.slidingWindow = config.sliding_window.map { .init(tokens: $0) }
        return result
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
