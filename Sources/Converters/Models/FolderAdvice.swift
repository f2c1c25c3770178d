internal import QAMFormat

/// Advice for a folder that has no model under the expected names.
package enum FolderAdvice {
    /// Advice based on the names in the folder; nil if there is none.
    package static func text(names: [String]) -> String? {
        let shards = names.compactMap { name in
            [SafetensorsPlan.fileExtension, "bin"].lazy.compactMap { ShardName(name, fileExtension: $0) }.first.map { (name, $0) }
        }
        let indexes = names.filter { name in indexEndings.contains { name.hasSuffix($0) } }
        if !indexes.isEmpty { return "give its index: \(Format.list(indexes, first: 1))" }
        if let (name, shard) = shards.first {
            return
                "\(name) is one of \(shard.count) shards, and their index, \(shard.prefix).\(shard.fileExtension).index.json, is missing: fetch it from where they are from"
        }
        if names.contains("model_index.json") { return "model_index.json tells of a pipeline of several models: give the folder of one of them" }
        let files = names.filter { name in weightEndings.contains { name.hasSuffix($0) } && !isForeign(name) && !isState(name) }
        if !files.isEmpty { return "name its file: \(Format.list(files, first: 1))" }
        if let own = names.first(where: isForeign) {
            return "\(own) has Meta's or Mistral's own names for tensors, which are not known here: fetch the files named model*.safetensors; "
                + "or name the file, to keep it as it is"
        }
        return nil
    }

    /// Among these names, the files of safetensors that open a model whose name is not the usual one: indexes, else files that are no shards, adapters or of
    /// Mistral's own layout.
    package static func models(among names: [String]) -> [String] {
        let indexes = names.filter { $0.hasSuffix(indexEndings[0]) && !$0.hasPrefix(".") }
        guard indexes.isEmpty else { return indexes }
        return names.filter { name in
            name.hasSuffix(".\(SafetensorsPlan.fileExtension)") && !name.hasPrefix(".") && !name.hasPrefix("adapter") && !isForeign(name)
                && ShardName(name, fileExtension: SafetensorsPlan.fileExtension) == nil
        }
    }

    private static let indexEndings = [".safetensors.index.json", ".bin.index.json"]
    private static let weightEndings = [".safetensors", ".bin", ".pt", ".pth", ".ckpt"]

    private static func isForeign(_ name: String) -> Bool { name.hasPrefix("consolidated") && weightEndings.contains { name.hasSuffix($0) } }

    /// The state of a training run beside its model.
    private static func isState(_ name: String) -> Bool {
        ["training_args", "optimizer", "scheduler", "scaler", "rng_state"].contains { name.hasPrefix($0) }
    }
}
