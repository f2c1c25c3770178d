import Architectures
internal import QAMFormat

/// Writes tokenizer.json.
struct TokenizerJSONWriter {
    private let json: TokenizerJSON

    init(_ json: TokenizerJSON) { self.json = json }

    /// The file's bytes.
    var bytes: [UInt8] {
        var writer = JSONWriter(pretty: true)
        writer.object { writer in
            writer.member("version", "1.0")
            writer.member("truncation", .null)
            writer.member("padding", .null)
            writer.key("added_tokens")
            writer.array { writer in for token in json.addedTokens { writer.value(Self.value(token)) } }
            writer.member("normalizer", json.normalizer)
            writer.member("pre_tokenizer", json.preTokenizer)
            writer.member("post_processor", json.postProcessor)
            writer.member("decoder", json.decoder)
            writer.key("model")
            writeModel(&writer)
        }
        return writer.bytes
    }

    private func writeModel(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", .string(json.modelType))
            writer.member("dropout", .null)
            writer.member("unk_token", json.unknownToken.map { .string($0) } ?? .null)
            writer.member("continuing_subword_prefix", .null)
            writer.member("end_of_word_suffix", .null)
            writer.member("fuse_unk", .bool(json.fusesUnknown))
            writer.member("byte_fallback", .bool(json.hasByteFallback))
            writer.member("ignore_merges", .bool(json.ignoresMerges))
            writer.key("vocab")
            writer.object { writer in
                for (text, id) in json.vocabulary {
                    writer.key(text)
                    writer.integer(id)
                }
            }
            writer.key("merges")
            writer.array { writer in
                for merge in json.merges {
                    writer.array { writer in
                        writer.string(merge.left)
                        writer.string(merge.right)
                    }
                }
            }
        }
    }

    private static func value(_ token: TokenizerJSON.AddedToken) -> JSONValue {
        [
            "id": JSONValue(token.id), "content": .string(token.text), "single_word": .bool(token.isWholeWord), "lstrip": .bool(token.takesLeftSpaces),
            "rstrip": .bool(token.takesRightSpaces), "normalized": .bool(token.isNormalized), "special": .bool(token.isSpecial),
        ]
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, _ value: JSONValue) {
        self.key(key)
        self.value(value)
    }
}
