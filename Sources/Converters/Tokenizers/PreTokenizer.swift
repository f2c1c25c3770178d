import Architectures
internal import QAMFormat

/// How a byte-level tokenizer cuts a text into words before any merge: what GGUF's `tokenizer.ggml.pre` names.
struct PreTokenizer {
    /// One of tokenizer.json's pre-tokenizers that take part in byte-level BPE.
    enum Step: Hashable {
        /// Every match becomes a word of its own, and so does what lies between.
        case split(String)
        case digits(individual: Bool)
        /// Runs of punctuation, or each by itself.
        case punctuation(contiguous: Bool)
        /// Bytes become printable characters; before that, GPT-2's expression may cut.
        case byteLevel(usesRegex: Bool)
    }

    /// What loaders do beside cutting when they read the name.
    struct Traits: OptionSet {
        let rawValue: Int
        /// A word that is a token is that token, whatever the merges.
        static let ignoresMerges = Traits(rawValue: 1)
        /// BOS goes before every text unless the file says otherwise.
        static let addsBOS = Traits(rawValue: 2)
        /// Spaces before punctuation are removed from what is generated.
        static let cleansSpaces = Traits(rawValue: 4)
        /// The models' own tokenizers normalize to NFC. Loaders of GGUF do not.
        static let normalizesToNFC = Traits(rawValue: 8)
    }

    let name: String
    let steps: [Step]
    let traits: Traits
    /// The `model_type`s of config.json that choose this name among those with the same steps.
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
        throw QAMError(.invalidArgument, "there is no pre-tokenizer \"\(name)\"; there are \(names)")
    }

    /// The pre-tokenizer that cuts as tokenizer.json's does. Of several names that which the model's type tells, else
    /// the first of the table, both among those that treat merges alike if there are any.
    ///
    /// Throws `unsupported` with the expressions where no name has these steps.
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
    /// The steps of tokenizer.json's pre-tokenizer; nil where one of them is of another kind.
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
            // To keep the matches and drop what lies between is the same for expressions that match everything.
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

    /// The same cuts in one spelling. Line ends stand in expressions as they are or escaped.
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
    /// tokenizer.json's member.
    var json: JSONValue {
        steps.count == 1 ? steps[0].json : ["type": "Sequence", "pretokenizers": .array(steps.map(\.json))]
    }
}
