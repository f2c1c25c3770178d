import Architectures
import Inference
import QAMFormat
import Testing

/// Models that conversion knows, and the forward pass does not.
@Suite struct UnknownForwardPassTests {
    /// Everything that the forward pass is not made for must be refused by its name, or would be computed wrongly.
    @Test(arguments: Architecture.all.filter { $0.forward == nil }.flatMap(\.modelTypes))
    func theyAreRefusedByName(_ type: String) throws {
        let text = #"{"model_type": "\#(type)", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}"#
        let config = try ModelConfig(Array(text.utf8))
        let error = #expect(throws: QAMError.self) { try TransformerConfiguration.shape(config) }
        #expect(error?.code == .unsupported && error?.message.contains("\"\(type)\"") == true)
    }
}
