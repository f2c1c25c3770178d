import Architectures
import Inference
import QAMFormat
import Testing

/// Models that conversion knows, and the forward pass does not.
@Suite struct UnknownForwardPassTests {
    /// The tables whose models the forward pass is made for. Everything else must be refused by its name, or would be computed wrongly.
    static let possible: Set<String> = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3"]

    @Test(arguments: Architecture.all.flatMap(\.modelTypes).filter { !UnknownForwardPassTests.possible.contains($0) })
    func theyAreRefusedByName(_ type: String) throws {
        let text = #"{"model_type": "\#(type)", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}"#
        let config = try ModelConfig(Array(text.utf8))
        let error = #expect(throws: QAMError.self) { try TransformerConfiguration.shape(config) }
        #expect(error?.code == .unsupported && error?.message.contains("\"\(type)\"") == true)
    }
}
