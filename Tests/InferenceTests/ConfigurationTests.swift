import Converters
import Inference
import QAMFormat
import Testing

/// Configurations that are invalid, or that contradict the tensors, are errors.
@Suite struct ConfigurationTests {
    private typealias Change = @Sendable (inout TransformerConfiguration) -> Void

    private static let changes: [(what: String, change: Change)] = [
        ("no layers", { $0.layerCount = 0 }), ("negative width", { $0.width = -64 }), ("no heads", { $0.headCount = 0 }),
        ("no heads of keys", { $0.keyValueHeadCount = 0 }), ("heads that cannot be shared", { $0.keyValueHeadCount = 3 }),
        ("heads of an odd width", { $0.headWidth = 15 }), ("heads too wide", { $0.headWidth = 1 << 40 }),
        ("products that overflow", { ($0.headCount, $0.keyValueHeadCount, $0.headWidth) = (1 << 24, 1, 1 << 24) }),
        ("more tokens than embeddings", { $0.vocabularySize = 81 }), ("fewer tokens than embeddings", { $0.vocabularySize = 79 }),
        ("another width", { $0.width = 32 }), ("another feed-forward width", { $0.feedForwardWidth = 73 }),
        ("more layers than there are", { $0.layerCount = 1 << 24 }), ("epsilon", { $0.normEpsilon = .nan }),
        ("negative epsilon", { $0.normEpsilon = -1 }), ("base", { $0.rotary.base = 0 }), ("infinite base", { $0.rotary.base = .infinity }),
        ("factor", { $0.rotary.scaling = .linear(factor: 0) }), ("factor that is none", { $0.rotary.scaling = .linear(factor: .nan) }),
        ("llama3's factors", { $0.rotary.scaling = .llama3(factor: 8, lowFrequencyFactor: 4, highFrequencyFactor: 4, originalContext: 64) }),
        ("llama3's context", { $0.rotary.scaling = .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 0) }),
        ("window", { $0.slidingWindow = .init(tokens: 0) }),
    ]

    @Test(arguments: changes.indices)
    func whatMeansNothingIsMalformed(index: Int) throws {
        let fixture = Fixture.all[0], (what, change) = Self.changes[index]
        var configuration = try Fixture.configuration(fixture.folder)
        change(&configuration)
        let error = #expect(throws: QAMError.self, "\(what)") { _ = try Transformer(configuration, weights: .source(fixture.source)) }
        #expect(error?.code == .malformed)
    }

    private static let others: [(fixture: String, what: String, change: Change)] = [
        ("mixtral", "no experts", { $0.experts?.count = 0 }), ("mixtral", "more experts than there are", { $0.experts?.count = 5 }),
        ("mixtral", "no expert for a token", { $0.experts?.used = 0 }), ("mixtral", "more experts for a token than there are", { $0.experts?.used = 5 }),
        ("mixtral", "experts of another width", { $0.experts?.width = 17 }), ("mixtral", "a scale that is none", { $0.experts?.scale = .nan }),
        ("mixtral", "experts too many", { $0.experts?.count = 1 << 40 }), ("gpt_oss", "stacks of more experts", { $0.experts?.count = 5 }),
        ("granitemoe", "experts too wide", { $0.experts?.width = 1 << 24 }),
        ("deepseek_v3", "groups that divide no experts", { $0.experts?.groups = 4 }), ("deepseek_v3", "no group", { $0.experts?.usedGroups = 0 }),
        (
            "deepseek_v3", "groups of too few experts",
            {
                $0.experts?.groups = 6; $0.experts?.usedGroups = 1
            }
        ),
        ("deepseek_v3", "no latent width", { $0.latentAttention?.latentWidth = 0 }),
        ("deepseek_v3", "values too wide", { $0.latentAttention?.valueWidth = 1 << 40 }),
        ("deepseek_v3", "another latent width of queries", { $0.latentAttention?.queryWidth = 23 }),
        ("deepseek_v3", "a rotated part of an odd width", { $0.rotary.width = 3 }),
        ("deepseek_v3", "a rotated part wider than a head", { $0.rotary.width = 64 }),
        ("olmo3", "a factor of YaRN", { $0.rotary.scaling = .yarn(factor: 0, fastTurns: 32, slowTurns: 1, originalContext: 32, isTruncated: true) }),
        ("phi3-long", "divisors of 0", { $0.rotary.scaling = .divided(short: [0, 1], long: [1, 1], originalContext: 16) }),
        ("gemma2", "a cap of 0", { $0.attentionCap = 0 }), ("gemma2", "a negative cap", { $0.logitCap = -1 }),
        ("gemma2", "windows in no layers", { $0.slidingWindow?.layers = .allBut(every: 0) }),
        ("granite", "a scale of 0", { $0.residualScale = 0 }), ("granite", "an infinite scale", { $0.logitScale = .infinity }),
    ]

    @Test(arguments: others.indices)
    func whatMeansNothingInOtherArchitecturesIsMalformed(index: Int) throws {
        let (name, what, change) = Self.others[index], fixture = Fixture(name: name)
        var configuration = try Fixture.configuration(fixture.folder)
        change(&configuration)
        let error = #expect(throws: QAMError.self, "\(what)") { _ = try Transformer(configuration, weights: .source(fixture.source)) }
        #expect(error?.code == .malformed, "\(what)")
    }

    @Test func aMissingHeadIsMissingOnlyWhereItMustBe() throws {
        let fixture = Fixture.all[3], tokens = try fixture.tokens
        var configuration = try Fixture.configuration(fixture.folder)
        configuration.head = .asFound
        #expect(try Transformer(configuration, weights: .source(fixture.source)).logits(tokens) == fixture.model.logits(tokens))
        configuration.head = .own
        #expect(throws: QAMError.self) { _ = try Transformer(configuration, weights: .source(fixture.source)) }
    }

    /// Layers before the first sliding-window layer use full attention.
    @Test func windowsBeginWithALayer() throws {
        let fixture = Fixture.all[1], tokens = try fixture.tokens
        var configuration = try Fixture.configuration(fixture.folder)
        func logits() throws -> [Float] { try Transformer(configuration, weights: .source(fixture.source)).logits(tokens) }
        let all = try logits()
        configuration.slidingWindow = .init(tokens: 7, layers: .from(1))
        let second = try logits()
        configuration.slidingWindow = .init(tokens: 7, layers: .from(2))
        let none = try logits()
        configuration.slidingWindow = nil
        #expect(try logits() == none)
        #expect(second != none && second != all && all != none)
        configuration.slidingWindow = .init(tokens: 1 << 40)
        #expect(try logits() == none)
    }
}
