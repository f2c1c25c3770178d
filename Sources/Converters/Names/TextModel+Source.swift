package import Architectures
package import QAMFormat

extension TextModel {
    /// The source reduced to its language model, under the names of the tables; the source itself if it is nothing else under these names.
    ///
    /// config.json becomes that of the language model. A warning names the other parts. Throws `malformed` for a config.json that is no JSON.
    package static func reduced(_ source: any TensorSource) throws -> any TensorSource {
        guard let model = TextModel(source.tensors) else { return source }
        return try model.reduced(source)
    }

    /// What precedes the names of a model that has no other parts, if it is not that of the tables.
    package static func prefixOfBaseModel(_ source: any TensorSource) -> String? {
        guard let model = TextModel(source.tensors), !model.isCanonical, source.tensors.allSatisfy({ model.name($0.name) != nil }) else { return nil }
        return model.prefix
    }

    /// The source with names that have this prefix in place of that of the tables.
    static func restored(_ source: any TensorSource, prefix: String?, _ architecture: Architecture) -> any TensorSource {
        guard let prefix else { return source }
        let canonical = architecture.namePrefix
        return renamed(source) { $0.hasPrefix(canonical) ? prefix + String($0.dropFirst(canonical.count)) : $0 }
    }

    /// A model that was saved without its head, so that its names have no prefix, under the names of the table; nil for another.
    static func withPrefix(_ source: any TensorSource, _ architecture: Architecture) -> (any TensorSource)? {
        let prefix = architecture.namePrefix, names = Set(source.tensors.map(\.name))
        guard let embedding = architecture.embeddingName, !names.contains(embedding), names.contains(String(embedding.dropFirst(prefix.count)))
        else { return nil }
        return renamed(source) { $0 == architecture.headName ? $0 : prefix + $0 }
    }

    private static func renamed(_ source: any TensorSource, _ name: (String) -> String) -> any TensorSource {
        let items = source.tensors.enumerated().map { index, tensor in
            var tensor = tensor
            tensor.name = name(tensor.name)
            return SelectingSource.Item(tensor, .base(index))
        }
        return SelectingSource(source, items: items, metadata: source.metadata, files: source.files)
    }

    private func reduced(_ source: any TensorSource) throws -> any TensorSource {
        let names = source.tensors.map { name($0.name) }
        let parts = zip(source.tensors, names).filter { $1 == nil }.map { tensor, _ in tensor.name }
        guard !isCanonical || !parts.isEmpty else { return source }
        var places: [Int: Int] = [:]
        for index in names.indices where names[index] != nil { places[index] = places.count }
        let items = zip(source.tensors, names).enumerated().compactMap { index, pair -> SelectingSource.Item? in
            guard let name = pair.1 else { return nil }
            var descriptor = pair.0
            descriptor.name = name
            guard case .alias(let target) = descriptor.storage else { return SelectingSource.Item(descriptor, .base(index)) }
            // A target that is left out lends its elements.
            descriptor.storage = places[target].map { TensorDescriptor.Storage.alias(of: $0) } ?? source.tensors[target].storage
            return SelectingSource.Item(descriptor, .base(target))
        }
        let files: [any EmbeddedFile] = try source.files.map { file in
            guard file.name == ModelConfig.name, let bytes = try Self.configuration(file.read(0..<file.byteCount)) else { return file }
            return MadeFile(name: ModelConfig.name, bytes: bytes)
        }
        return SelectingSource(source, items: items, metadata: source.metadata, files: files, warnings: Self.warnings(parts))
    }

    private static func warnings(_ parts: [String]) -> [String] {
        guard !parts.isEmpty else { return [] }
        var titles: [String] = []
        for name in parts {
            // model.vision_tower.encoder.layers.0.weight is of model.vision_tower.
            let parts = name.split(separator: ".")
            let title = parts.prefix(parts.first == "model" ? 2 : 1).joined(separator: ".")
            if !titles.contains(title) { titles.append(title) }
        }
        return ["only the language model is taken; left out: \(Format.list(titles, first: 6)) (\(Format.count(parts.count, "tensor")))"]
    }

    /// Members of the whole model's configuration that also hold for the language model.
    private static let shared: Set<String> = [
        "torch_dtype", "dtype", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "_name_or_path",
        "quantization_config",
    ]

    /// The language model's own config.json; nil if the file describes nothing else, or a model of an unknown architecture.
    private static func configuration(_ bytes: [UInt8]) throws -> [UInt8]? {
        let config = try ModelConfig(bytes)
        let document = try JSONValue(parsing: bytes, section: "JSON", takingNonFinite: true)
        guard case .object(let outer) = document, let own = ModelConfig.textMembers(document),
            let type = try config.text("model_type"), let architecture = Architecture.all.first(where: { $0.modelTypes.contains(type) })
        else { return nil }
        var members: [JSONValue.Member] = [.init("architectures", [.string(architecture.className)]), .init("model_type", .string(type))]
        members += own.filter { !["architectures", "model_type"].contains($0.key) }
        let keys = Set(members.map(\.key))
        members += outer.filter { shared.contains($0.key) && !keys.contains($0.key) }
        return Array((JSONWriter.text(.object(members), pretty: true, keepingNonFinite: true) + "\n").utf8)
    }
}
