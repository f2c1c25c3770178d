/// The pre-tokenizer names that loaders support for byte-level BPE, and their meaning. Of several names with the same steps, the first is
/// the default.
extension PreTokenizer {
    static let all = gpt2Family + digitsFamily + llama3Family + qwenFamily + deepseekFamily + multilingualFamily + others

    private static let gpt2Family: [PreTokenizer] = {
        let steps: [Step] = [.byteLevel(usesRegex: true)]
        let clean = Traits.cleansSpaces
        return [
            PreTokenizer("gpt-2", steps, clean, for: ["gpt2"]),
            PreTokenizer("phi-2", steps, clean, for: ["phi"]),
            PreTokenizer("mpt", steps, [clean, .normalizesToNFC], for: ["mpt"]),
            PreTokenizer("olmo", steps, [clean, .normalizesToNFC], for: ["olmo"]),
            PreTokenizer("modern-bert", steps, [clean, .normalizesToNFC], for: ["modernbert"]),
            PreTokenizer("roberta-bpe", steps, clean, for: ["roberta"]),
            PreTokenizer("exaone4", steps, clean, for: ["exaone4"]),
            PreTokenizer("granite-docling", steps),
            PreTokenizer("trillion", steps),
        ]
            + ["a.x-4.0", "gigachat", "jais", "jina-de", "jina-es", "jina-v1-en", "jina-v2-code", "jina-v2-de", "jina-v2-es", "mellum"]
            .map { PreTokenizer($0, steps, clean) }
    }()

    private static let digitsFamily: [PreTokenizer] = {
        let steps: [Step] = [.digits(individual: true), .byteLevel(usesRegex: true)]
        return [
            PreTokenizer("smollm", steps, for: ["llama", "smollm3"]),
            PreTokenizer("starcoder", steps, .cleansSpaces, for: ["starcoder2"]),
            PreTokenizer("command-r", steps, .normalizesToNFC, for: ["cohere"]),
            PreTokenizer("exaone", steps, .cleansSpaces, for: ["exaone"]),
            PreTokenizer("codeshell", steps, .cleansSpaces, for: ["codeshell"]),
            PreTokenizer("refact", steps, .cleansSpaces, for: ["gpt_refact"]),
            PreTokenizer("minerva-7b", steps, .cleansSpaces),
            PreTokenizer("mellum2", steps, .cleansSpaces),
        ]
    }()

    private static let llama3Family: [PreTokenizer] = {
        let steps: [Step] = [.split(llama3), .byteLevel(usesRegex: false)]
        let traits: Traits = [.ignoresMerges, .addsBOS, .cleansSpaces]
        return [
            PreTokenizer("llama-bpe", steps, traits, for: ["llama"]),
            PreTokenizer("glm4", steps, [.ignoresMerges, .cleansSpaces], for: ["glm", "glm4", "glm4_moe"]),
            PreTokenizer("glm5", steps, [.ignoresMerges, .cleansSpaces]),
            PreTokenizer("dbrx", steps, .cleansSpaces, for: ["dbrx"]),
            PreTokenizer("smaug-bpe", steps, .cleansSpaces),
            PreTokenizer("chatglm-bpe", steps, .cleansSpaces, for: ["chatglm"]),
        ]
            + ["falcon-h1", "falcon3", "jina-v5-nano", "lfm2", "llama-v3", "llama3", "midm-2.0", "pixtral"]
            .map { PreTokenizer($0, steps, traits) }
    }()

    private static let qwenFamily: [PreTokenizer] = {
        let steps: [Step] = [.split(qwen2), .byteLevel(usesRegex: false)]
        return [
            PreTokenizer("qwen2", steps, .normalizesToNFC, for: ["qwen2", "qwen2_moe", "qwen3", "qwen3_moe"]),
            PreTokenizer("deepseek-r1-qwen", steps),
            PreTokenizer("stablelm2", steps, .cleansSpaces, for: ["stablelm"]),
            PreTokenizer("hunyuan", steps, for: ["hunyuan"]),
            PreTokenizer("solar-open", steps),
            PreTokenizer("megrez", steps, .cleansSpaces),
            PreTokenizer("grok-2", steps),
            PreTokenizer("kormo", steps),
            PreTokenizer("f2llmv2", steps),
            PreTokenizer("qwen35", [.split(qwen35), .byteLevel(usesRegex: false)]),
            PreTokenizer("laguna", [.split(#"[^\n]+|[\n]+"#), .split(qwen2), .byteLevel(usesRegex: false)]),
            PreTokenizer("ufakzeka", [.split(ufakzeka), .byteLevel(usesRegex: false)]),
        ]
    }()

    private static let deepseekFamily: [PreTokenizer] = {
        let third: [Step] = [.split(#"\p{N}{1,3}"#), .split(deepseek3Ideographs), .split(deepseek3Words), .byteLevel(usesRegex: false)]
        return [
            PreTokenizer(
                "deepseek-llm",
                [
                    .split(#"[\r\n]"#), .split(deepseekLetters), .split(deepseekPunctuation), .split(#"\s+$"#), .split(deepseekIdeographs),
                    .digits(individual: true), .byteLevel(usesRegex: false),
                ]),
            PreTokenizer(
                "deepseek-coder",
                [
                    .split(#"[\r\n]"#), .split(#"\s?\p{L}+"#), .split(#"\s?\p{P}+"#), .split(deepseekIdeographs),
                    .digits(individual: true), .byteLevel(usesRegex: false),
                ]),
            PreTokenizer("deepseek-v3", third, for: ["deepseek_v3"]),
            PreTokenizer("hunyuan-dense", third, for: ["hunyuan_v1_dense"]),
            PreTokenizer("hy_v4", third),
            PreTokenizer("joyai-llm", third),
            PreTokenizer(
                "spark2_5",
                [
                    .split(#"\p{N}{1,3}"#), .split(deepseek3Ideographs), .split(sparkWords), .digits(individual: true),
                    .byteLevel(usesRegex: false),
                ]),
        ]
    }()

    private static let multilingualFamily: [PreTokenizer] = {
        let wide: [Step] = [.split(o200k), .byteLevel(usesRegex: false)]
        let rightAligned: [Step] = [.split(#"\d{1,3}(?=(?:\d{3})*\b)"#), .split(o200k), .byteLevel(usesRegex: false)]
        let bloomSteps: [Step] = [.split(bloom), .byteLevel(usesRegex: false)]
        return [
            PreTokenizer("gpt-4o", wide),
            PreTokenizer("llama4", wide, for: ["llama4", "llama4_text"]),
            PreTokenizer("minimax-m2", wide, for: ["minimax_m2"]),
            PreTokenizer("granite-embed-multi-97m", wide, .ignoresMerges),
            PreTokenizer("kanana2", wide),
            PreTokenizer("talkie", wide),
            PreTokenizer("tekken", [.split(tekken), .byteLevel(usesRegex: false)], [.ignoresMerges, .addsBOS]),
            PreTokenizer("tiny_aya", rightAligned),
            PreTokenizer("cohere2moe", rightAligned),
            PreTokenizer("bloom", bloomSteps, .cleansSpaces, for: ["bloom"]),
            PreTokenizer("gpt3-finnish", bloomSteps, .cleansSpaces),
            PreTokenizer("poro-chat", bloomSteps),
            PreTokenizer("viking", [.split(bloom), .digits(individual: true), .byteLevel(usesRegex: false)]),
            PreTokenizer("youtu", [.split(youtuScripts), .split(youtuWords), .byteLevel(usesRegex: false)], .ignoresMerges),
            PreTokenizer("kimi-k2", [.split(kimi), .byteLevel(usesRegex: false)]),
        ]
    }()

    private static let others: [PreTokenizer] = {
        let bailingSteps: [Step] = [.split(bailing), .byteLevel(usesRegex: false)]
        return [
            PreTokenizer(
                "falcon",
                [
                    .punctuation(contiguous: true), .byteLevel(usesRegex: true), .digits(individual: false), .split("[0-9][0-9][0-9]"),
                ], .cleansSpaces),
            // What loaders do with files that name none. No tokenizer uses it, so it is written as loaders implement it.
            PreTokenizer(
                "default",
                [
                    .split(#"[\p{P}\$\+<=>\^~\|]+"#), .byteLevel(usesRegex: true), .digits(individual: false), .split("[0-9][0-9][0-9]"),
                ], .cleansSpaces),
            PreTokenizer("bailingmoe", bailingSteps),
            PreTokenizer("bailingmoe2", bailingSteps),
            PreTokenizer("llada-moe", bailingSteps),
            PreTokenizer("seed-coder", [.split(seedCoder), .byteLevel(usesRegex: false)]),
            PreTokenizer("exaone-moe", [.split(exaoneMoE), .byteLevel(usesRegex: false)], .cleansSpaces),
            PreTokenizer("jais-2", [.split(jais2), .byteLevel(usesRegex: false)], .cleansSpaces),
            PreTokenizer(
                "minicpm5", [.split(#"\p{N}{1,3}"#), .split(miniCPM5), .byteLevel(usesRegex: false)], [.ignoresMerges, .cleansSpaces]),
            PreTokenizer("superbpe", [.split(#"\p{N}+"#), .split(#"(?=(\d{3})+(?!\d))"#), .byteLevel(usesRegex: false)]),
            PreTokenizer(
                "afmoe",
                [
                    .split(#"\d{1,3}(?=(?:\d{3})*\b)"#), .split(afmoeScripts), .split(afmoeWords), .byteLevel(usesRegex: false),
                ]),
            PreTokenizer(
                "chameleon",
                [
                    .split("<sentinel:[0-9]+>"), .split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"), .split(#"([\t\n]|    |  )"#),
                    .digits(individual: true), .punctuation(contiguous: false), .byteLevel(usesRegex: true),
                ], .addsBOS),
        ]
    }()
}
