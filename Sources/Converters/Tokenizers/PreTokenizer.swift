import Architectures
internal import QAMFormat

/// How a byte-level tokenizer splits a text into words before merging: named by GGUF's `tokenizer.ggml.pre`.
struct PreTokenizer {
    /// Those of tokenizer.json's pre-tokenizers that occur in byte-level BPE.
    enum Step: Hashable {
        /// Every match becomes a word, and so does the text between matches.
        case split(String)
        case digits(individual: Bool)
        /// Splits off runs of punctuation, or each character.
        case punctuation(contiguous: Bool)
        /// Maps bytes to printable characters, optionally after splitting by GPT-2's expression.
        case byteLevel(usesRegex: Bool)
    }

    /// What the name implies for loaders in addition to splitting.
    struct Traits: OptionSet {
        let rawValue: Int
        /// A word that is a token is not split, whatever the merges.
        static let ignoresMerges = Traits(rawValue: 1)
        /// BOS precedes every text unless the file states otherwise.
        static let addsBOS = Traits(rawValue: 2)
        /// Spaces before punctuation are removed from generated text.
        static let cleansSpaces = Traits(rawValue: 4)
        /// The original tokenizers normalize to NFC; GGUF loaders do not.
        static let normalizesToNFC = Traits(rawValue: 8)
    }

    let name: String
    let steps: [Step]
    let traits: Traits
    /// The `model_type`s of config.json that select this name among those with the same steps.
    let modelTypes: Set<String>

    init(_ name: String, _ steps: [Step], _ traits: Traits = [], for modelTypes: Set<String> = []) {
        self.name = name
        self.steps = steps
        self.traits = traits
        self.modelTypes = modelTypes
    }

    /// The pre-tokenizer with this name. Throws `invalidArgument` with the known names.
    static func named(_ name: String) throws -> PreTokenizer {
        if let known = all.first(where: { $0.name == name }) { return known }
        let names = all.map(\.name).sorted().joined(separator: ", ")
        throw QAMError(.invalidArgument, "unknown pre-tokenizer \"\(name)\"; known are \(names)")
    }

    /// The pre-tokenizer that splits like tokenizer.json's. Of several names, selects by the model's type, else the first of the table, in
    /// both cases among those that treat merges alike if there are any.
    ///
    /// Throws `unsupported` with the expressions if no name has these steps.
    static func recognized(_ preTokenizer: JSONValue, ignoresMerges: Bool, modelType: String?) throws -> PreTokenizer {
        guard let steps = Step.parse(preTokenizer) else { throw unknown(preTokenizer) }
        let canonical = Step.canonical(steps)
        let candidates = all.filter { Step.canonical($0.steps) == canonical }
        let alike = candidates.filter { $0.traits.contains(.ignoresMerges) == ignoresMerges }
        let choice = alike.isEmpty ? candidates : alike
        guard let first = choice.first else { throw unknown(preTokenizer) }
        return choice.first { modelType.map($0.modelTypes.contains) ?? false } ?? first
    }

    private static func unknown(_ preTokenizer: JSONValue) -> QAMError {
        QAMError(
            .unsupported,
            "no pre-tokenizer that GGUF's loaders know cuts texts like this: \(JSONWriter.text(preTokenizer)); "
                + "if one is close enough, name it with --tokenizer-pre",
            at: .init(file: TokenizerFiles.Name.tokenizer.rawValue, section: "pre_tokenizer"))
    }
}

extension PreTokenizer.Step {
    /// The steps of tokenizer.json's pre-tokenizer; nil if any is of another kind.
    static func parse(_ value: JSONValue) -> [Self]? {
        switch value["type"]?.string {
        case "Sequence":
            var steps: [Self] = []
            for element in value["pretokenizers"]?.elements ?? [] {
                guard let parsed = parse(element) else { return nil }
                steps += parsed
            }
            return steps
        case "Split":
            guard let expression = value["pattern"]?["Regex"]?.string else { return nil }
            let behavior = value["behavior"]?.string, isInverted = value["invert"]?.bool ?? false
            // Keeping the matches and dropping the rest is equivalent for expressions that match everything.
            guard (behavior == "Isolated" && !isInverted) || (behavior == "Removed" && isInverted) else { return nil }
            return [.split(expression)]
        case "Digits": return [.digits(individual: value["individual_digits"]?.bool ?? false)]
        case "Punctuation":
            switch value["behavior"]?.string ?? "Isolated" {
            case "Isolated": return [.punctuation(contiguous: false)]
            case "Contiguous": return [.punctuation(contiguous: true)]
            default: return nil
            }
        case "ByteLevel": return [.byteLevel(usesRegex: value["use_regex"]?.bool ?? true)]
        default: return nil
        }
    }

    /// The same steps in a canonical spelling. Expressions contain line ends literally or escaped.
    static func canonical(_ steps: [Self]) -> [Self] {
        steps.flatMap { step -> [Self] in
            switch step {
            case .digits(individual: true): [.split(#"\p{N}"#)]
            case .digits(individual: false): [.split(#"\p{N}+"#)]
            case .split(let expression):
                [
                    .split(
                        String(
                            expression.unicodeScalars.flatMap { scalar -> [Character] in
                                switch scalar {
                                case "\r": ["\\", "r"]
                                case "\n": ["\\", "n"]
                                default: [Character(scalar)]
                                }
                            }))
                ]
            case .byteLevel(usesRegex: true): [.split(PreTokenizer.gpt2), .byteLevel(usesRegex: false)]
            default: [step]
            }
        }
    }

    var json: JSONValue {
        switch self {
        case .split(let expression):
            ["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated", "invert": false]
        case .digits(let individual): ["type": "Digits", "individual_digits": .bool(individual)]
        case .punctuation(let contiguous): ["type": "Punctuation", "behavior": .string(contiguous ? "Contiguous" : "Isolated")]
        case .byteLevel(let usesRegex):
            ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(usesRegex)]
        }
    }
}

extension PreTokenizer {
    /// The value of `pre_tokenizer` in tokenizer.json.
    var json: JSONValue {
        steps.count == 1 ? steps[0].json : ["type": "Sequence", "pretokenizers": .array(steps.map(\.json))]
    }
}
