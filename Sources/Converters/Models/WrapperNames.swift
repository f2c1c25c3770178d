import QAMFormat

/// The names under which PyTorch's wrappers save a model: each tensor's own, after the attribute by which the wrapper holds the model.
enum WrapperNames {
    /// Of torch.compile, and of DataParallel and DistributedDataParallel.
    private static let prefixes = ["_orig_mod.", "module."]

    /// The source under the model's own names, with a warning, if all names begin with such an attribute, or several.
    static func removed(from source: any TensorSource) -> any TensorSource {
        var names = source.tensors.map { $0.name[...] }, taken = ""
        while let prefix = prefixes.first(where: { prefix in !names.isEmpty && names.allSatisfy { $0.hasPrefix(prefix) && $0.count > prefix.count } }) {
            names = names.map { $0.dropFirst(prefix.count) }
            taken += prefix
        }
        guard !taken.isEmpty else { return source }
        let items = zip(source.tensors, names).enumerated().map { index, pair in
            var tensor = pair.0
            tensor.name = String(pair.1)
            return SelectingSource.Item(tensor, .base(index))
        }
        let warning = "all names begin with \"\(taken)\", as torch.compile and DataParallel save them; it is taken off"
        return SelectingSource(source, items: items, metadata: source.metadata, files: source.files, warnings: [warning])
    }
}
