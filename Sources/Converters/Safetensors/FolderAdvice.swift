internal import QAMFormat

/// Advice for a folder that has no model under the expected names.
package enum FolderAdvice {
    /// Advice based on the names in the folder; nil if there is none.
    package static func text(names: [String]) -> String? {
        let shards = names.compactMap { name in ShardName(name, fileExtension: SafetensorsPlan.fileExtension).map { (name, $0) } }
        let indexes = names.filter { $0.hasSuffix(indexEnding) }
        if let index = indexes.first { return "give its index: \(listed(indexes, index))" }
        if let (name, shard) = shards.first {
            return "\(name) is one of \(shard.count) shards, and their index, \(shard.prefix)\(indexEnding), is missing: fetch it from where they are from"
        }
        if names.contains("model_index.json") { return "model_index.json tells of a pipeline of several models: give the folder of one of them" }
        let files = names.filter { $0.hasSuffix(".safetensors") && !isForeign($0) }
        if let file = files.first { return "name its file: \(listed(files, file))" }
        if let own = names.first(where: isForeign) {
            return "\(own) has Mistral's own names for tensors, which are not known here: fetch the files named model*.safetensors; "
                + "or name the file, to keep it as it is"
        }
        let pickles = names.filter { name in [".bin", ".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) } }
        if let pickle = pickles.first {
            return "PyTorch's files are not read (\(listed(pickles, pickle))): save the model as safetensors, which save_pretrained of transformers does"
        }
        return nil
    }

    /// Among these names, the files that open a model whose name is not the usual one: indexes, else files that are no shards, adapters or of
    /// Mistral's own layout.
    package static func models(among names: [String]) -> [String] {
        let indexes = names.filter { $0.hasSuffix(indexEnding) && !$0.hasPrefix(".") }
        guard indexes.isEmpty else { return indexes }
        return names.filter { name in
            name.hasSuffix(".\(SafetensorsPlan.fileExtension)") && !name.hasPrefix(".") && !name.hasPrefix("adapter") && !isForeign(name)
                && ShardName(name, fileExtension: SafetensorsPlan.fileExtension) == nil
        }
    }

    private static let indexEnding = ".safetensors.index.json"

    private static func isForeign(_ name: String) -> Bool { name.hasPrefix("consolidated") && name.hasSuffix(".safetensors") }

    private static func listed(_ names: [String], _ first: String) -> String { names.count > 1 ? "\(first) and \(names.count - 1) more" : first }
}
